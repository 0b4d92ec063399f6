"""Items that a client creates: messages of text and audio, calls and their outputs."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import trio

from .checks import array, boolean, mapping, one_of, text
from .content import Part
from .hearing import BYTES_PER_MS
from .items import Conversation, Item, new_id
from .refusal import Refusal
from .requests import audio_of, required

_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "user": ("input_text", "input_audio", "input_image"),
    "system": ("input_text",),
    "assistant": ("output_text", "output_audio"),
}
_KINDS: Final = ("message", "function_call", "function_call_output")
_CONTENT: Final = "item.content"
_LONGEST_ID = 100
Decode = Callable[[bytes], bytes]


def item_of(value: Any, conversation: Conversation, decode: Decode) -> Item:
    """The item of a ``conversation.item.create``, or one of a response's input.

    Args:
        value: What the client sent.
        conversation: Where the call of a ``function_call_output`` must be.
        decode: From the session's input format to PCM16LE, 8 kHz.

    Raises:
        Refusal: It is none that can be created.
    """
    fields = mapping(value, "item")
    kind = required(fields, "type", "item")
    own_id = _id(fields)
    match kind:
        case "message":
            return _message(fields, own_id, decode)
        case "function_call":
            return Item(
                id=own_id,
                type="function_call",
                call_id=_string(fields, "call_id", new_id("call")),
                name=_string(fields, "name"),
                arguments=_string(fields, "arguments"),
            )
        case "mcp_approval_response":
            return _approval(fields)
        case _:
            one_of(*_KINDS)(kind, "item.type")
    call_id = _string(fields, "call_id")
    if not any(item.call_id == call_id for item in conversation.items):
        raise Refusal(
            "invalid_tool_call_id",
            f"Tool call ID '{call_id}' not found in conversation.",
            "item.call_id",
        )
    output = _string(fields, "output")
    return Item(type="function_call_output", call_id=call_id, output=output, id=own_id)


def input_of(values: Any, conversation: Conversation, decode: Decode) -> list[Item]:
    """The items of a response's own ``input``: new ones, and references to others.

    Raises:
        Refusal: One is no good.
    """
    given = Conversation()
    for index, value in enumerate(array(values, "response.input")):
        fields = mapping(value, f"response.input[{index}]")
        if fields.get("type") != "item_reference":
            given.items.append(item_of(fields, given, decode))
            continue
        item = conversation.find(fields.get("id"))
        if item is None:
            shown = str(fields.get("id"))[:60]
            told = f"Item with item_id '{shown}' was not found."
            raise Refusal("invalid_value", told, f"response.input[{index}].id")
        given.items.append(item)
    return given.items


def _message(fields: Mapping[str, Any], own_id: str, decode: Decode) -> Item:
    role = required(fields, "role", "item")
    one_of(*_PARTS)(role, "item.role")
    parts: list[Part] = []
    for index, value in enumerate(array(required(fields, "content", "item"), _CONTENT)):
        where = f"{_CONTENT}[{index}]"
        part = mapping(value, where)
        kind = required(part, "type", where)
        one_of(*_PARTS[str(role)])(kind, f"{where}.type")
        parts.append(_part(kind, part, where, decode))
    return Item(type="message", role=role, parts=parts, id=own_id)


def _part(kind: str, part: Mapping[str, Any], where: str, decode: Decode) -> Part:
    if kind == "input_audio":
        pcm8k = decode(audio_of(part, where))
        return Part(
            type=kind,
            pcm8k=pcm8k,
            audio_ms=len(pcm8k) // BYTES_PER_MS,
            # Nothing is recognised in no audio, so that nobody must wait for it.
            heard=trio.Event() if pcm8k else None,
        )
    if kind == "input_image":
        url = required(part, "image_url", where)
        text(url, f"{where}.image_url")
        return Part(type=kind, image_url=url)
    # The service has no other way to take what an agent once said than as text.
    said = required(part, "text", where)
    text(said, f"{where}.text")
    return Part(type="output_text" if kind == "output_audio" else kind, said=said)


def _approval(fields: Mapping[str, Any]) -> NoReturn:
    """Nobody's approval is ever asked for here, so that none can be given."""
    boolean(required(fields, "approve", "item"), "item.approve")
    request_id = _string(fields, "approval_request_id")
    raise Refusal(
        "invalid_value",
        f"Approval request '{request_id}' not found in conversation.",
        "item.approval_request_id",
    )


def _id(fields: Mapping[str, Any]) -> str:
    own_id = fields.get("id")
    if own_id is None:
        return new_id("item")
    text(own_id, "item.id")
    if len(own_id) > _LONGEST_ID:
        told = "Invalid 'item.id': string too long."
        raise Refusal("string_above_max_length", told, "item.id")
    return str(own_id) or new_id("item")


def _string(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if value is None:
        required({}, name, "item")
    text(value, f"item.{name}")
    return str(value)
