"""The alarms of all calls, on a clock of the tests'."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_sts.loop.alarms import Alarm, Alarms

LATE_S = 0.25


@pytest.fixture
async def alarms(nursery: trio.Nursery) -> Alarms:
    alarms = Alarms(LATE_S)
    nursery.start_soon(alarms.run)
    return alarms


async def _note(alarm: Alarm, rung_at: list[float]) -> None:
    while True:
        await alarm.rung()
        rung_at.append(trio.current_time())
        alarm.set(float("inf"))


async def test_an_alarm_rings_once_when_it_is_due(
    autojump_clock: MockClock, alarms: Alarms, nursery: trio.Nursery
) -> None:
    rung_at = list[float]()
    with alarms.alarm() as alarm:
        nursery.start_soon(_note, alarm, rung_at)
        began_at = trio.current_time()
        alarm.set(began_at + 3)

        await trio.sleep(60)

    assert rung_at == [pytest.approx(began_at + 3 + LATE_S)]


async def test_alarms_of_several_calls_ring_together(
    autojump_clock: MockClock, alarms: Alarms, nursery: trio.Nursery
) -> None:
    rung_at = list[float]()
    began_at = trio.current_time()
    with alarms.alarm() as first, alarms.alarm() as second, alarms.alarm() as third:
        for alarm, due_s in ((first, 1.2), (second, 1.0), (third, 1.3)):
            nursery.start_soon(_note, alarm, rung_at)
            alarm.set(began_at + due_s)

        await trio.sleep(60)

    assert rung_at[:2] == [pytest.approx(began_at + 1.0 + LATE_S)] * 2
    assert began_at + 1.3 <= rung_at[2] <= began_at + 1.3 + LATE_S


async def test_an_alarm_may_be_moved_both_ways(
    autojump_clock: MockClock, alarms: Alarms, nursery: trio.Nursery
) -> None:
    rung_at = list[float]()
    with alarms.alarm() as alarm:
        nursery.start_soon(_note, alarm, rung_at)
        began_at = trio.current_time()
        alarm.set(began_at + 10)
        await wait_all_tasks_blocked()
        alarm.set(began_at + 2)
        await trio.sleep(1)
        alarm.set(began_at + 5)

        await trio.sleep(60)

    assert rung_at == [pytest.approx(began_at + 5 + LATE_S)]


async def test_an_alarm_that_nobody_hears_rings_again(
    autojump_clock: MockClock, alarms: Alarms
) -> None:
    with alarms.alarm() as alarm:
        began_at = trio.current_time()
        alarm.set(began_at)
        await trio.sleep(10)

        await alarm.rung()

        assert trio.current_time() <= began_at + 10 + 2 * LATE_S


async def test_an_alarm_that_is_gone_wakes_nobody(
    autojump_clock: MockClock, alarms: Alarms, nursery: trio.Nursery
) -> None:
    rung_at = list[float]()
    with alarms.alarm() as alarm:
        nursery.start_soon(_note, alarm, rung_at)
        alarm.set(trio.current_time() + 1)
    # As a call does that ends in a step of its own.
    alarm.set(trio.current_time() + 2)

    await trio.sleep(60)

    assert not rung_at
