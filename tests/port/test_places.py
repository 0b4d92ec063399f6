"""Places: who is let in, who waits to know, and who comes too late."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_sts.conversation.commands import EndCall
from trio_sts.port.places import COMING_S, WAITS_S, Place, Places
from trio_sts.port.waiting import WaitingRoom


def places(most: int, *, waiting: int = 8) -> Places:
    return Places(most, WaitingRoom(waiting))


async def let_in(of: Places) -> Place:
    place = await of.take(lambda: None)
    assert place is not None
    return place


async def test_who_sends_no_init_takes_no_place() -> None:
    port = places(0)
    for _ in range(1000):
        await let_in(port)
    assert port.calls == 0
    assert not port.full


async def test_a_call_has_a_place_until_it_is_over() -> None:
    port = places(1)
    place = await let_in(port)
    assert place.begins()
    assert (port.calls, port.full) == (1, True)
    assert await port.take(lambda: None) is None
    place.over()
    place.over()
    assert (port.calls, port.full) == (0, False)
    assert (await let_in(port)).begins()


async def test_callers_who_come_together_learn_of_it_in_their_handshakes(
    autojump_clock: MockClock,
) -> None:
    port = places(2)
    decided: list[Place | None] = []

    async def come() -> None:
        decided.append(await port.take(lambda: None))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(come)
        await wait_all_tasks_blocked()
        assert len(decided) == 2
        for place in decided:
            assert place is not None
            assert place.begins()
    assert decided[2:] == [None] * 3
    assert trio.current_time() == 0


async def test_who_waits_gets_the_place_of_one_that_hangs_up() -> None:
    port = places(1)
    first = await let_in(port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(let_in, port)
        await wait_all_tasks_blocked()
        first.over()


async def test_one_without_init_keeps_nobody_out_for_more_than_a_second(
    autojump_clock: MockClock,
) -> None:
    port = places(1)
    await let_in(port)
    await trio.sleep(COMING_S / 4)
    assert (await let_in(port)).begins()
    assert trio.current_time() == pytest.approx(COMING_S)


async def test_a_flood_without_init_keeps_nobody_out(
    autojump_clock: MockClock,
) -> None:
    port = places(3)

    async def flood() -> None:
        while True:
            await port.take(lambda: None)
            await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(flood)
        await trio.sleep(10)
        came_at = trio.current_time()
        assert (await let_in(port)).begins()
        assert trio.current_time() <= came_at + WAITS_S
        nursery.cancel_scope.cancel()


async def test_not_more_than_may_wait_are_waiting_to_know() -> None:
    port = places(1, waiting=2)
    await let_in(port)
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(port.take, lambda: None)
        await wait_all_tasks_blocked()
        assert await port.take(lambda: None) is None
        nursery.cancel_scope.cancel()


async def test_init_without_a_place_left_is_too_late(
    autojump_clock: MockClock,
) -> None:
    port = places(1)
    refused: list[str] = []
    late = await port.take(lambda: refused.append("late"))
    assert late is not None
    await trio.sleep(COMING_S)
    assert (await let_in(port)).begins()
    assert not late.begins()
    assert refused == ["late"]
    assert port.calls == 1
    late.over()
    assert port.calls == 1


async def test_a_port_that_closes_lets_nobody_in_who_waits() -> None:
    port = places(1)
    await let_in(port)

    async def refused() -> None:
        assert await port.take(lambda: None) is None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refused)
        await wait_all_tasks_blocked()
        port.close()
    assert await places(0).take(lambda: None) is not None
    assert await port.take(lambda: None) is None


async def test_one_that_waits_for_init_can_be_sent_away(
    autojump_clock: MockClock,
) -> None:
    port = places(0)
    sent_away: list[EndCall] = []
    place = await let_in(port)
    place.waits(sent_away.append)
    begun = await let_in(port)
    begun.waits(sent_away.append)
    begun.begins()
    stop = EndCall(1001, "stop")
    await port.waiting.dismiss(stop)
    assert sent_away == [stop]
