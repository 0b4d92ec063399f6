"""The session's configuration: what a ``session.update`` may say, and what it does."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from .checks import Schema, field_of, mapping
from .refusal import Refusal
from .sessionschema import REASONING, SESSION
from .speech.vad import TurnRules

_REASONING_MODELS: Final = "gpt-realtime-2"
# How long semantic turn detection waits here; the real one judges the sentence.
_EAGERNESS_MS: Final = {"low": 1200, "medium": 600, "auto": 600, "high": 300}


_VAD_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
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
    schema: Schema = {**SESSION, **REASONING} if reasons else SESSION
    field_of(given, "session", schema, refused)
    if (
        config["tracing"] is not None
        and given.get("tracing", config["tracing"]) != (config["tracing"])
    ):
        told = "Tracing configuration cannot be changed once it is enabled."
        raise Refusal("invalid_value", told, "session.tracing")
    result = deepcopy(dict(config))
    # The model of a session is that of its URL, whatever an update says.
    _merge(result, {name: of for name, of in given.items() if name != "model"})
    output = result["audio"]["output"]
    if isinstance(output["voice"], dict):
        output["voice"] = output["voice"]["id"]
    detection = result["audio"]["input"]["turn_detection"]
    if detection is not None:
        wanted = _VAD_DEFAULTS[detection.get("type", "server_vad")]
        result["audio"]["input"]["turn_detection"] = {**wanted, **detection}
    return result


_MERGED_DEEP: Final = {"audio", "input", "output"}
# Null empties these; elsewhere it is what clients write who want nothing changed.
_EMPTIED: Final = {
    "noise_reduction",
    "transcription",
    "turn_detection",
    "include",
    "tracing",
    "prompt",
}


def _merge(into: dict[str, Any], update: Mapping[str, Any]) -> None:
    for name, value in update.items():
        if name in _MERGED_DEEP:
            _merge(into[name], value)
        elif value is not None or name in _EMPTIED:
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
