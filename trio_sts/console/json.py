"""JSON for browsers, whatever the texts in it are."""

from typing import Any, cast

import orjson


def dumps(value: Any) -> bytes:
    """Write a value; half a surrogate pair, which no peer can be sent, becomes ``?``."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:
        return orjson.dumps(_clean(value), default=str)


def as_object(value: object) -> dict[str, Any] | None:
    """A value that was read, if it is a JSON object."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    fields = as_object(value)
    if fields is not None:
        return {str(_clean(key)): _clean(inner) for key, inner in fields.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in cast("list[object]", value)]
    return value
