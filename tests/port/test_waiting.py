"""The waiting room: who gives way, and who is too young to."""

from collections.abc import Callable

import trio
from attrs import define, field
from trio.testing import MockClock

from trio_sts.conversation.commands import EndCall
from trio_sts.port.endings import GAVE_WAY, STOPPING
from trio_sts.port.waiting import AT_LEAST_S, MOST_WAITING, WaitingRoom


@define
class Guests:
    """Who came, by number, and who was sent away."""

    room: WaitingRoom
    left: list[int] = field(factory=list[int])
    came: int = 0

    def come(self) -> None:
        self.room.enter(self.came, self._leave(self.came))
        self.came += 1

    def _leave(self, number: int) -> Callable[[EndCall], None]:
        def leave(why: EndCall) -> None:
            assert why in {GAVE_WAY, STOPPING}
            self.left.append(number)

        return leave


async def test_the_oldest_gives_way(autojump_clock: MockClock) -> None:
    guests = Guests(WaitingRoom(2))
    guests.come()
    guests.come()
    await trio.sleep(AT_LEAST_S)
    guests.come()
    assert guests.left == [0]


async def test_those_who_come_together_all_have_a_second(
    autojump_clock: MockClock,
) -> None:
    guests = Guests(WaitingRoom(2))
    for _ in range(20):
        guests.come()
    assert guests.left == []
    await trio.sleep(AT_LEAST_S)
    guests.come()
    assert guests.left == list(range(19))


async def test_there_is_an_end_to_it(autojump_clock: MockClock) -> None:
    await trio.lowlevel.checkpoint()
    guests = Guests(WaitingRoom(2, at_all=5))
    for _ in range(7):
        guests.come()
    assert guests.left == [0, 1]


def test_a_room_has_numbers_beside_calls() -> None:
    assert WaitingRoom.beside(3).most == 6
    unlimited = WaitingRoom.beside(0)
    assert unlimited.most == unlimited.at_all <= MOST_WAITING
    assert WaitingRoom.beside(100_000).most == unlimited.most


async def test_who_is_on_the_way_to_be_a_call_has_a_second_at_a_stop(
    autojump_clock: MockClock,
) -> None:
    guests = Guests(WaitingRoom(9))
    guests.come()
    await trio.sleep(AT_LEAST_S)
    guests.come()
    guests.come()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guests.room.dismiss, STOPPING)
        await trio.sleep(AT_LEAST_S / 2)
        assert guests.left == [0], "it has had its second"
        guests.room.over(1)
        await trio.sleep(AT_LEAST_S)
    assert guests.left == [0, 2], "the other one has begun"
