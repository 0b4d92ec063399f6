"""The places of the calls at once, and who is let in on the way to one.

A connection that has sent no ``init`` has no place. So that callers who come together
still learn in their handshakes that there is none, one that was let in less than a second
ago is counted as if it had: AVR Core sends ``init`` at once. Whoever comes meanwhile waits
until that is decided.
"""

from collections.abc import Callable
from typing import Final, Protocol

import trio
from attrs import define, field
from typing_extensions import override

from trio_sts.conversation.commands import EndCall

from .waiting import WaitingRoom

# A connection without `init` is on its way to a call for so long.
COMING_S: Final = 1.0
# And so long somebody waits for what becomes of those that are.
WAITS_S: Final = 1.0


class Place(Protocol):
    """A caller that has been let in, and may become a call."""

    def waits(self, leave: Callable[[EndCall], None]) -> None:
        """It waits for ``init`` from now on; ``leave`` is how it is sent away meanwhile."""
        ...

    def begins(self) -> bool:
        """``init`` has come; False: no place is free any more, so it ends with 1013."""
        ...

    def over(self) -> None:
        """It is no call, or no call any more. May be said more than once."""
        ...


@define(eq=False)
class Places:
    """Who has a place, of so many.

    Attributes:
        most: How many there are; 0 is no limit. May be changed.
        waiting: Where those are who have sent no ``init``.
        is_open: Whether anybody is let in.
    """

    most: int
    waiting: WaitingRoom
    is_open: bool = field(default=True, init=False)
    _taken: set[Place] = field(factory=set[Place], init=False)
    # When each was let in, in that order; those that came too long ago may be in it.
    _coming: dict[Place, float] = field(factory=dict[Place, float], init=False)
    _deciding: int = field(default=0, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)

    @property
    def calls(self) -> int:
        """How many places are taken."""
        return len(self._taken)

    @property
    def full(self) -> bool:
        """Whether one more call would be too many."""
        return 0 < self.most <= self.calls

    async def take(self, refused: Callable[[], object]) -> Place | None:
        """Let one in; it may take a second to know whether there is a place.

        Args:
            refused: Is told later that this one has sent ``init`` too late for a place.

        Returns:
            None if there is no place, or nobody is let in any more.
        """
        until = trio.current_time() + WAITS_S
        while self._undecided_until() is not None and trio.current_time() < until:
            if self._deciding >= self.waiting.most:
                return None
            await self._await_change(until)
        if self.full or not self.is_open:
            return None
        place = _Place(self, refused)
        self._coming[place] = trio.current_time()
        return place

    def close(self) -> None:
        """Let nobody in any more."""
        self.is_open = False
        self._tell()

    def begins(self, place: Place) -> bool:
        """Whether one has a place from now on."""
        self.waiting.over(place)
        self._coming.pop(place, None)
        has_place = not self.full
        if has_place:
            self._taken.add(place)
        self._tell()
        return has_place

    def over(self, place: Place) -> None:
        """One is no call, or no call any more."""
        self.waiting.over(place)
        self._coming.pop(place, None)
        self._taken.discard(place)
        self._tell()

    def _undecided_until(self) -> float | None:
        """When the first of those on the way has no claim any more.

        None if it is known without them whether there is a place.
        """
        if not self.is_open or not self.most or self.full:
            return None
        now = trio.current_time()
        while self._coming:
            first, since = next(iter(self._coming.items()))
            if since + COMING_S > now:
                break
            del self._coming[first]
        if self.calls + len(self._coming) < self.most:
            return None
        return next(iter(self._coming.values())) + COMING_S

    async def _await_change(self, until: float) -> None:
        decided_at = self._undecided_until()
        self._deciding += 1
        try:
            with trio.move_on_at(min(until, decided_at or until)):
                await self._changed.wait()
        finally:
            self._deciding -= 1

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@define(eq=False)
class _Place(Place):
    places: Places
    refused: Callable[[], object]

    @override
    def waits(self, leave: Callable[[EndCall], None]) -> None:
        self.places.waiting.enter(self, leave)

    @override
    def begins(self) -> bool:
        has_place = self.places.begins(self)
        if not has_place:
            self.refused()
        return has_place

    @override
    def over(self) -> None:
        self.places.over(self)
