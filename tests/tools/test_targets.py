"""Where calls go on: given once, within a minute, and not more than so many."""

import trio
import trio.testing

from trio_sts.dialplan import Target
from trio_sts.tools.targets import Targets

SALES, SUPPORT = Target("default", "1001", "1"), Target("default", "1002", "1")


async def test_a_target_is_given_once() -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    assert targets.take("call-2") is None
    assert (targets.look("call-1"), targets.look("call-1")) == (SALES, SALES)
    assert (targets.take("call-1"), targets.take("call-1")) == (SALES, None)


async def test_a_target_is_kept_for_a_minute(
    autojump_clock: trio.testing.MockClock,
) -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    await trio.sleep(30)
    await targets.keep("call-2", SALES)
    await trio.sleep(29.9)
    assert targets.look("call-1") == SALES
    await trio.sleep(0.1)
    assert (targets.take("call-1"), targets.take("call-2")) == (None, SALES)


async def test_the_oldest_target_gives_way() -> None:
    targets = Targets()
    for number in range(1025):
        await targets.keep(f"call-{number}", SALES)
    assert targets.take("call-0") is None
    assert targets.take("call-1") == targets.take("call-1024") == SALES


async def test_a_later_target_of_a_call_takes_the_place_of_an_earlier_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    targets = Targets(most=2)
    await targets.keep("call-1", SALES)
    await trio.sleep(59)
    await targets.keep("call-2", SALES)
    await targets.keep("call-1", SUPPORT)
    await targets.keep("call-3", SALES)
    assert targets.take("call-2") is None
    await trio.sleep(59)
    assert targets.take("call-1") == SUPPORT


async def test_a_stop_waits_for_a_dialplan_that_is_about_to_ask(
    autojump_clock: trio.testing.MockClock,
) -> None:
    targets = Targets()
    await targets.settled()
    assert trio.current_time() == 0
    await targets.keep("call-1", SALES)
    await trio.sleep(0.5)
    await targets.keep("call-2", SALES)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(targets.settled)
        await trio.sleep(0.1)
        targets.take("call-1")
        await trio.sleep(0.1)
        targets.take("call-2")
    assert trio.current_time() == 0.7


async def test_a_stop_does_not_wait_long_for_a_dialplan_that_does_not_ask(
    autojump_clock: trio.testing.MockClock,
) -> None:
    targets = Targets()
    await targets.keep("call-1", SALES)
    await targets.settled()
    assert trio.current_time() == 2
    await targets.settled()
    assert trio.current_time() == 2
