"""What we ask of a session, neutral of the dialect, and its two written forms."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from attrs import field, frozen


class Dialect(StrEnum):
    """Which shape of the Realtime API an endpoint speaks."""

    GA = "ga"
    BETA = "beta"


@frozen
class FunctionTool:
    """A function that the model may call; ``parameters`` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@frozen
class TurnDetection:
    """Who decides that the caller's turn is over, and how soon."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float | None = 0.5
    silence_ms: int | None = 500
    prefix_padding_ms: int | None = 300
    eagerness: str | None = None
    interrupt_response: bool = True


@frozen
class SessionConfig:
    """Everything that the settings, the call and the tools ask of a session.

    ``None`` leaves a field out. ``reasoning_effort`` is None for models without it;
    ``temperature`` is None where the endpoint must not be sent one.
    """

    instructions: str = field(repr=False)
    voice: str = "alloy"
    audio_format: Literal["pcm", "pcmu", "pcma"] = "pcm"
    tools: tuple[FunctionTool, ...] = ()
    mcp_servers: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    turn_detection: TurnDetection = TurnDetection()
    transcription_model: str | None = "whisper-1"
    language: str | None = None
    noise_reduction: Literal["near_field", "far_field"] | None = None
    max_tokens: int | Literal["inf"] = "inf"
    temperature: float | None = None
    reasoning_effort: str | None = None


_BETA_FORMATS = {"pcm": "pcm16", "pcmu": "g711_ulaw", "pcma": "g711_alaw"}


def ga_session(config: SessionConfig, refused: frozenset[str]) -> dict[str, Any]:
    """The ``session`` of a GA ``session.update``.

    Args:
        config: What is asked for.
        refused: Names of optional fields that the endpoint refuses, to be left out:
            ``temperature``, ``reasoning``, ``parallel_tool_calls``,
            ``max_output_tokens``, ``tool_choice``, ``noise_reduction``,
            ``transcription``, ``transcription.language``, ``turn_detection.<key>``
            and ``mcp.<server_label>``.
    """
    session = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": config.instructions,
        "audio": {
            "input": {
                "format": _ga_format(config.audio_format),
                "turn_detection": _turn_detection(config.turn_detection, refused),
                **_chosen(
                    refused,
                    noise_reduction=_noise_reduction(config),
                    transcription=_transcription(config, refused),
                ),
            },
            "output": {
                "format": _ga_format(config.audio_format),
                "voice": config.voice,
            },
        },
        "tools": [*_functions(config), *_mcp(config, refused)],
        **_chosen(refused, tool_choice="auto", max_output_tokens=config.max_tokens),
    }
    return session | _set(
        refused,
        temperature=config.temperature,
        # Both are understood by reasoning models only.
        reasoning=config.reasoning_effort and {"effort": config.reasoning_effort},
        parallel_tool_calls=True if config.reasoning_effort else None,
    )


def beta_session(config: SessionConfig, refused: frozenset[str]) -> dict[str, Any]:
    """The ``session`` of a beta ``session.update``; arguments as in `ga_session`.

    The beta dialect knows no reasoning and no remote MCP servers: they are left out.
    """
    chosen = _chosen(
        refused,
        noise_reduction=_noise_reduction(config),
        transcription=_transcription(config, refused),
        max_output_tokens=config.max_tokens,
        tool_choice="auto",
    )
    names = {
        "noise_reduction": "input_audio_noise_reduction",
        "transcription": "input_audio_transcription",
        "max_output_tokens": "max_response_output_tokens",
    }
    session = {
        "modalities": ["audio", "text"],
        "instructions": config.instructions,
        "voice": config.voice,
        "input_audio_format": _BETA_FORMATS[config.audio_format],
        "output_audio_format": _BETA_FORMATS[config.audio_format],
        "turn_detection": _turn_detection(config.turn_detection, refused),
        "tools": _functions(config),
    }
    session |= {names.get(name, name): value for name, value in chosen.items()}
    return session | _set(refused, temperature=config.temperature)


def _chosen(refused: frozenset[str], **fields: Any) -> dict[str, Any]:
    # None stays: it is sent as null, which switches the feature off.
    return {name: value for name, value in fields.items() if name not in refused}


def _set(refused: frozenset[str], **fields: Any) -> dict[str, Any]:
    chosen = _chosen(refused, **fields)
    return {name: value for name, value in chosen.items() if value is not None}


def _ga_format(audio_format: str) -> dict[str, Any]:
    # Newer models refuse pcm without its rate, although there is only one.
    rate = {"rate": 24000} if audio_format == "pcm" else {}
    return {"type": f"audio/{audio_format}", **rate}


def _noise_reduction(config: SessionConfig) -> dict[str, str] | None:
    return {"type": config.noise_reduction} if config.noise_reduction else None


def _transcription(
    config: SessionConfig, refused: frozenset[str]
) -> dict[str, str] | None:
    if config.transcription_model is None:
        return None
    asked = {"model": config.transcription_model}
    if config.language and "transcription.language" not in refused:
        asked["language"] = config.language
    return asked


def _turn_detection(asked: TurnDetection, refused: frozenset[str]) -> dict[str, Any]:
    tuning: dict[str, Any] = {"eagerness": asked.eagerness}
    if asked.type == "server_vad":
        tuning = {
            "threshold": asked.threshold,
            "prefix_padding_ms": asked.prefix_padding_ms,
            "silence_duration_ms": asked.silence_ms,
        }
    tuning |= {
        "create_response": True,
        "interrupt_response": asked.interrupt_response,
    }
    kept = {
        key: value
        for key, value in tuning.items()
        if value is not None and f"turn_detection.{key}" not in refused
    }
    return {"type": asked.type, **kept}


def _functions(config: SessionConfig) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        }
        for tool in config.tools
    ]


def _mcp(config: SessionConfig, refused: frozenset[str]) -> list[dict[str, Any]]:
    # Nobody on a phone call can approve a tool call, so unless the operator says
    # otherwise the servers that the operator listed need no approval.
    return [
        {"require_approval": "never", **server, "type": "mcp"}
        for server in config.mcp_servers
        if f"mcp.{server.get('server_label')}" not in refused
    ]
