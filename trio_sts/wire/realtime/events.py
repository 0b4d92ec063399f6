"""Events from the model, under their GA names; the codec folds the beta names in."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from .items import ErrorDetail, Item, RateLimit, Response, SessionInfo, Usage


@frozen
class SessionCreated:
    """``session.created``."""

    session: SessionInfo


@frozen
class SessionUpdated:
    """``session.updated``."""

    session: SessionInfo


@frozen
class ErrorEvent:
    """``error``: mostly recoverable, the session stays open."""

    error: ErrorDetail


@frozen
class SpeechStarted:
    """``input_audio_buffer.speech_started``."""

    item_id: str = ""


@frozen
class SpeechStopped:
    """``input_audio_buffer.speech_stopped``; ms on the clock of appended audio."""

    item_id: str = ""
    audio_end_ms: float = 0


@frozen
class InputCommitted:
    """``input_audio_buffer.committed``: the caller's turn is an item now."""

    item_id: str


@frozen
class InputTimeout:
    """``input_audio_buffer.timeout_triggered``: the VAD's idle timeout."""

    item_id: str = ""


@frozen
class ItemAdded:
    """``conversation.item.added`` or, in beta, ``conversation.item.created``."""

    item: Item


@frozen
class ItemDone:
    """``conversation.item.done``."""

    item: Item


@frozen
class TranscriptionCompleted:
    """The transcript of the caller's turn. Some endpoints repeat it with ``status`` in_progress."""

    item_id: str
    transcript: str = field(default="", repr=False)
    status: str | None = None
    usage: Mapping[str, Any] | None = None


@frozen
class TranscriptionFailed:
    """There will be no transcript of this item."""

    item_id: str
    error: ErrorDetail = ErrorDetail()


@frozen
class ResponseCreated:
    """``response.created``."""

    response: Response


@frozen
class OutputItemAdded:
    """``response.output_item.added``."""

    item: Item
    response_id: str = ""


@frozen
class OutputItemDone:
    """``response.output_item.done``."""

    item: Item
    response_id: str = ""


@frozen
class AudioDelta:
    """``response.output_audio.delta``; audio in the model's format, base64 undone."""

    response_id: str
    item_id: str
    audio: bytes = field(repr=False)
    content_index: int = 0


@frozen
class AudioDone:
    """``response.output_audio.done``: no more audio comes for this part."""

    response_id: str
    item_id: str
    content_index: int = 0


@frozen
class TranscriptDelta:
    """``response.output_audio_transcript.delta``: it runs ahead of the audio."""

    response_id: str
    item_id: str
    delta: str = field(default="", repr=False)
    content_index: int = 0


@frozen
class TranscriptDone:
    """``response.output_audio_transcript.done``."""

    response_id: str
    item_id: str
    transcript: str = field(default="", repr=False)
    content_index: int = 0


@frozen
class ArgumentsDone:
    """``response.function_call_arguments.done``; ``arguments`` is the model's raw JSON."""

    response_id: str
    item_id: str
    call_id: str
    name: str | None = None
    arguments: str = field(default="", repr=False)


@frozen
class ResponseDone:
    """``response.done``."""

    response: Response
    usage: Usage | None = None


@frozen
class RateLimitsUpdated:
    """``rate_limits.updated``: what is left of the account's limits; some never send it."""

    rate_limits: tuple[RateLimit, ...] = ()


@frozen
class McpProgress:
    """Any ``mcp_list_tools.*`` or ``response.mcp_call.*`` event, by its full type."""

    type: str
    item_id: str = ""


@frozen
class UnknownEvent:
    """An event of which no rule needs more than that it came, or one that is faulty.

    ``response_id`` is the response's that it belongs to, if it has one.
    """

    type: str
    response_id: str = ""


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ErrorEvent
    | SpeechStarted
    | SpeechStopped
    | InputCommitted
    | InputTimeout
    | ItemAdded
    | ItemDone
    | TranscriptionCompleted
    | TranscriptionFailed
    | ResponseCreated
    | OutputItemAdded
    | OutputItemDone
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | ArgumentsDone
    | ResponseDone
    | RateLimitsUpdated
    | McpProgress
    | UnknownEvent
)
