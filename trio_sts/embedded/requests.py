"""What a client's events must look like: responses to make, audio, required fields."""

import binascii
from collections.abc import Mapping
from typing import Any, Final

import pybase64

from .checks import (
    Schema,
    array,
    boolean,
    either,
    field_of,
    mapping,
    one_of,
    optional,
    text,
)
from .refusal import Refusal
from .sessionschema import PROMPT, audio_format, modalities, voice
from .toolschema import tool_choice, tools

_METADATA_PAIRS = 16


def required(message: Mapping[str, Any], name: str, where: str = "") -> Any:
    """A field that must be there; ``where`` it is, in the words of the error.

    Raises:
        Refusal: It is not.
    """
    if name not in message:
        path = f"{where}.{name}" if where else name
        told = f"Missing required parameter: '{path}'."
        raise Refusal("missing_required_parameter", told, path)
    return message[name]


def audio_of(message: Mapping[str, Any], where: str = "") -> bytes:
    """The audio of an ``append``, or of a part of an item.

    Raises:
        Refusal: It is not base64.
    """
    try:
        return pybase64.b64decode(required(message, "audio", where), validate=True)
    except (binascii.Error, TypeError, ValueError) as exc:
        path = f"{where}.audio" if where else "audio"
        raise Refusal(
            "invalid_value",
            f"Invalid '{path}'. Expected base64-encoded audio bytes (mono PCM16 at "
            "24kHz) but got an invalid value.",
            path,
        ) from exc


def _metadata(value: Any, param: str) -> None:
    metadata = mapping(value, param)
    if len(metadata) > _METADATA_PAIRS:
        raise Refusal("invalid_value", f"Too many pairs in '{param}'.", param)
    for item in metadata.values():
        text(item, param)


_RESPONSE: Final[Schema] = {
    "conversation": optional(one_of("auto", "none")),
    "input": optional(array),
    "instructions": optional(text),
    "output_modalities": optional(modalities),
    "audio": {"output": {"format": optional(audio_format), "voice": optional(voice)}},
    "max_output_tokens": optional(either("inf", low=1, high=4096)),
    "metadata": optional(_metadata),
    "tools": optional(tools),
    "tool_choice": optional(tool_choice),
    "parallel_tool_calls": optional(boolean),
    "reasoning": optional(mapping),
    "prompt": optional(PROMPT),
}


def wish_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """What a ``response.create`` asks for; what is null is not asked for.

    Raises:
        Refusal: A part of it is not understood.
    """
    wish: dict[str, Any] = message.get("response") or {}
    field_of(wish, "response", _RESPONSE)
    return {name: of for name, of in wish.items() if of is not None}
