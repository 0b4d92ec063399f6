"""What we ask of a session, neutral of the dialect, and its two written forms."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from attrs import evolve, field, frozen
from typing_extensions import override


class Dialect(StrEnum):
    """Which shape of the Realtime API an endpoint speaks."""

    GA = "ga"
    BETA = "beta"


class OptionalField(StrEnum):
    """What a session can do without if its endpoint refuses it.

    The names are those of the GA dialect, the last one or two parts of the path.
    """

    TEMPERATURE = "temperature"
    REASONING = "reasoning"
    PARALLEL_TOOL_CALLS = "parallel_tool_calls"
    MAX_OUTPUT_TOKENS = "max_output_tokens"
    TOOL_CHOICE = "tool_choice"
    NOISE_REDUCTION = "noise_reduction"
    TRANSCRIPTION = "transcription"
    TRANSCRIBER = "transcription.model"
    LANGUAGE = "transcription.language"
    KEYWORDS = "transcription.keywords"
    TRUNCATION = "truncation"
    SPEED = "speed"
    THRESHOLD = "turn_detection.threshold"
    PREFIX_PADDING = "turn_detection.prefix_padding_ms"
    SILENCE_DURATION = "turn_detection.silence_duration_ms"
    EAGERNESS = "turn_detection.eagerness"
    CREATE_RESPONSE = "turn_detection.create_response"
    INTERRUPT_RESPONSE = "turn_detection.interrupt_response"

    @property
    def key(self) -> str:
        """Its name in the object that holds it."""
        return self.rpartition(".")[2]


@frozen
class RemoteServer:
    """A remote MCP server among the tools, which a session can do without as well."""

    label: str

    @override
    def __str__(self) -> str:
        return f"mcp.{self.label}"


# What to leave out of a session.
Refused = frozenset[OptionalField | RemoteServer]


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

    Attributes:
        transcription_fallback: What writes down the caller's words where the first model
            is refused; it takes one language and no keywords.
        transcription_lists: Whether ``transcription_model`` takes lists of languages
            and keywords instead of one language.
        truncation: ``disabled``, or which part of a full conversation is kept.
        instead: What is asked for where the endpoint refuses what is this call's own, by
            the name of its attribute.
    """

    instructions: str = field(repr=False)
    voice: str = "alloy"
    audio_format: Literal["pcm", "pcmu", "pcma"] = "pcm"
    tools: tuple[FunctionTool, ...] = ()
    mcp_servers: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    turn_detection: TurnDetection = TurnDetection()
    transcription_model: str | None = "whisper-1"
    transcription_fallback: str | None = None
    transcription_lists: bool = False
    transcription_keywords: tuple[str, ...] = ()
    language: str | None = None
    noise_reduction: Literal["near_field", "far_field"] | None = None
    max_tokens: int | Literal["inf"] = "inf"
    temperature: float | None = None
    reasoning_effort: str | None = None
    truncation: Literal["disabled"] | float | None = None
    speed: float | None = None
    instead: Mapping[str, Any] = field(factory=dict[str, Any])


_Fields = Mapping[OptionalField, Any]

_BETA_FORMATS = {"pcm": "pcm16", "pcmu": "g711_ulaw", "pcma": "g711_alaw"}
_BETA_NAMES: Mapping[str, str] = {
    OptionalField.NOISE_REDUCTION.key: "input_audio_noise_reduction",
    OptionalField.TRANSCRIPTION.key: "input_audio_transcription",
    OptionalField.MAX_OUTPUT_TOKENS.key: "max_response_output_tokens",
}


