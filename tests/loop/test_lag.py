"""How long what could run had to wait, pass by pass."""

import itertools

import pytest
import trio
from attrs import define

from trio_sts.loop.lag import BOUNDS_S, Lag, measuring


@define
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_pass_lags_by_its_length() -> None:
    clock = Clock()
    lag = Lag(clock)
    for length_s in (0.0004, 0.003, 0.07, 3.0):
        lag.before_io_wait(1.0)
        clock.now += 0.5
        lag.after_io_wait(1.0)
        clock.now += length_s
    lag.before_io_wait(1.0)
    found = dict(zip((*BOUNDS_S, float("inf")), lag.counts, strict=True))
    assert {bound for bound, count in found.items() if count} == {
        *(0.001, 0.005, 0.1),
        float("inf"),
    }
    assert lag.total_s == pytest.approx(3.0734)


def test_a_deadline_that_is_overrun_counts_and_an_early_end_does_not() -> None:
    clock = Clock()
    lag = Lag(clock)
    lag.before_io_wait(0.010)
    clock.now += 0.040
    lag.after_io_wait(0.010)
    clock.now += 0.005
    lag.before_io_wait(10.0)
    assert lag.total_s == pytest.approx(0.035)
    clock.now += 2
    lag.after_io_wait(10.0)
    lag.before_io_wait(10.0)
    assert lag.total_s == pytest.approx(0.035)


async def test_it_measures_the_loop_that_it_is_in_and_only_while_asked() -> None:
    ticks = itertools.count(0, 0.3)
    with measuring() as lag:
        lag.now = lambda: next(ticks)
        for _ in range(5):
            await trio.lowlevel.checkpoint()
    seen = sum(lag.counts)
    assert seen >= 3
    for _ in range(5):
        await trio.lowlevel.checkpoint()
    assert sum(lag.counts) == seen


async def test_one_that_measures_already_is_left_alone() -> None:
    mine = Lag(lambda: 1.0)
    with measuring(mine) as lag:
        await trio.lowlevel.checkpoint()
    assert lag is mine
    assert sum(mine.counts) == 0
