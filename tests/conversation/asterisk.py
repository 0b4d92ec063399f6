"""Asterisk's end of the caller leg: it plays from a queue, and reports marks."""

from collections import deque
from math import ceil
from typing import Any, Self

from attrs import define, field
from typing_extensions import override

from trio_sts.audio.framing import FRAME_BYTES
from trio_sts.conversation import commands
from trio_sts.conversation.config import Rules
from trio_sts.wire import avr

from .stage import QUIET, Stage

_FRAME_S = 0.02


@define
class Driver:
    """The queue of Asterisk's WebSocket channel, by its own clock.

    A mark is reported at the tick that takes the frame behind it; a flush takes marks
    along, which are then never reported.

    Attributes:
        first_tick_at: When the clock begins: it plays nothing before.
        tick_s: How long its 20 ms are.
        reports: Whether it reports marks.
        played: Frames whose playing has begun, in order.
        most_queued: The longest the queue ever was, in frames.
    """

    first_tick_at: float
    tick_s: float = _FRAME_S
    reports: bool = True
    played: list[bytes] = field(factory=list[bytes])
    most_queued: int = 0
    _queue: deque[bytes | int] = field(factory=deque[bytes | int])
    _ticks: int = 0
    _plays: bool = False

    def receive(self, audio: avr.AgentAudio) -> None:
        """One message with audio, and the mark behind it."""
        starts = range(0, len(audio.pcm), FRAME_BYTES)
        self._queue += [audio.pcm[at : at + FRAME_BYTES] for at in starts]
        if audio.mark:
            self._queue.append(audio.mark)
        waiting = sum(isinstance(each, bytes) for each in self._queue)
        self.most_queued = max(self.most_queued, waiting)

    def flush(self) -> None:
        """FLUSH_MEDIA."""
        self._queue.clear()

    @property
    def next_tick_at(self) -> float:
        """When it looks into its queue again."""
        return self.first_tick_at + self._ticks * self.tick_s

    def tick(self) -> list[int]:
        """Play a frame; the marks that are reported."""
        self._ticks += 1
        marks: list[int] = []
        while self._queue:
            taken = self._queue.popleft()
            if isinstance(taken, bytes):
                self.played.append(taken)
                break
            marks.append(taken)
        return marks if self.reports else []


@define
class LineStage(Stage):
    """A conversation on Asterisk's line."""

    driver: Driver = field(init=False)

    @classmethod
    def on_line(
        cls,
        *,
        first_tick_s: float = 0.0,
        tick_s: float = _FRAME_S,
        reports: bool = True,
        **rules: Any,
    ) -> Self:
        """A call that Asterisk has placed: nobody has answered it."""
        given: dict[str, Any] = {"greeting": False, **QUIET, **rules}
        line: dict[str, Any] = {
            "reports_marks": True,
            "awaits_answer": True,
            "playout_delay_ms": 0,
        }
        stage = cls(Rules(**{**line, **given}))
        stage.driver = Driver(stage.now + first_tick_s, tick_s, reports)
        stage.init()
        return stage

    @classmethod
    def talking(cls, **given: Any) -> Self:
        """One that was answered, and has a session; nothing of that is remembered."""
        stage = cls.on_line(**given)
        stage.model_ready()
        stage.caller_frame()
        stage.mark()
        return stage

    @override
    def advance(self, seconds: float) -> None:
        """Let time pass, with a tick of each clock at its time."""
        until = self.now + seconds
        while True:
            at = min(self.conversation.deadline, self.driver.next_tick_at)
            if at > until + 1e-12:
                break
            self.now = max(self.now, at)
            if self.driver.next_tick_at <= self.now + 1e-12:
                for mark in self.driver.tick():
                    self.caller(avr.MarkPlayed(mark))
            else:
                self.tick()
                assert self.conversation.deadline > self.now, "a busy loop"
        self.now = max(self.now, until)

    @property
    def played_ms(self) -> int:
        """How much the peer has begun to play."""
        return 20 * len(self.driver.played)

    @override
    def _to_caller(self, message: avr.ToCore) -> None:
        self.log.append((self.now, message))
        if isinstance(message, avr.AgentAudio):
            self.driver.receive(message)
        elif isinstance(message, avr.Interruption):
            self.driver.flush()

    @property
    def order(self) -> list[str]:
        """What was commanded since the last `mark`, without notes and records."""
        quiet = (commands.Note, commands.Record)
        seen = [what for _, what in self.log[self._marked :]]
        return [type(what).__name__ for what in seen if not isinstance(what, quiet)]


def frames_in(seconds: float) -> int:
    """How many of 20 ms begin in this time."""
    return ceil(seconds / _FRAME_S - 1e-9)
