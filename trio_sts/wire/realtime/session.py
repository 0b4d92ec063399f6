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
