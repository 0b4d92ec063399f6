"""The session's configuration: what a ``session.update`` may say, and what it does."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final

from .checks import (
    boolean,
    either,
    field_of,
    fixed,
    mapping,
    number,
    one_of,
    text,
    tools,
    whole,
)
from .refusal import Refusal
from .speech.vad import TurnRules
from .speech.voice import AGENTS

Check = Callable[[Any, str], None]
Schema = Mapping[str, "Check | Schema"]

_REASONING_MODELS: Final = "gpt-realtime-2"
# How long semantic turn detection waits here; the real one judges the sentence.
_EAGERNESS_MS: Final = {"low": 1200, "medium": 600, "auto": 600, "high": 300}


def _format(value: Any, param: str) -> None:
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
        "threshold": number(0, 1),
        "silence_duration_ms": whole(0, 10_000),
        "prefix_padding_ms": whole(0, 10_000),
        "create_response": boolean,
        "interrupt_response": boolean,
    },
    "semantic_vad": {
        "type": text,
        "eagerness": one_of(*_EAGERNESS_MS),
        "create_response": boolean,
        "interrupt_response": boolean,
    },
}
_VAD_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}


def _turn_detection(value: Any, param: str) -> None:
    if value is None:
        return
    kind = mapping(value, param).get("type", "server_vad")
    one_of(*_VAD)(kind, f"{param}.type")
    field_of(value, param, _VAD[kind])


def _optional(schema: Schema) -> Check:
    def check(value: Any, param: str) -> None:
        if value is not None:
            field_of(value, param, schema)

    return check


def modalities(value: Any, param: str) -> None:
    """``["audio"]`` or ``["text"]``."""
    if value not in (["audio"], ["text"]):
        raise Refusal("invalid_value", f"Invalid modalities: {value}.", param)


_SCHEMA: Final[Schema] = {
    "type": fixed("realtime"),
    "output_modalities": modalities,
    "instructions": text,
    "audio": {
        "input": {
            "format": _format,
            "noise_reduction": _optional(
                {"type": one_of("near_field", "far_field"), "strength": number(0, 1)}
            ),
            "transcription": _optional(
                {"model": text, "language": text, "prompt": text}
            ),
            "turn_detection": _turn_detection,
        },
        "output": {
            "format": _format,
            "voice": one_of(*AGENTS),
            "speed": number(0.25, 1.5),
        },
    },
    "tools": tools,
    "tool_choice": either("auto", "none", "required", keys=("type", "name")),
    "max_output_tokens": either("inf", low=1, high=4096),
    "truncation": either(
        "auto", "disabled", keys=("type", "retention_ratio", "token_limits")
    ),
    "include": fixed(None),
    "tracing": fixed(None),
    "prompt": fixed(None),
}
_REASONING: Final[Schema] = {
    "reasoning": {"effort": one_of("minimal", "low", "medium", "high", "xhigh")},
    "parallel_tool_calls": boolean,
}


def defaults(model: str) -> dict[str, Any]:
    """A new session's configuration."""
    pcm = {"type": "audio/pcm", "rate": 24000}
    config: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "You are a helpful assistant on the telephone.",
        "audio": {
            "input": {
                "format": dict(pcm),
                "noise_reduction": None,
                "transcription": None,
                "turn_detection": dict(_VAD_DEFAULTS["server_vad"]),
            },
            "output": {"format": dict(pcm), "voice": "alloy", "speed": 1.0},
        },
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "include": None,
        "tracing": None,
        "prompt": None,
    }
    if model.startswith(_REASONING_MODELS):
        config["reasoning"] = {"effort": "low"}
    return config


def merged(
    config: Mapping[str, Any], update: Any, *, model: str, refused: tuple[str, ...]
) -> dict[str, Any]:
    """The configuration after an update, which is obeyed whole or not at all.

    Args:
        config: The configuration before.
        update: The ``session`` object of the client.
        model: The session's model: some fields are for reasoning models only.
        refused: Last parts of the names of fields that are unknown here as well.

    Raises:
        Refusal: Something in it is unknown or wrong.
    """
    given = mapping(update, "session")
    if "type" not in given:
        raise Refusal(
            "missing_required_parameter",
            "Missing required parameter: 'session.type'.",
            "session.type",
        )
    reasons = model.startswith(_REASONING_MODELS)
    schema: Schema = {**_SCHEMA, **_REASONING} if reasons else _SCHEMA
    field_of(given, "session", schema, refused)
    result = deepcopy(dict(config))
    _merge(result, given)
    detection = result["audio"]["input"]["turn_detection"]
    if detection is not None:
        wanted = _VAD_DEFAULTS[detection.get("type", "server_vad")]
        result["audio"]["input"]["turn_detection"] = {**wanted, **detection}
    return result


_MERGED_DEEP: Final = {"audio", "input", "output"}


def _merge(into: dict[str, Any], update: Mapping[str, Any]) -> None:
    for name, value in update.items():
        if name in _MERGED_DEEP:
            _merge(into[name], value)
        else:
            into[name] = deepcopy(value)


def turn_rules(detection: Mapping[str, Any]) -> TurnRules:
    """The detector's numbers for a ``turn_detection`` with all its defaults."""
    if detection["type"] == "semantic_vad":
        return TurnRules(silence_ms=_EAGERNESS_MS[detection["eagerness"]])
    return TurnRules(
        threshold=detection["threshold"],
        silence_ms=detection["silence_duration_ms"],
        prefix_padding_ms=detection["prefix_padding_ms"],
    )
