"""A loop that has more to do than it can: told in the log before callers hear it."""

from collections.abc import Sequence
from typing import Final, NoReturn

import structlog
import trio
from attrs import define, field

from trio_sts.loop.lag import BOUNDS_S, Lag

# More than two frames late: a listener may hear it.
LATE_S: Final = 0.05
_QUANTILE: Final = 0.99
_EVERY_S: Final = 1.0
_IN_A_ROW: Final = 5
_AGAIN_AFTER_S: Final = 60.0
_ABOVE: Final = BOUNDS_S.index(LATE_S) + 1

_log = structlog.get_logger()


@define(eq=False)
class Saturation:
    """Looks at the loop's lag every second.

    The loop is saturated after five seconds in a row in each of which more than one pass
    in a hundred was later than 50 ms. One tool that computes for half a second is no
    saturation, and has a warning of its own.

    Attributes:
        lag: Measures the loop.
        is_saturated: Whether it is, since the last look.
    """

    lag: Lag
    is_saturated: bool = False
    _seen: Sequence[int] = field(init=False)
    _seconds: int = 0
    _told_at: float = float("-inf")

    def __attrs_post_init__(self) -> None:
        self._seen = tuple(self.lag.counts)

    async def run(self) -> NoReturn:
        """Look for ever."""
        while True:
            await trio.sleep(_EVERY_S)
            self.look(trio.current_time())

    def look(self, now: float) -> None:
        """Judge what came since the last look, a second ago."""
        counts = tuple(self.lag.counts)
        passes = [new - old for new, old in zip(counts, self._seen, strict=True)]
        self._seen = counts
        late, total = sum(passes[_ABOVE:]), sum(passes)
        self._seconds = self._seconds + 1 if late > (1 - _QUANTILE) * total else 0
        self.is_saturated = self._seconds >= _IN_A_ROW
        if self.is_saturated and now - self._told_at >= _AGAIN_AFTER_S:
            self._told_at = now
            _log.warning(
                "loop saturated",
                late_passes=late,
                passes=total,
                late_ms=round(LATE_S * 1000),
            )
