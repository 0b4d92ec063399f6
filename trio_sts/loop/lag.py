"""How long what could run had to wait for the loop.

Between two waits for I/O the loop runs all tasks that can run, one after the other: a
pass. What became ready at its beginning has waited for at most the whole of it; where the
wait before had a deadline and ended later than that, what was due has waited for the
difference as well. Both together are the lag of the pass. A timer of our own would see
the passes that it falls into; this sees every one.

It costs two readings of the clock for a pass, and a loop with many calls has some 600 a
second (see `trio_sts.loop.pace`).
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import trio
from attrs import define, field
from typing_extensions import override

# Upper bounds of the histogram, in seconds; one more count is for what is longer.
BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_FIRST_S: Final = BOUNDS_S[0]


def _no_counts() -> list[int]:
    return [0] * (len(BOUNDS_S) + 1)


@define(eq=False)
class Lag(trio.abc.Instrument):
    """For `trio.run`, before any other instrument that sleeps: that is no lag.

    Attributes:
        now: Seconds, on a clock that runs evenly.
        counts: How many passes had a lag up to each bound of `BOUNDS_S`, and above all;
            each is counted once.
        total_s: The lags of all passes together.
    """

    now: Callable[[], float] = time.perf_counter  # noqa: TID251  the loop's, no task's
    counts: list[int] = field(factory=_no_counts, init=False)
    total_s: float = field(default=0.0, init=False)
    # When the wait before this pass was to end at the latest, and when the pass began.
    _due: float = field(default=0.0, init=False)
    _began: float = field(default=0.0, init=False)

    @override
    def before_io_wait(self, timeout: float) -> None:
        """A pass is over; the loop waits for so many seconds at most."""
        now = self.now()
        began, due = self._began, self._due
        if began:
            lag_s = now - (min(due, began))
            # Nearly all are in the first.
            at = 0 if lag_s <= _FIRST_S else bisect_left(BOUNDS_S, lag_s)
            self.counts[at] += 1
            self.total_s += lag_s
        self._due = now + timeout

    @override
    def after_io_wait(self, timeout: float) -> None:
        """A pass begins."""
        self._began = self.now()


@contextmanager
def measuring(lag: Lag | None = None) -> Generator[Lag]:
    """A measured loop: by ``lag``, which measures already, or else until the end of this."""
    if lag is not None:
        yield lag
        return
    lag = Lag()
    trio.lowlevel.add_instrument(lag)
    try:
        yield lag
    finally:
        trio.lowlevel.remove_instrument(lag)
