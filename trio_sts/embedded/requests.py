"""What a client's events must look like: items to create, responses to make, audio."""

import binascii
from collections.abc import Mapping
from typing import Any, Final

import pybase64

from .checks import (
    Schema,
    array,
    either,
    field_of,
    fixed,
    mapping,
    one_of,
    text,
    tools,
)
from .config import modalities
from .content import Part
from .items import Conversation, Item, new_id
from .refusal import Refusal

_METADATA_PAIRS = 16
_CONTENT_TYPES: Final = {
    "user": "input_text",
    "system": "input_text",
    "assistant": "output_text",
}


def required(message: Mapping[str, Any], name: str) -> Any:
    """A field that must be there.

    Raises:
        Refusal: It is not.
    """
    if name not in message:
        raise Refusal(
            "missing_required_parameter",
            f"Missing required parameter: '{name}'.",
            name,
        )
    return message[name]


def audio_of(message: Mapping[str, Any]) -> bytes:
    """The audio of an ``append``.

    Raises:
        Refusal: It is not base64.
    """
    try:
        return pybase64.b64decode(required(message, "audio"), validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        raise Refusal(
            "invalid_value",
            "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
            "but got an invalid value.",
            "audio",
        ) from exc


def _metadata(value: Any, param: str) -> None:
    if value is None:
        return
    metadata = mapping(value, param)
    if len(metadata) > _METADATA_PAIRS:
        raise Refusal("invalid_value", f"Too many pairs in '{param}'.", param)
    for item in metadata.values():
        text(item, param)


_RESPONSE: Final[Schema] = {
    "conversation": fixed("auto"),
    "instructions": text,
    "output_modalities": modalities,
    "max_output_tokens": either("inf", low=1, high=4096),
    "metadata": _metadata,
    "tools": tools,
    "tool_choice": either("auto", "none", "required", keys=("type", "name")),
}


def wish_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``response.create`` asks for.

    Raises:
        Refusal: A part of it is not understood.
    """
    wish: dict[str, Any] = message.get("response") or {}
    field_of(wish, "response", _RESPONSE)
    return wish


def item_of(message: Mapping[str, Any], conversation: Conversation) -> Item:
    """The item of a ``conversation.item.create``.

    Raises:
        Refusal: It is none that can be created.
    """
    fields = mapping(required(message, "item"), "item")
    kind = fields.get("type")
    own_id = str(fields.get("id") or new_id("item"))
    if kind == "message":
        return _message(fields, own_id)
    if kind == "function_call":
        return Item(
            id=own_id,
            type="function_call",
            call_id=_string(fields, "call_id"),
            name=_string(fields, "name"),
            arguments=_string(fields, "arguments"),
        )
    one_of("message", "function_call", "function_call_output")(kind, "item.type")
    call_id = _string(fields, "call_id")
    calls = [item.call_id for item in conversation.items if item.type != "message"]
    if call_id not in calls:
        raise Refusal(
            "invalid_tool_call_id",
            f"Tool call ID '{call_id}' not found in conversation.",
            "item.call_id",
        )
    output = _string(fields, "output")
    return Item(type="function_call_output", call_id=call_id, output=output, id=own_id)


def _message(fields: Mapping[str, Any], own_id: str) -> Item:
    role = fields.get("role")
    one_of(*_CONTENT_TYPES)(role, "item.role")
    wanted = _CONTENT_TYPES[str(role)]
    parts = array(fields.get("content"), "item.content")
    for index, part in enumerate(parts):
        where = f"item.content[{index}]"
        field_of(part, where, {"type": one_of(wanted), "text": text})
        if "text" not in part:
            raise Refusal(
                "missing_required_parameter",
                f"Missing required parameter: '{where}.text'.",
                f"{where}.text",
            )
    return Item(
        type="message",
        role=role,
        parts=[Part(type=wanted, said=part["text"]) for part in parts],
        id=own_id,
    )


def _string(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    text(value, f"item.{name}")
    return str(value)
