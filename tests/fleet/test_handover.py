"""A connection goes from one process to another over real sockets."""

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import define, field

from trio_sts.fleet.handover import Giver, Outcome, Taker


@define(eq=False)
class Giving:
    """A giver that runs, the socket of the taker, and what came of each offer."""

    giver: Giver
    far: socket.socket
    nursery: trio.Nursery
    outcomes: dict[int, Outcome] = field(factory=dict[int, Outcome])

    async def offer(self, number: int, connection: socket.socket) -> None:
        """Offer one; what is offered is closed here once that is decided."""

        async def give() -> None:
            with shared:
                self.outcomes[number] = await self.giver.give(
                    number, {"n": number}, b"GET /", shared
                )

        shared = trio.socket.from_stdlib_socket(connection.dup())
        self.nursery.start_soon(give)
        await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def giving() -> AsyncGenerator[Giving]:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    async with trio.open_nursery() as nursery:
        giver = Giver.over(near)
        nursery.start_soon(giver.run)
        with far:
            yield Giving(giver, far, nursery)


def is_waiting(giver: Giver) -> bool:
    return giver.waiting_since is not None


async def test_a_connection_is_taken_with_what_was_read_of_it() -> None:
    ours, theirs = socket.socketpair()
    async with giving() as given:
        await given.offer(7, theirs)
        assert not given.outcomes
        assert is_waiting(given.giver)
        taker = Taker.over(given.far)
        taken = await taker.take()
        assert taken is not None
        assert (taken.number, taken.told, taken.read) == (7, {"n": 7}, b"GET /")
        await trio.testing.wait_all_tasks_blocked()
        assert given.outcomes == {7: "taken"}
        assert not is_waiting(given.giver)
        # The parent's own is closed, and the worker's still works.
        theirs.close()
        await taken.socket.send(b"hello")
        assert ours.recv(9) == b"hello"
        taken.socket.close()
        ours.close()
        taker.close()


async def test_what_was_answered_before_the_end_was_taken_and_the_rest_not() -> None:
    ours, theirs = socket.socketpair()
    async with giving() as given:
        for number in (1, 2, 3):
            await given.offer(number, theirs)
        # Two are taken; the third is not even read, which makes the end a reset.
        taker = Taker.over(given.far)
        for _ in range(2):
            taken = await taker.take()
            assert taken is not None
            taken.socket.close()
        taker.close()
        await trio.testing.wait_all_tasks_blocked()
        assert given.outcomes == {1: "taken", 2: "taken", 3: "gone"}
        await given.offer(4, theirs)
        assert given.outcomes[4] == "gone"
    ours.close()
    theirs.close()


async def test_a_worker_without_descriptors_refuses_and_goes_on() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    taker = Taker.over(far)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(taker.take)
        # As it is where the system could not make a descriptor for the right.
        near.send(b'[5,{"n":5}]\nGET /')
        await trio.testing.wait_all_tasks_blocked()
        near.setblocking(False)
        assert near.recv(9) == b"-5"
        nursery.cancel_scope.cancel(reason="it has refused")
    taker.close()
    near.close()


async def test_one_that_nobody_waits_for_any_more_was_not_offered() -> None:
    ours, theirs = socket.socketpair()
    async with giving() as given:
        shared = trio.socket.from_stdlib_socket(theirs)
        async with trio.open_nursery() as nursery:

            async def hold_the_turn() -> None:
                async with given.giver._turn:  # pyright: ignore[reportPrivateUsage]
                    await trio.sleep_forever()

            nursery.start_soon(hold_the_turn)
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(0.01):
                await given.giver.give(9, None, b"", shared)
            nursery.cancel_scope.cancel(reason="nobody waits any more")
        assert not is_waiting(given.giver)
        given.far.setblocking(False)
        with pytest.raises(BlockingIOError):
            given.far.recv(1)
        shared.close()
    ours.close()


def test_descriptors_are_not_passed_on_to_programs() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours, theirs = socket.socketpair()

    async def main() -> None:
        giver = Giver.over(near)
        shared = trio.socket.from_stdlib_socket(theirs)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(giver.run)
            nursery.start_soon(giver.give, 1, None, b"", shared)
            taker = Taker.over(far)
            taken = await taker.take()
            assert taken is not None
            assert not os.get_inheritable(taken.socket.fileno())
            taken.socket.close()
            taker.close()
            await trio.testing.wait_all_tasks_blocked()
            shared.close()
            nursery.cancel_scope.cancel(reason="the test is over")

    trio.run(main)
    ours.close()
