"""Messages that wait for one socket: posted by anyone, taken by one writer.

Posting never waits, so neither leg can hold up the other. What a slow peer makes
pile up is bounded: audio in milliseconds, where the oldest is the least missed, and
control messages in number, where none can be missed and too many end the leg.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import trio
from attrs import define, field

_M = TypeVar("_M")


@define(eq=False)
class Outbox(Generic[_M]):
    """A bounded queue between synchronous posters and one writer task.

    The writer's work on a message ends with its next `take`; a writer that gives up
    closes the outbox, or `drained` would wait for it.

    Attributes:
        audio_ms: How much audio a message holds, in ms; 0 makes it a control message.
        max_audio_ms: How much audio may wait; beyond it the oldest is dropped.
        max_controls: How many control messages may wait; one more is an overflow, after
            which nothing is accepted, and the writer counts as stuck.
        dropped_ms: Audio dropped so far because too much of it waited.
        waiting_ms: Audio that waits.
        closed: Nothing is sent any more; what waits and is posted can be had back.
    """

    audio_ms: Callable[[_M], float]
    max_audio_ms: float = field(kw_only=True)
    max_controls: int = field(kw_only=True)
    dropped_ms: float = field(default=0.0, init=False)
    waiting_ms: float = field(default=0.0, init=False)
    closed: bool = field(default=False, init=False)
    _waiting: deque[tuple[float, _M]] = field(
        factory=deque[tuple[float, _M]], init=False
    )
    _controls: int = field(default=0, init=False)
    _busy_since: float | None = field(default=None, init=False)
    # Since when there has always been something that waits or is being written.
    _behind_since: float | None = field(default=None, init=False)
    _being_sent: _M | None = field(default=None, init=False)
    _writer: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _idle: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _over: trio.Event = field(factory=trio.Event, init=False)

    def post(self, *messages: _M) -> None:
        """Queue messages in order; ignored once overflowed."""
        for message in messages:
            if self._over.is_set() and not self.closed:
                return
            audio_ms = self.audio_ms(message)
            if not audio_ms and self._controls >= self.max_controls:
                self._over.set()
                return
            self._put(audio_ms, message)
        if self._behind_since is None:
            self._behind_since = trio.current_time()
        self._writer.unpark()

    def clear_audio(self) -> None:
        """Forget the audio that waits; control messages keep their order."""
        kept = [entry for entry in self._waiting if not entry[0]]
        self._waiting.clear()
        self._waiting.extend(kept)
        self.waiting_ms = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing waits or is being written: what is sent now keeps its order."""
        busy = self._waiting or self._busy_since is not None
        return not (busy or self._over.is_set())

    def unsent(self) -> list[_M]:
        """What the writer was sending when it gave up, and what waits behind it."""
        waiting = [message for _, message in self._waiting]
        return waiting if self._being_sent is None else [self._being_sent, *waiting]

    async def take(self) -> _M:
        """The next message; waits for one, and is a checkpoint only then.

        Raises:
            trio.ClosedResourceError: The outbox is closed.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._busy_since = self._being_sent = None
        while not self._waiting and not self.closed:
            self._behind_since = None
            self._idle.unpark_all()
            await self._writer.park()
        if self.closed:
            raise trio.ClosedResourceError
        audio_ms, message = self._waiting.popleft()
        if audio_ms:
            self.waiting_ms -= audio_ms
        else:
            self._controls -= 1
        self._busy_since = trio.current_time()
        self._being_sent = message
        return message

    async def drained(self) -> None:
        """Return once nothing waits and the writer is idle, or it is closed."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self.closed and (self._waiting or self._busy_since is not None):
            await self._idle.park()

    async def stuck(self, stall_s: float) -> None:
        """Return once the writer has spent ``stall_s`` on one message.

        Returns at once when the outbox is closed or has overflowed.
        """
        await self._late(lambda: self._busy_since, stall_s)

    async def behind(self, stall_s: float) -> None:
        """Return once something has waited or was written for ``stall_s`` without a pause.

        A peer that reads, but more slowly than it is written to, is behind and not stuck.
        Returns at once when the outbox is closed or has overflowed.
        """
        await self._late(lambda: self._behind_since, stall_s)

    def close(self) -> None:
        """Send nothing more and wake everyone up."""
        self.closed = True
        self._over.set()
        self._writer.unpark()
        self._idle.unpark_all()

    async def _late(self, since: Callable[[], float | None], stall_s: float) -> None:
        # An idle writer cannot be late before a whole stall from now, so this
        # wakes once in a stall and not once a message.
        while not self._over.is_set():
            now, began_at = trio.current_time(), since()
            due = (now if began_at is None else began_at) + stall_s
            if due <= now:
                return
            with trio.move_on_at(due):
                await self._over.wait()

    def _put(self, audio_ms: float, message: _M) -> None:
        self._waiting.append((audio_ms, message))
        if not audio_ms:
            self._controls += 1
            return
        self.waiting_ms += audio_ms
        while self.waiting_ms > self.max_audio_ms and self._drop_oldest_audio():
            pass

    def _drop_oldest_audio(self) -> bool:
        # At most `max_controls` entries are looked at: all before it are controls.
        for index, (audio_ms, _) in enumerate(self._waiting):
            if audio_ms:
                del self._waiting[index]
                self.waiting_ms -= audio_ms
                self.dropped_ms += audio_ms
                return True
        return False
