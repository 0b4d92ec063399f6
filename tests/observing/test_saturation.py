"""A saturated loop is told once a minute, and a hiccup is none."""

from structlog.testing import capture_logs

from trio_sts.loop.lag import BOUNDS_S, Lag
from trio_sts.observing.saturation import Saturation

ABOVE_50_MS = BOUNDS_S.index(0.05) + 1


def seconds(
    saturation: Saturation, first: int, count: int, *, late: int, passes: int = 200
) -> None:
    """So many seconds, each with so many passes, of which so many were late."""
    for second in range(first, first + count):
        saturation.lag.counts[0] += passes - late
        saturation.lag.counts[ABOVE_50_MS] += late
        saturation.look(float(second))


def test_five_seconds_in_a_row_are_saturated_and_four_are_not() -> None:
    with capture_logs() as logs:
        saturation = Saturation(Lag())
        seconds(saturation, 0, 4, late=3)
        seconds(saturation, 4, 1, late=2)
        seconds(saturation, 5, 4, late=3)
        assert (logs, saturation.is_saturated) == ([], False)
        seconds(saturation, 9, 1, late=3)
    assert saturation.is_saturated
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("loop saturated", "warning")
    ]


def test_it_is_told_once_a_minute_and_forgotten_when_it_is_over() -> None:
    with capture_logs() as logs:
        saturation = Saturation(Lag())
        seconds(saturation, 0, 130, late=200)
        assert len(logs) == 3
        seconds(saturation, 130, 1, late=0)
        assert not saturation.is_saturated
        seconds(saturation, 131, 100, late=0)
    assert len(logs) == 3


def test_a_loop_with_one_long_pass_and_one_that_only_waits_are_not_saturated() -> None:
    with capture_logs() as logs:
        saturation = Saturation(Lag())
        for second in range(0, 100, 2):
            seconds(saturation, second, 1, late=1)
            seconds(saturation, second + 1, 1, late=0, passes=0)
    assert logs == []


def test_what_was_before_it_began_does_not_count() -> None:
    lag = Lag()
    lag.counts[-1] = 10_000
    saturation = Saturation(lag)
    seconds(saturation, 0, 10, late=0)
    assert not saturation.is_saturated
