"""Marks behind what was sent: the peer reports each when it has played all before it."""

from collections import deque
from typing import Final

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE, NEVER

_EVERY_S: Final = 0.5
# One that is so late is not waited for any more.
_OVERDUE_S: Final = 1.0
# A peer that has not reported one so long after the first was due reports none.
_SILENT_S: Final = 5.0
_EPSILON_S: Final = 1e-5


@define
class Marks:
    """The marks that are awaited, in the order of playing; times as the playout's.

    Between two reports what has been played is an estimate, which never passes a mark
    that has not been reported: a second after that was due it is not waited for.

    There is one behind the first frame of what is played after a silence, so that the
    clock is right soon, one for each 500 ms then, and one at the end: more of them would
    cost more than they tell, for the peer's clock is as steady as ours.

    Written by: playout.

    Attributes:
        used: Whether the peer reports any.
    """

    used: bool = False
    _last: int = 0
    _reported: bool = False
    # What ends before that needs none.
    _next_at: float = AT_ONCE
    # When all before it will have been played, by the clock.
    _awaited: deque[tuple[int, float]] = field(factory=deque[tuple[int, float]])

    def next(self, ends_at: float, *, is_end: bool) -> int:
        """One behind what will have been played at ``ends_at``; 0 if there is to be none.

        Args:
            ends_at: By the clock.
            is_end: Whether nothing follows.
        """
        if self._awaited and ends_at > self._awaited[0][1] + _SILENT_S:
            # What was reported once goes on to be.
            self.used = self._reported
            self._awaited.clear()
        if not self.used or not (is_end or ends_at >= self._next_at):
            return 0
        self._next_at = ends_at + _EVERY_S - _EPSILON_S
        self._last += 1
        self._awaited.append((self._last, ends_at))
        return self._last

    def reported(self, mark: int, now: float) -> float | None:
        """What was before this mark has been played by now.

        Returns:
            When that was to be, by the clock, which is behind or ahead by the difference;
            None if the mark is not awaited.
        """
        if all(mark != awaited for awaited, _ in self._awaited):
            return None
        self._reported = True
        ended_at = NEVER
        while self._awaited and self._awaited[0][0] <= mark:
            _, ended_at = self._awaited.popleft()
        late_s = now - ended_at
        self._next_at += late_s
        self._awaited = deque((each, at + late_s) for each, at in self._awaited)
        return ended_at

    def clock(self, now: float) -> float:
        """Up to which moment of the playout's clock things may have been played."""
        if not self._awaited:
            return now
        ends_at = self._awaited[0][1]
        overdue = now + _EPSILON_S >= ends_at + _OVERDUE_S
        return now if overdue else min(now, ends_at)

    @property
    def stands_at(self) -> float:
        """Where the clock would stand: at the first mark that is awaited, or never."""
        return self._awaited[0][1] if self._awaited else NEVER

    def passes_at(self, at: float) -> float:
        """When `clock` comes to a moment, if no report does before."""
        if not self._awaited or at <= self._awaited[0][1]:
            return at
        return max(at, self._awaited[0][1] + _OVERDUE_S)

    def drained_at(self, ends_at: float) -> float:
        """When all was played that by the clock ends then, if no report comes before."""
        if not self._awaited:
            return ends_at
        return max(ends_at, self._awaited[-1][1] + _OVERDUE_S)

    def forget(self) -> None:
        """What they stood behind was thrown away: none is reported any more."""
        self._awaited.clear()
        self._next_at = AT_ONCE
