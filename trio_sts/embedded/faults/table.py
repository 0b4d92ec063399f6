"""Every fault that can be ordered: its name, what is counted, its value, one line."""

from collections.abc import Mapping
from typing import Final, Literal

from attrs import frozen

Counted = Literal["connection", "update", "turn", "response"]


@frozen
class Value:
    """What may stand after ``=``.

    Attributes:
        kind: ``duration`` is written with its unit, as in 600ms or 10s; ``status`` is
            an HTTP status; ``names`` stand apart by ``+``.
        default: What it is where it is left out, in seconds; None: it must be given.
    """

    kind: Literal["duration", "status", "names"]
    default: float | None = None

    @property
    def shown(self) -> str:
        """As the help shows it."""
        word = {"duration": "TIME", "status": "STATUS", "names": "NAMES"}[self.kind]
        if self.default:
            word = f"{self.default:g}s"
        return f"={word}" if self.default is None else f"[={word}]"


@frozen
class Fault:
    """One fault.

    Attributes:
        name: As it is ordered.
        counts: What ``:2`` after it means the second of.
        about: What goes wrong, in one line.
        value: What may stand after ``=``; None: nothing.
    """

    name: str
    counts: Counted
    about: str
    value: Value | None = None

    @property
    def shown(self) -> str:
        """How it is written, as the help shows it."""
        return self.name + (self.value.shown if self.value else "")


_AUDIO: Final = Value("duration", 0)
_SOON: Final = Value("duration", 1)
_LONG: Final = Value("duration", 10)
_TIME: Final = Value("duration")
_SOME: Final = Value("names", 0)


def _table(
    counts: Counted, rows: Mapping[str, tuple[str, Value | None]]
) -> tuple[Fault, ...]:
    return tuple(
        Fault(name, counts, about, value) for name, (about, value) in rows.items()
    )


_CONNECTION: Final = {
    "slow_connect": ("the handshake takes TIME", _TIME),
    "reject_http": ("the handshake is refused with STATUS", Value("status")),
    "drop_after": ("the connection is reset after TIME", _TIME),
    "expired_after": ("session_expired and close 1001 after TIME", _TIME),
    "expired_open_after": ("session_expired after TIME, but no close", _TIME),
    "lifetime": ("as expired_after, announced by expires_at", _TIME),
    "wrong_format": ("session.updated names other audio formats", None),
    "odd_bytes": ("audio deltas are cut at odd bytes", None),
}
_UPDATE: Final = {
    "refuse": ("fields of these NAMES are refused as unknown", Value("names")),
    "refuse_transcriber": ("transcription models are refused, all or NAMES", _SOME),
    "update_unanswered": ("no session.updated and no error follows", None),
}
_TURN: Final = {
    "no_speech_started": ("only the commit, no speech_started or _stopped", None),
    "no_transcription": ("its transcript fails, by any model or NAMES", _SOME),
    "deaf": ("from here on pings are answered and nothing else", None),
}
_RESPONSE: Final = {
    "unanswered": ("it is asked for, and no event follows at all", None),
    "stall": ("no more events, after TIME of audio", _AUDIO),
    "drop": ("the connection is reset, after TIME of audio", _AUDIO),
    "empty": ("completed, without any output", None),
    "text_only": ("completed, as text without audio", None),
    "cut": ("incomplete: max_output_tokens, after TIME of audio", _AUDIO),
    "filtered": ("incomplete: content_filter, after TIME of audio", _AUDIO),
    "server_error": ("failed, after TIME of audio", _AUDIO),
    "error_only": ("error event but no response.done, after TIME of audio", _AUDIO),
    "rate_limit": ("failed: try again in that time", Value("duration", 1.5)),
    "insufficient_quota": ("failed for its quota", None),
    "no_done": ("no response.done at its end", None),
    "no_done_after_cancel": ("no response.done when it is cancelled", None),
    "busy_first": ("response.create is refused, then another one begins", None),
    "busy_late": ("another one begins, then response.create is refused", None),
    "think": ("events of text for that time, then the answer", _LONG),
    "two_parts": ("the audio comes in two content parts", None),
    "no_item_id": ("response.done has an item without its id", None),
    "odd_events": ("begins with ten dispensable events of odd shapes", None),
    "only_calls": ("nothing but a function call", None),
    "slow_arguments": ("a function call whose arguments take that time", _LONG),
    "half_call": ("a function call, cut before its arguments", None),
    "same_call_id": ("a function call, always with the same call_id", None),
    "mcp": ("an MCP call of that time, done before response.done", _SOON),
    "mcp_late": ("an MCP call of that time, done after response.done", _SOON),
    "mcp_failed": ("an MCP call of that time, which fails", _SOON),
}

TABLE: Final = (
    *_table("connection", _CONNECTION),
    *_table("update", _UPDATE),
    *_table("turn", _TURN),
    *_table("response", _RESPONSE),
)
