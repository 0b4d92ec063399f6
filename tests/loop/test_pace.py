"""The loop's pace: on a clock of the test's own, then in a loop."""

from socket import socketpair

import trio
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from trio_sts.loop.pace import Arrivals, Pace

EVERY_S = 0.0015
AT_ONCE = 50
LONG_S = 10.0


class Busy(Pace):
    """Something has come whenever it looks."""

    @override
    def before_io_wait(self, timeout: float) -> None:
        self.arrivals.count += 1
        super().before_io_wait(timeout)


@define
class FakeTime:
    now_s: float = 1_000.0
    slept: list[float] = field(factory=list[float])

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds

    @property
    def pace(self) -> Pace:
        """That of a loop whose every pass brings something from a call."""
        return Busy(self.now, self.sleep, Arrivals())

    def paced_by(self, arrivals: Arrivals) -> Pace:
        return Pace(self.now, self.sleep, arrivals)


def test_a_loop_that_is_woken_all_the_time_waits_every_one_and_a_half_ms() -> None:
    time = FakeTime()
    pace = time.pace
    for _ in range(AT_ONCE + 1_000):
        pace.before_io_wait(LONG_S)
    assert 998 * EVERY_S < time.now_s - 1_000 < 1_002 * EVERY_S
    assert max(time.slept) < 1.01 * EVERY_S


def test_a_loop_that_was_quiet_is_not_held_back() -> None:
    time = FakeTime()
    pace = time.pace
    for _ in range(10):
        for _ in range(AT_ONCE - 1):
            pace.before_io_wait(LONG_S)
        time.now_s += AT_ONCE * EVERY_S
    assert not time.slept


def test_a_loop_whose_work_takes_longer_is_not_held_back() -> None:
    time = FakeTime()
    pace = time.pace
    for _ in range(1_000):
        pace.before_io_wait(LONG_S)
        time.now_s += 1.01 * EVERY_S
    assert not time.slept


def test_a_loop_with_something_to_do_is_not_held_back() -> None:
    time = FakeTime()
    pace = time.pace
    for _ in range(1_000):
        pace.before_io_wait(0)
    assert not time.slept


@given(st.lists(st.tuples(st.floats(0, 0.01), st.floats(0, 0.01))))
def test_no_sleep_is_longer_than_the_pace_or_the_wait(
    waits: list[tuple[float, float]],
) -> None:
    time = FakeTime()
    pace = time.pace
    for timeout_s, busy_s in [(0.0001, 0.0), *waits] * 20:
        time.slept.clear()
        pace.before_io_wait(timeout_s)
        assert sum(time.slept) <= min(timeout_s, 1.01 * EVERY_S)
        time.now_s += busy_s


def test_trio_asks_it_before_it_waits() -> None:
    time = FakeTime()

    async def wake_often() -> None:
        ours, other = socketpair()
        with ours, other:
            other.send(b"never read")
            for _ in range(AT_ONCE * 3):
                await trio.lowlevel.wait_readable(ours)

    trio.run(wake_often, instruments=[time.pace])
    assert len(time.slept) > AT_ONCE


def test_what_calls_have_no_part_in_is_not_held_back() -> None:
    time = FakeTime()
    arrivals = Arrivals()
    pace = time.paced_by(arrivals)
    for _ in range(1_000):
        arrivals.count += 1
        pace.before_io_wait(LONG_S)
    # The last of a thousand messages has spent all that was saved.
    time.slept.clear()
    for _ in range(1_000):
        pace.before_io_wait(LONG_S)
    assert not time.slept
    arrivals.count += 1
    pace.before_io_wait(LONG_S)
    assert time.slept


def test_trips_to_threads_are_not_held_back() -> None:
    time = FakeTime()

    async def make_trips() -> None:
        for _ in range(AT_ONCE * 3):
            await trio.to_thread.run_sync(int)

    trio.run(make_trips, instruments=[time.paced_by(Arrivals())])
    assert not time.slept
