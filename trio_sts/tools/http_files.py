"""Tools in TOML: one HTTP request to the operator's own service each."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from attrs import frozen

from trio_sts.errors import ToolFault

from .http_template import OF_THE_CALL, UrlTemplate, slots

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_KEYS = frozenset(
    {
        "name",
        "description",
        "parameters",
        "method",
        "url",
        "headers",
        "body",
        "timeout_s",
        "answer",
        "silent",
        "ends_call",
    }
)
_VARIABLE = re.compile(r"\$\{(\w+)\}")
# RFC 9110 section 5: what a name may consist of, and what a value must not hold.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")


@frozen
class HttpFile:
    """One tool file as it was written, checked except for its environment.

    Attributes:
        parameters: The JSON Schema of the arguments, or None.
        body: A JSON template, or None for a request without a body.
        answer: The steps to the part of the JSON answer for the model, or None for all.
        silent: Whether nothing is to be said about the answer.
        ends_call: Whether it is call control; not checked yet.
    """

    name: object
    description: object
    parameters: object
    method: str
    url: UrlTemplate
    headers: Mapping[str, str]
    body: object
    timeout_s: float | None
    answer: tuple[str, ...] | None
    silent: bool
    ends_call: object


def read_http_file(path: Path) -> HttpFile:
    """Read and check a tool file.

    Raises:
        ToolFault: Naming the key that is wrong.
    """
    written = _parsed(path)
    unknown = sorted(written.keys() - _KEYS)
    if unknown:
        fault = f"unknown key {unknown[0]!r}"
        raise ToolFault(fault)
    method = str(written.get("method", "GET")).upper()
    if method not in _METHODS:
        fault = f"method must be one of {', '.join(_METHODS)}"
        raise ToolFault(fault)
    file = HttpFile(
        name=written.get("name", path.stem),
        description=written.get("description"),
        parameters=written.get("parameters"),
        method=method,
        url=UrlTemplate.parse(written.get("url")),
        headers=_headers(written.get("headers", {})),
        body=written.get("body"),
        timeout_s=_timeout_s(written.get("timeout_s")),
        answer=_steps(written.get("answer")),
        silent=_yes_or_no("silent", written.get("silent", False)),
        ends_call=written.get("ends_call"),
    )
    _check_slots(file)
    return file


def resolve_headers(file: HttpFile, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with ``${VARIABLE}`` filled from the environment.

    Raises:
        ToolFault: A variable is not set, or its value cannot be a header; names it.
    """
    resolved: dict[str, str] = {}
    for name, template in file.headers.items():
        for variable in _VARIABLE.findall(template):
            if not environ.get(variable):
                fault = f"header {name!r}: {variable} is not set"
                raise ToolFault(fault)
        value = _VARIABLE.sub(lambda found: environ[found[1]].strip(), template)
        if not _HEADER_VALUE.fullmatch(value):
            fault = f"header {name!r}: only printable ASCII is allowed"
            raise ToolFault(fault)
        resolved[name] = value
    return resolved


def _parsed(path: Path) -> dict[str, Any]:
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        json.dumps(parsed, allow_nan=False)  # no dates: templates and schemas are JSON
    except tomllib.TOMLDecodeError as exc:
        fault = f"not TOML: {exc}"
        raise ToolFault(fault) from exc
    except UnicodeDecodeError as exc:
        raise ToolFault("not UTF-8 text; save it as UTF-8") from exc
    except (OSError, ValueError, TypeError, RecursionError) as exc:
        fault = f"cannot be read: {exc}"
        raise ToolFault(fault) from exc
    return parsed


def _headers(written: object) -> Mapping[str, str]:
    if not isinstance(written, dict):
        raise ToolFault("headers must be a table")
    headers = cast("dict[str, object]", written)
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not isinstance(value, str):
            fault = f"header {name!r} must be a string under a valid name"
            raise ToolFault(fault)
    return cast("dict[str, str]", headers)


def _timeout_s(written: object) -> float | None:
    if written is None:
        return None
    if isinstance(written, bool) or not isinstance(written, int | float):
        raise ToolFault("timeout_s must be a number of seconds")
    if not 0 < written <= 600:  # noqa: PLR2004 - a caller does not wait for ten minutes
        raise ToolFault("timeout_s must be more than 0 and at most 600 seconds")
    return float(written)


def _yes_or_no(key: str, written: object) -> bool:
    if not isinstance(written, bool):
        fault = f"{key} must be true or false"
        raise ToolFault(fault)
    return written


def _steps(written: object) -> tuple[str, ...] | None:
    """Read ``/a/0/b`` (RFC 6901) or ``a.0.b``."""
    if written is None:
        return None
    if not isinstance(written, str):
        raise ToolFault(
            "answer must be a string such as 'data.status' or '/data/status'"
        )
    if not written:
        return ()
    if not written.startswith("/"):
        return tuple(written.split("."))
    steps = written[1:].split("/")
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


def _check_slots(file: HttpFile) -> None:
    schema = _table(file.parameters)
    known = _table(schema.get("properties")).keys()
    for name in known:
        if name.startswith(OF_THE_CALL):
            fault = f"parameter {name!r}: what begins with 'call.' comes from the call"
            raise ToolFault(fault)
    for name in (*slots(file.url.path), *_query_slots(file.url), *slots(file.body)):
        if name not in known and not name.startswith(OF_THE_CALL):
            fault = f"{{{name}}} is no parameter and does not begin with 'call.'"
            raise ToolFault(fault)
    required: object = schema.get("required", [])
    always = set(cast("list[object]", required) if isinstance(required, list) else [])
    for name in slots(file.url.path):
        if name not in always and not name.startswith(OF_THE_CALL):
            fault = f"{{{name}}} is in the path of url, so it must be required"
            raise ToolFault(fault)


def _query_slots(url: UrlTemplate) -> Iterator[str]:
    for key, value in url.query:
        yield from slots(key + value)


def _table(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
