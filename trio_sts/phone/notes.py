"""What is written down during a call, bounded, and the report made of it."""

from typing import Literal, TypeVar

from attrs import define, evolve, field

from trio_sts.audio.framing import FRAME_MS

from .line import Line
from .report import CallReport, Faults, Interrupted, Outcome, Said

_T = TypeVar("_T")

# A service may send as much as it likes; a person reads no more than this.
MAX_LINES = 2000
MAX_CHARS = 2000


def printable(text: str) -> str:
    """A peer's words, cut and without control characters: they go to a terminal."""
    kept = (char if char.isprintable() else " " for char in text[:MAX_CHARS])
    return "".join(kept).strip()


@define
class Notes:
    """What the service sent beside audio, and how the call ended."""

    bad_messages: int = 0
    unknown_messages: int = 0
    unsent: int = 0
    http_status: int | None = None
    rang_ms: int | None = None
    next_step: str = ""
    _interruptions: list[Interrupted] = field(factory=list[Interrupted])
    _transcripts: list[Said] = field(factory=list[Said])
    _errors: list[str] = field(factory=list[str])
    _outcome: Outcome = Outcome.UNREACHABLE
    _code: int | None = None
    _reason: str = ""

    def end(self, outcome: Outcome, code: int | None, reason: str) -> None:
        """How the call ended."""
        self._outcome, self._code, self._reason = outcome, code, printable(reason)

    @property
    def left_by_service(self) -> bool:
        """Whether the service ended the call, and the caller is still there."""
        return self._outcome in {Outcome.SERVICE_CLOSED, Outcome.SERVICE_HUNG_UP}

    def interrupt(self, interrupted: Interrupted) -> Interrupted:
        """Write an interruption down."""
        _keep(self._interruptions, interrupted)
        return interrupted

    def say(self, at_ms: int, role: Literal["user", "agent"], text: str) -> Said:
        """Write a transcript down."""
        said = Said(at_ms, role, printable(text))
        _keep(self._transcripts, said)
        return said

    def fail(self, message: str) -> str:
        """Write an error down."""
        told = printable(message)
        _keep(self._errors, told)
        return told

    def report(self, uuid: str, line: Line) -> CallReport:
        """Everything, with what the line knows."""
        playback = line.playback
        faults = Faults(
            bad_messages=self.bad_messages,
            unknown_messages=self.unknown_messages,
            odd_frames=playback.odd,
            dropped_frames=playback.dropped,
            unheard_frames=playback.unheard,
            gaps=playback.gaps,
            unsent_frames=self.unsent,
        )
        return CallReport(
            uuid=uuid,
            outcome=self._outcome,
            close_code=self._code,
            reason=self._reason,
            http_status=self.http_status,
            next_step=self.next_step,
            rang_ms=self.rang_ms,
            duration_s=_seconds(line.slot),
            greeting_ms=_greeting_ms(line),
            turns=tuple(evolve(turn) for turn in line.turns),
            interruptions=tuple(self._interruptions),
            transcripts=tuple(self._transcripts),
            errors=tuple(self._errors),
            received_s=_seconds(playback.received),
            played_s=_seconds(playback.played),
            heard_s=_seconds(line.heard),
            flushed_s=_seconds(playback.flushed),
            unplayed_s=_seconds(playback.queued),
            faults=faults,
        )


def _keep(kept: list[_T], new: _T) -> None:
    if len(kept) < MAX_LINES:
        kept.append(new)


def _greeting_ms(line: Line) -> int | None:
    heard = line.first_heard_slot
    if heard is None or (line.turns and line.turns[0].start_slot <= heard):
        return None
    return heard * FRAME_MS


def _seconds(slots: int) -> float:
    return slots * FRAME_MS / 1000
