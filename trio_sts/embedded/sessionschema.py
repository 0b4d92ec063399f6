"""What a ``session.update`` may say: the checks of every field."""

from collections.abc import Mapping
from typing import Any, Final

from .checks import (
    Schema,
    array,
    boolean,
    either,
    field_of,
    fixed,
    mapping,
    number,
    one_of,
    optional,
    text,
    texts,
    whole,
)
from .refusal import Refusal
from .speech.voice import AGENTS
from .toolschema import tool_choice, tools


def audio_format(value: Any, param: str) -> None:
    """``audio/pcm`` at 24 kHz, ``audio/pcmu`` or ``audio/pcma``."""
    field_of(value, param, {"type": text, "rate": number(24000, 24000)})
    one_of("audio/pcm", "audio/pcmu", "audio/pcma")(value.get("type"), f"{param}.type")
    if value["type"] == "audio/pcm" and "rate" not in value:
        raise Refusal(
            "missing_required_parameter",
            f"Missing required parameter: '{param}.rate'.",
            f"{param}.rate",
        )
    if value["type"] != "audio/pcm" and "rate" in value:
        raise Refusal(
            "unknown_parameter",
            f"Unknown parameter: '{param}.rate'.",
            f"{param}.rate",
        )


_VAD: Final[Mapping[str, Schema]] = {
    "server_vad": {
        "type": text,
        "idle_timeout_ms": optional(whole(5000, 30_000)),
        "threshold": number(0, 1),
        "silence_duration_ms": whole(0, 10_000),
        "prefix_padding_ms": whole(0, 10_000),
        "create_response": boolean,
        "interrupt_response": boolean,
    },
    "semantic_vad": {
        "type": text,
        "eagerness": one_of("low", "medium", "high", "auto"),
        "create_response": boolean,
        "interrupt_response": boolean,
    },
}


def _turn_detection(value: Any, param: str) -> None:
    if value is None:
        return
    kind = mapping(value, param).get("type", "server_vad")
    one_of(*_VAD)(kind, f"{param}.type")
    field_of(value, param, _VAD[kind])


def voice(value: Any, param: str) -> None:
    """The name of a voice, or the id of a custom one."""
    if isinstance(value, dict):
        field_of(value, param, {"id": text})
        if "id" not in value:
            told = f"Missing required parameter: '{param}.id'."
            raise Refusal("missing_required_parameter", told, f"{param}.id")
    else:
        one_of(*AGENTS)(value, param)


def _tracing(value: Any, param: str) -> None:
    if isinstance(value, dict):
        allowed: Schema = {"workflow_name": text, "group_id": text, "metadata": mapping}
        field_of(value, param, allowed)
    elif value is not None:
        fixed("auto")(value, param)


def _include(value: Any, param: str) -> None:
    for index, name in enumerate(array(value, param)):
        one_of("item.input_audio_transcription.logprobs")(name, f"{param}[{index}]")


def modalities(value: Any, param: str) -> None:
    """``["audio"]`` or ``["text"]``."""
    if value not in (["audio"], ["text"]):
        raise Refusal("invalid_value", f"Invalid modalities: {value}.", param)


PROMPT: Final[Schema] = {
    "id": text,
    "version": optional(text),
    "variables": optional(mapping),
}
SESSION: Final[Schema] = {
    "type": fixed("realtime"),
    "model": optional(text),
    "output_modalities": optional(modalities),
    "instructions": optional(text),
    "audio": {
        "input": {
            "format": optional(audio_format),
            "noise_reduction": optional(
                {"type": one_of("near_field", "far_field"), "strength": number(0, 1)}
            ),
            "transcription": optional(
                {
                    "model": text,
                    "language": text,
                    "languages": texts,
                    "keywords": texts,
                    "prompt": text,
                    "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
                }
            ),
            "turn_detection": _turn_detection,
        },
        "output": {
            "format": optional(audio_format),
            "voice": optional(voice),
            "speed": optional(number(0.25, 1.5)),
        },
    },
    "tools": optional(tools),
    "tool_choice": optional(tool_choice),
    "max_output_tokens": optional(either("inf", low=1, high=4096)),
    "truncation": optional(
        either("auto", "disabled", keys=("type", "retention_ratio", "token_limits"))
    ),
    "include": optional(_include),
    "tracing": _tracing,
    "prompt": optional(PROMPT),
}
# What models that reason take besides.
REASONING: Final[Schema] = {
    "reasoning": optional(
        {"effort": optional(one_of("minimal", "low", "medium", "high", "xhigh"))}
    ),
    "parallel_tool_calls": optional(boolean),
}
