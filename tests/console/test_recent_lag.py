"""How late the loop was, as *Now* shows it."""

import pytest

from trio_sts.console.recent_lag import RecentLag
from trio_sts.loop.lag import BOUNDS_S, Lag


def with_passes(lag: Lag, bound_s: float, count: int) -> None:
    lag.counts[BOUNDS_S.index(bound_s)] += count


def test_it_is_of_the_last_second_and_of_99_passes_in_100() -> None:
    lag = Lag()
    with_passes(lag, 0.5, 1000)
    recent = RecentLag(lag)
    # The start of a process is nobody's lag.
    with_passes(lag, 0.5, 1000)
    assert recent.ms(0.0) is None
    with_passes(lag, 0.001, 990)
    with_passes(lag, 0.1, 10)
    assert recent.ms(1.0) == 1
    with_passes(lag, 0.001, 980)
    with_passes(lag, 0.1, 20)
    # Not yet: a second has to be over.
    assert recent.ms(1.5) == 1
    assert recent.ms(2.0) == 100
    # No pass: what was known holds.
    assert recent.ms(3.0) == 100
    # Nobody has looked for an hour.
    with_passes(lag, 0.5, 1000)
    assert recent.ms(3603.0) is None
    with_passes(lag, 0.002, 1000)
    assert recent.ms(3604.0) == 2


def test_what_is_later_than_everything_is_as_late_as_the_last_bound() -> None:
    lag = Lag()
    recent = RecentLag(lag)
    assert recent.ms(0.0) is None
    lag.counts[-1] += 1
    assert recent.ms(1.0) == pytest.approx(BOUNDS_S[-1] * 1000)
