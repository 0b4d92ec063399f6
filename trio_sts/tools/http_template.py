"""Filling an operator's templates with what a model said, so that it stays data.

``{name}`` stands for an argument, ``{call.uuid}`` and ``{call.<key>}`` for the call.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

from attrs import frozen

from trio_sts.errors import ToolError, ToolFault

OF_THE_CALL = "call."
_SLOT = re.compile(r"\{([A-Za-z_][\w.-]*)\}")

Values = Mapping[str, Any]


def slots(template: object) -> Iterator[str]:
    """Yield the name of every slot in a string, or in the strings of a JSON value."""
    if isinstance(template, str):
        yield from _SLOT.findall(template)
    elif isinstance(template, dict):
        for part in cast("dict[str, object]", template).values():
            yield from slots(part)
    elif isinstance(template, list):
        for part in cast("list[object]", template):
            yield from slots(part)


@frozen
class UrlTemplate:
    """A URL whose scheme and host are the operator's, whatever the model says."""

    origin: str
    path: str
    query: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: object) -> "UrlTemplate":
        """Take a template apart.

        Raises:
            ToolFault: It is no http(s) URL, or a slot is outside of path and query.
        """
        if not isinstance(text, str):
            raise ToolFault("url must be a string")
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError as exc:
            raise ToolFault("url is no URL") from exc
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ToolFault("url must begin with http:// or https:// and a host")
        if "{" in parts.netloc or any(slots(parts.fragment)):
            raise ToolFault("url may have {slots} in its path and its query only")
        pairs = (each.partition("=") for each in parts.query.split("&") if each)
        return cls(
            origin=f"{parts.scheme}://{parts.netloc}",
            path=parts.path or "/",
            query=tuple((key, value) for key, _, value in pairs),
        )

    def fill(self, values: Values) -> str:
        """Return the URL; a query parameter whose slot has no value is left out.

        Raises:
            ToolError: A value would lead to another place than the template's.
        """
        path = _SLOT.sub(lambda slot: _quoted(values.get(slot[1])), self.path)
        if {"", ".", ".."} & set(self._filled_segments(path)):
            raise ToolError("An argument cannot be used in an address.")
        pairs = [
            f"{_SLOT.sub(lambda slot: _quoted(values.get(slot[1])), key)}="
            f"{_SLOT.sub(lambda slot: _quoted(values.get(slot[1])), value)}"
            for key, value in self.query
            if all(values.get(name) is not None for name in slots(key + value))
        ]
        return f"{self.origin}{path}" + (f"?{'&'.join(pairs)}" if pairs else "")

    def _filled_segments(self, path: str) -> Iterator[str]:
        """Yield the segments that hold a value: quoting left their number as it was."""
        for template, segment in zip(
            self.path.split("/"), path.split("/"), strict=True
        ):
            if any(slots(template)):
                yield segment


def fill_json(template: object, values: Values) -> object:
    """Return a JSON value: a string that is one slot becomes the value itself.

    A member of an object whose only slot has no value is left out.
    """
    if isinstance(template, str):
        whole = _SLOT.fullmatch(template)
        if whole:
            return values.get(whole[1])
        return _SLOT.sub(lambda slot: _text(values.get(slot[1])), template)
    if isinstance(template, dict):
        members = cast("dict[str, object]", template)
        return {
            key: fill_json(part, values)
            for key, part in members.items()
            if not _is_absent(part, values)
        }
    if isinstance(template, list):
        return [fill_json(part, values) for part in cast("list[object]", template)]
    return template


def _is_absent(part: object, values: Values) -> bool:
    whole = _SLOT.fullmatch(part) if isinstance(part, str) else None
    return whole is not None and whole[1] not in values


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quoted(value: object) -> str:
    return quote(_text(value), safe="", errors="replace")
