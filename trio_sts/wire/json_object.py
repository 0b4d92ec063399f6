"""JSON objects: the outermost shape of every text message, and values inside one."""

from collections.abc import Mapping
from typing import Any, cast

import orjson

from trio_sts.errors import BadMessage

Json = Mapping[str, Any]


def typed_object(
    text: str | bytes, what: str, key: str = "type"
) -> tuple[str, dict[str, Any]]:
    """Parse a message.

    Args:
        text: The message; bytes are UTF-8.
        what: What an error calls it: ``message``, ``event`` or ``command``.
        key: The field that holds its type.

    Returns:
        Its type and all its fields.

    Raises:
        BadMessage: It is not JSON, not an object, or has no type. The text repeats
            nothing of the message.
    """
    try:
        parsed: object = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        fault = f"the {what} is not JSON"
        raise BadMessage(fault) from exc
    if not isinstance(parsed, dict):
        fault = f"the {what} is not a JSON object"
        raise BadMessage(fault)
    fields = cast("dict[str, Any]", parsed)
    kind = fields.get(key)
    if not isinstance(kind, str):
        fault = f"the {what} has no {key} that is a string"
        raise BadMessage(fault)
    return kind, fields


def object_or_none(value: object) -> Json | None:
    """The value if it is a JSON object."""
    return cast("Json", value) if isinstance(value, dict) else None


def is_object(text: str) -> bool:
    """Whether a text is a whole JSON object."""
    try:
        parsed: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(parsed, dict)
