"""From parsed JSON to typed events: strict where a rule of ours looks, else tolerant.

Endpoints differ in what they leave out, so ``null`` counts as absent everywhere and a
field that nothing depends on is dropped when it has an unexpected type.
"""

import operator
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast

from attrs import AttrsInstance
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from trio_sts.errors import BadMessage
from trio_sts.wire.json_object import Json, object_or_none

from .formats import input_format, output_format
from .items import (
    ContentPart,
    ErrorDetail,
    Item,
    RateLimit,
    Response,
    SessionInfo,
    Usage,
)

_Items = tuple[Item, ...]
_Limits = tuple[RateLimit, ...]
_Parts = tuple[ContentPart, ...]

_E = TypeVar("_E", bound=AttrsInstance)


class _WrongField(TypeError):
    """A value does not fit its field; the text says what would."""


def structure(fields: Json, event: type[_E]) -> _E:
    """Build one event from its JSON object.

    Raises:
        BadMessage: A field that matters is missing or has the wrong type. The text
            repeats no value of the message.
    """
    try:
        return _converter.structure(fields, event)
    except KeyError as exc:
        fault = f"the field {exc.args[0]} is missing"
        raise BadMessage(fault) from exc
    except _WrongField as exc:
        fault = f"a field is wrong: {exc}"
        raise BadMessage(fault) from exc


def text_or_none(value: object) -> str | None:
    """The value if it is a string."""
    return value if isinstance(value, str) else None


def _string(value: object, _: object = str) -> str:
    if not isinstance(value, str):
        raise _WrongField("not a string")
    return value


def _number(value: object, _: object = float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongField("not a number")
    return value


def _number_or_none(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


def _integer(value: object, _: object = int) -> int:
    number = _number(value)
    if not float(number).is_integer():
        raise _WrongField("not an integer")
    return int(number)


def _object(value: object, _: object = None) -> Json:
    found = object_or_none(value)
    if found is None:
        raise _WrongField("not an object")
    return found


def _without_nulls(value: object) -> dict[str, Any]:
    return {key: kept for key, kept in _object(value).items() if kept is not None}


# An echoed output may be a list of parts, usage a number: no rule reads those.
_DISPENSABLE: Mapping[str, type | tuple[type, ...]] = {
    "output": str,
    "error": (str, dict),
    "usage": dict,
}


def _readable(value: object) -> dict[str, Any]:
    fields = _without_nulls(value)
    for name, wanted in _DISPENSABLE.items():
        if name in fields and not isinstance(fields[name], wanted):
            del fields[name]
    return fields


def _error(value: object, _: object = None) -> ErrorDetail:
    # Gateways send a bare sentence, or an HTTP status as the code.
    if isinstance(value, str):
        return ErrorDetail(message=value)
    fields = _object(value)
    code = fields.get("code")
    return ErrorDetail(
        type=text_or_none(fields.get("type")),
        code=None if code is None or isinstance(code, dict | list) else str(code),
        message=text_or_none(fields.get("message")) or "",
        param=text_or_none(fields.get("param")),
        event_id=text_or_none(fields.get("event_id")),
    )


def _count(fields: Json, name: str) -> int:
    return max(0, int(_number_or_none(fields.get(name)) or 0))


def _usage(value: object, _: object = None) -> Usage:
    total = object_or_none(value) or {}
    sent = object_or_none(total.get("input_token_details")) or {}
    cached = object_or_none(sent.get("cached_tokens_details")) or {}
    spoken = object_or_none(total.get("output_token_details")) or {}
    return Usage(
        input_text_tokens=_count(sent, "text_tokens"),
        input_audio_tokens=_count(sent, "audio_tokens"),
        cached_text_tokens=_count(cached, "text_tokens"),
        cached_audio_tokens=_count(cached, "audio_tokens"),
        output_text_tokens=_count(spoken, "text_tokens"),
        output_audio_tokens=_count(spoken, "audio_tokens"),
    )


def _response(value: object, _: object = None) -> Response:
    fields = _without_nulls(value)
    # An object in the schema; one endpoint sends a word, most send null.
    details = fields.get("status_details")
    known = object_or_none(details) or {}
    why = object_or_none(fields.get("incomplete_details")) or {}
    reason = details if isinstance(details, str) else known.get("reason")
    error = known.get("error")
    usage = object_or_none(fields.get("usage"))
    return Response(
        id=text_or_none(fields.get("id")) or "",
        status=text_or_none(fields.get("status")) or "in_progress",
        reason=text_or_none(reason) or text_or_none(why.get("reason")),
        error=None if error is None else _error(error),
        output=_items(fields.get("output")),
        usage=None if usage is None else _usage(usage),
        metadata=object_or_none(fields.get("metadata")),
    )


def _session(value: object, _: object = None) -> SessionInfo:
    fields = _object(value)
    return SessionInfo(
        id=text_or_none(fields.get("id")),
        model=text_or_none(fields.get("model")),
        expires_at=_number_or_none(fields.get("expires_at")),
        input_format=input_format(fields),
        output_format=output_format(fields),
    )


def _items(value: object, _: object = None) -> tuple[Item, ...]:
    return _readable_ones(value, Item)


def _parts(value: object, _: object = None) -> tuple[ContentPart, ...]:
    return _readable_ones(value, ContentPart)


# More than any endpoint has.
_MOST_LIMITS = 16
_LIMIT_NAME_CHARS = 64


def _limits(value: object, _: object = None) -> tuple[RateLimit, ...]:
    found = cast("list[object]", value) if isinstance(value, list) else []
    limits = [object_or_none(each) or {} for each in found[:_MOST_LIMITS]]
    return tuple(_limit(each) for each in limits if text_or_none(each.get("name")))


def _limit(fields: Json) -> RateLimit:
    return RateLimit(
        (text_or_none(fields.get("name")) or "")[:_LIMIT_NAME_CHARS],
        *(
            _number_or_none(fields.get(name))
            for name in ("limit", "remaining", "reset_seconds")
        ),
    )


def _readable_ones(value: object, kind: type[_E]) -> tuple[_E, ...]:
    """The elements of a list that can be read: a faulty one costs itself alone."""
    found: list[_E] = []
    for each in cast("list[object]", value) if isinstance(value, list) else []:
        try:
            found.append(_converter.structure(each, kind))
        except (KeyError, _WrongField):
            continue
    return tuple(found)


def _as_is(value: object, _: object = None) -> object:
    return value


def _hooks() -> Converter:
    converter = Converter(detailed_validation=False)
    scalars = {str: _string, float: _number, int: _integer}
    objects = {ErrorDetail: _error, Usage: _usage, Response: _response}
    for kind, hook in {**scalars, **objects, SessionInfo: _session}.items():
        converter.register_structure_hook(kind, hook)
    generics = {Mapping[str, Any]: _object, _Items: _items, _Parts: _parts}
    generics |= {_Limits: _limits}
    for kind, hook in generics.items():
        converter.register_structure_hook_func(partial(operator.eq, kind), hook)
    converter.register_structure_hook(Mapping[str, Any] | str | None, _as_is)

    converter.register_structure_hook_factory(_is_plain, partial(_plain, converter))
    return converter


def _plain(converter: Converter, kind: type[Any]) -> Callable[[object, object], Any]:
    build = make_dict_structure_fn(kind, converter)

    def structured(value: object, _: object) -> Any:
        return build(_readable(value), kind)

    return structured


def _is_plain(kind: Any) -> bool:
    own_hook = (ErrorDetail, Usage, Response, SessionInfo)
    return hasattr(kind, "__attrs_attrs__") and kind not in own_hook


_converter = _hooks()