def ga_session(config: SessionConfig, refused: Refused) -> dict[str, Any]:
    """The ``session`` of a GA ``session.update``.

    Args:
        config: What is asked for.
        refused: What the endpoint refuses, to be left out.
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
                    {
                        OptionalField.NOISE_REDUCTION: _noise_reduction(config),
                        OptionalField.TRANSCRIPTION: _transcription(config, refused),
                    },
                ),
            },
            "output": {
                "format": _ga_format(config.audio_format),
                "voice": config.voice,
                **_set(refused, {OptionalField.SPEED: config.speed}),
            },
        },
        "tools": [*_functions(config), *_mcp(config, refused)],
        **_chosen(
            refused,
            {
                OptionalField.TOOL_CHOICE: "auto",
                OptionalField.MAX_OUTPUT_TOKENS: config.max_tokens,
            },
        ),
    }
    effort = config.reasoning_effort
    return session | _set(
        refused,
        {
            OptionalField.TEMPERATURE: config.temperature,
            # Both are understood by reasoning models only.
            OptionalField.REASONING: effort and {"effort": effort},
            OptionalField.PARALLEL_TOOL_CALLS: True if effort else None,
            OptionalField.TRUNCATION: _truncation(config.truncation),
        },
    )


def beta_session(config: SessionConfig, refused: Refused) -> dict[str, Any]:
    """The ``session`` of a beta ``session.update``; arguments as in `ga_session`.

    The beta dialect knows no reasoning, truncation, remote MCP servers and lists of
    languages and keywords: they are left out.
    """
    chosen = _chosen(
        refused,
        {
            OptionalField.NOISE_REDUCTION: _noise_reduction(config),
            OptionalField.TRANSCRIPTION: _transcription(
                evolve(config, transcription_lists=False), refused
            ),
            OptionalField.MAX_OUTPUT_TOKENS: config.max_tokens,
            OptionalField.TOOL_CHOICE: "auto",
        },
    )
    session = {
        "modalities": ["audio", "text"],
        "instructions": config.instructions,
        "voice": config.voice,
        "input_audio_format": _BETA_FORMATS[config.audio_format],
        "output_audio_format": _BETA_FORMATS[config.audio_format],
        "turn_detection": _turn_detection(config.turn_detection, refused),
        "tools": _functions(config),
    }
    session |= {_BETA_NAMES.get(name, name): value for name, value in chosen.items()}
    return session | _set(
        refused,
        {
            OptionalField.TEMPERATURE: config.temperature,
            OptionalField.SPEED: config.speed,
        },
    )


def _chosen(refused: Refused, fields: _Fields) -> dict[str, Any]:
    # None stays: it is sent as null, which switches the feature off.
    return {name.key: value for name, value in fields.items() if name not in refused}


def _set(refused: Refused, fields: _Fields) -> dict[str, Any]:
    chosen = _chosen(refused, fields)
    return {name: value for name, value in chosen.items() if value is not None}


def _ga_format(audio_format: str) -> dict[str, Any]:
    # Newer models refuse pcm without its rate, although there is only one.
    rate = {"rate": 24000} if audio_format == "pcm" else {}
    return {"type": f"audio/{audio_format}", **rate}


def _noise_reduction(config: SessionConfig) -> dict[str, str] | None:
    return {"type": config.noise_reduction} if config.noise_reduction else None


def _truncation(chosen: Literal["disabled"] | float | None) -> object:
    if isinstance(chosen, float):
        return {"type": "retention_ratio", "retention_ratio": chosen}
    return chosen


def _transcription(config: SessionConfig, refused: Refused) -> dict[str, Any] | None:
    model, lists = config.transcription_model, config.transcription_lists
    if OptionalField.TRANSCRIBER in refused and config.transcription_fallback:
        model, lists = config.transcription_fallback, False
    if model is None:
        return None
    asked: dict[str, Any] = {"model": model}
    if config.language and OptionalField.LANGUAGE not in refused:
        asked |= (
            {"languages": [config.language]} if lists else {"language": config.language}
        )
    words = config.transcription_keywords
    if lists and words and OptionalField.KEYWORDS not in refused:
        asked[OptionalField.KEYWORDS.key] = list(words)
    return asked


def _turn_detection(asked: TurnDetection, refused: Refused) -> dict[str, Any]:
    tuning: dict[OptionalField, Any] = {OptionalField.EAGERNESS: asked.eagerness}
    if asked.type == "server_vad":
        tuning = {
            OptionalField.THRESHOLD: asked.threshold,
            OptionalField.PREFIX_PADDING: asked.prefix_padding_ms,
            OptionalField.SILENCE_DURATION: asked.silence_ms,
        }
    tuning |= {
        OptionalField.CREATE_RESPONSE: True,
        OptionalField.INTERRUPT_RESPONSE: asked.interrupt_response,
    }
    return {"type": asked.type, **_set(refused, tuning)}


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


def _mcp(config: SessionConfig, refused: Refused) -> list[dict[str, Any]]:
    # Nobody on a phone call can approve a tool call, so unless the operator says
    # otherwise the servers that the operator listed need no approval.
    return [
        {"require_approval": "never", **server, "type": "mcp"}
        for server in config.mcp_servers
        if RemoteServer(str(server.get("server_label"))) not in refused
    ]
