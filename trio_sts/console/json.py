"""JSON for browsers, whatever the texts in it are."""

from typing import Any

import orjson


def dumps(value: Any) -> bytes:
    """Write a value; half a surrogate pair, which no peer can be sent, becomes ``?``."""
    try:
        return orjson.dumps(value, default=str)
    except TypeError:
        return orjson.dumps(_clean(value), default=str)


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case dict():
            return {str(_clean(key)): _clean(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_clean(each) for each in value]
        case _:
            return value
