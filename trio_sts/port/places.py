"""The places of the calls at once: who has been let in has one until it is over."""

from collections.abc import Callable
from typing import Protocol

from attrs import define, field
from typing_extensions import override

from trio_sts.conversation.commands import EndCall

from .waiting import WaitingRoom


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
        most: How many there are; 0 is no limit.
        waiting: Where those are who have sent no ``init``.
    """

    most: int
    waiting: WaitingRoom
    _taken: set[Place] = field(factory=set[Place], init=False)

    @property
    def calls(self) -> int:
        """How many places are taken."""
        return len(self._taken)

    @property
    def full(self) -> bool:
        """Whether one more call would be too many."""
        return 0 < self.most <= self.calls

    def take(self) -> Place:
        """Let one in."""
        place = _Place(self)
        self._taken.add(place)
        return place

    def leave(self, place: Place) -> None:
        """One is free again."""
        self.waiting.over(place)
        self._taken.discard(place)


@define(eq=False)
class _Place(Place):
    places: Places

    @override
    def waits(self, leave: Callable[[EndCall], None]) -> None:
        self.places.waiting.enter(self, leave)

    @override
    def begins(self) -> bool:
        self.places.waiting.over(self)
        return True

    @override
    def over(self) -> None:
        self.places.leave(self)
