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
AT_LEAST_S: Final = 1.0
_WARN_EVERY_S: Final = 10.0

_log = structlog.get_logger()


@define(eq=False)
class _Waits:
    leave: Callable[[EndCall], None]
    since: float = field(factory=trio.current_time)


@define(eq=False)
class WaitingRoom:
    """Who waits, in the order in which they came.

    Attributes:
        most: How many may wait for longer than a second.
        at_all: How many may wait, for however short a time.
    """

    most: int
    at_all: int = MOST_WAITING
    _waiting: dict[object, _Waits] = field(factory=dict[object, _Waits], init=False)
    _gave_way: int = field(default=0, init=False)
    _warned_at: float = field(default=-_WARN_EVERY_S, init=False)

    @classmethod
    def beside(cls, max_calls: int) -> "WaitingRoom":
        """One beside so many calls at once; 0 is any number of them."""
        at_all = MOST_WAITING
        if sys.platform != "win32":
            descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
            if descriptors != resource.RLIM_INFINITY:
                at_all = min(at_all, descriptors // _SHARE_OF_DESCRIPTORS)
        at_all = max(1, at_all)
        return cls(min(max_calls * _WAITING_PER_CALL or at_all, at_all), at_all)

    def enter(self, who: object, leave: Callable[[EndCall], None]) -> None:
        """One more waits; ``leave`` sends it away, with the reason."""
        while len(self._waiting) >= self.most and self._oldest_has_waited():
            self._oldest_gives_way()
        if len(self._waiting) >= self.at_all:
            self._oldest_gives_way()
        self._waiting[who] = _Waits(leave)

    def over(self, who: object) -> None:
        """It waits no more."""
        self._waiting.pop(who, None)

    def make_room(self) -> None:
        """There are no file descriptors any more: send the oldest one away."""
        if self._oldest_has_waited():
            self._oldest_gives_way()

    async def dismiss(self, why: EndCall) -> None:
        """Send everybody away who has waited for a second, and the others when they have.

        Returns when nobody waits.
        """
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            await trio.sleep_until(oldest.since + AT_LEAST_S)
            while self._oldest_has_waited():
                self._waiting.pop(next(iter(self._waiting))).leave(why)

    def _oldest_has_waited(self) -> bool:
        oldest = next(iter(self._waiting.values()), None)
        return oldest is not None and oldest.since + AT_LEAST_S <= trio.current_time()

    def _oldest_gives_way(self) -> None:
        self._waiting.pop(next(iter(self._waiting))).leave(GAVE_WAY)
        self._gave_way += 1
        now = trio.current_time()
        if now >= self._warned_at + _WARN_EVERY_S:
            self._warned_at = now
            _log.warning("a waiting connection gave way", so_far=self._gave_way)
