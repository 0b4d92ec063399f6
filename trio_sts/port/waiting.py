"""The connections that are no calls yet: a head is awaited, or ``init`` is.

Nobody has to show anything to be one of them, so there is room for some, and whoever
comes then takes the place of the one that has waited longest.
"""

import sys
from collections.abc import Callable
from typing import Final

import structlog
import trio
from attrs import define, field

from trio_sts.conversation.commands import EndCall

from .endings import GAVE_WAY

if sys.platform != "win32":
    import resource

MOST_WAITING: Final = 1024
# The other half of the file descriptors is for calls, which need two each and more.
_SHARE_OF_DESCRIPTORS: Final = 2
_WAITING_PER_CALL: Final = 2
# Whoever has waited less is on the way to be a call.
_AT_LEAST_S: Final = 1.0
_WARN_EVERY_S: Final = 10.0

_log = structlog.get_logger()


@define(eq=False)
class _Place:
    leave: Callable[[EndCall], None]
    since: float = field(factory=trio.current_time)


@define(eq=False)
class WaitingRoom:
    """Who waits, in the order in which they came.

    Attributes:
        most: How many may wait.
    """

    most: int
    _places: dict[object, _Place] = field(factory=dict[object, _Place], init=False)
    _gave_way: int = field(default=0, init=False)
    _warned_at: float = field(default=-_WARN_EVERY_S, init=False)

    def enter(self, who: object, leave: Callable[[EndCall], None]) -> None:
        """One more waits; ``leave`` sends it away, with the reason."""
        if len(self._places) >= self.most:
            self._oldest_gives_way()
        self._places[who] = _Place(leave)

    def over(self, who: object) -> None:
        """It waits no more."""
        self._places.pop(who, None)

    def make_room(self) -> None:
        """There are no file descriptors any more: send the oldest one away."""
        oldest = next(iter(self._places.values()), None)
        if oldest and oldest.since + _AT_LEAST_S <= trio.current_time():
            self._oldest_gives_way()

    def dismiss(self, why: EndCall) -> None:
        """Send everybody away."""
        places, self._places = self._places, {}
        for place in places.values():
            place.leave(why)

    def _oldest_gives_way(self) -> None:
        self._places.pop(next(iter(self._places))).leave(GAVE_WAY)
        self._gave_way += 1
        now = trio.current_time()
        if now >= self._warned_at + _WARN_EVERY_S:
            self._warned_at = now
            _log.warning("a waiting connection gave way", so_far=self._gave_way)


def most_waiting(max_calls: int) -> int:
    """How many may wait, beside so many calls; 0 is any number of calls."""
    most = max_calls * _WAITING_PER_CALL or MOST_WAITING
    if sys.platform != "win32":
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if descriptors != resource.RLIM_INFINITY:
            most = min(most, descriptors // _SHARE_OF_DESCRIPTORS)
    return max(1, min(most, MOST_WAITING))
