"""What a conversation and a response consist of, as the Realtime API reports it."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class ContentPart:
    """One part of a message item: its text, or the transcript of its audio."""

    type: str
    text: str | None = field(default=None, repr=False)
    transcript: str | None = field(default=None, repr=False)


@frozen
class Item:
    """One conversation item of any kind; fields that its kind lacks are empty.

    ``id`` is empty where the endpoint told none: nothing can be said to it then.
    """

    id: str = ""
    type: str = ""
    role: str | None = None
    status: str | None = None
    content: tuple[ContentPart, ...] = field(default=(), repr=False)
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = field(default=None, repr=False)
    output: str | None = field(default=None, repr=False)
    server_label: str | None = None
    error: Mapping[str, Any] | str | None = field(default=None, repr=False)


@frozen
class ErrorDetail:
    """The ``error`` object of an error event or of a failed response."""

    type: str | None = None
    code: str | None = None
    message: str = field(default="", repr=False)
    param: str | None = None
    event_id: str | None = None


@frozen
class Usage:
    """Tokens of one response; every figure is 0 if the endpoint left it out."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0


@frozen
class RateLimit:
    """What is left of one limit of the account's.

    ``name`` is what is limited, ``requests`` or ``tokens``; what the endpoint left out, or
    sent as something else than a number, is None.
    """

    name: str
    limit: float | None = None
    remaining: float | None = None
    reset_seconds: float | None = None


@frozen
class Response:
    """A response as ``response.created`` and ``response.done`` show it."""

    id: str
    status: str = "in_progress"
    reason: str | None = None
    error: ErrorDetail | None = None
    output: tuple[Item, ...] = ()
    usage: Usage | None = None
    metadata: Mapping[str, Any] | None = None


@frozen
class SessionInfo:
    """The part of the echoed session that a relay looks at.

    ``expires_at`` is in Unix seconds. The formats are ``pcm``, ``pcmu``, ``pcma``, the
    endpoint's own name if it is none of these, or None if it said nothing.
    """

    id: str | None = None
    model: str | None = None
    expires_at: float | None = None
    input_format: str | None = None
    output_format: str | None = None
