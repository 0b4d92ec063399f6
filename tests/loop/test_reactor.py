"""The reactor on real sockets."""

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

import pytest
import trio
from attrs import define, field
from trio.testing import wait_all_tasks_blocked

from trio_sts.legs.fastpath.wires import SocketWire
from trio_sts.loop.reactor import Reactor, reactor_here, run_reactor

_name: ContextVar[str] = ContextVar("_name", default="")


@define(eq=False)
class Pair:
    """Our socket, read by a pump, and the peer's."""

    ours: socket.socket
    peer: socket.socket
    heard: list[bytes] = field(factory=list[bytes])
    enough: Callable[[bytes], bool] = lambda data: not data

    def ready(self) -> bool:
        self.heard.append(self.ours.recv(100))
        return not self.enough(self.heard[-1])

    async def pump(self) -> None:
        reactor = reactor_here()
        assert reactor is not None
        await reactor.pump(self.ours.fileno(), self.ready)


@contextmanager
def pair(enough: Callable[[bytes], bool] = lambda data: not data) -> Generator[Pair]:
    ours, peer = socket.socketpair()
    with ours, peer:
        ours.setblocking(False)
        yield Pair(ours, peer, enough=enough)


@pytest.fixture
async def reactor(nursery: trio.Nursery) -> Reactor:
    nursery.start_soon(run_reactor)
    await wait_all_tasks_blocked()
    running = reactor_here()
    assert running is not None
    return running


async def test_a_pump_gets_what_arrives_until_it_has_enough(reactor: Reactor) -> None:
    with pair(enough=lambda data: data == b"that is all") as one:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.pump)
            for said in (b"first", b"second", b"that is all", b"too much"):
                await wait_all_tasks_blocked()
                one.peer.send(said)

        assert one.heard == [b"first", b"second", b"that is all"]
        # Nobody reads it, and nobody spins about it.
        await wait_all_tasks_blocked()
        one.enough = lambda data: not data
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.pump)
            one.peer.shutdown(socket.SHUT_WR)
        assert one.heard[3:] == [b"too much", b""]


async def test_a_fault_is_raised_where_the_pump_is_and_nowhere_else(
    reactor: Reactor,
) -> None:
    def fail(data: bytes) -> bool:
        raise ZeroDivisionError(data)

    with pair(enough=fail) as bad, pair() as good:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(good.pump)
            bad.peer.send(b"one")
            with pytest.raises(ZeroDivisionError, match="one"):
                await bad.pump()
            good.peer.send(b"still here")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel(reason="heard")
        assert good.heard == [b"still here"]


async def test_a_cancelled_pump_leaves_the_rest_to_the_next(reactor: Reactor) -> None:
    with pair(enough=lambda data: data == b"second") as one:
        one.peer.send(b"first")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.pump)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel(reason="heard the first")
        one.peer.send(b"second")
        await wait_all_tasks_blocked()
        assert one.heard == [b"first"]
        with trio.fail_after(5):
            await one.pump()
        assert one.heard == [b"first", b"second"]


async def test_a_callback_runs_in_the_context_of_its_reader(reactor: Reactor) -> None:
    seen: list[str] = []

    def look(data: bytes) -> bool:
        seen.append(_name.get() + data.decode())
        return True

    with pair(enough=look) as one, pair(enough=look) as two:

        async def read_as(name: str, each: Pair) -> None:
            _name.set(name)
            await each.pump()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_as, "one", one)
            nursery.start_soon(read_as, "two", two)
            await wait_all_tasks_blocked()
            one.peer.send(b"!")
            two.peer.send(b"?")
    assert sorted(seen) == ["one!", "two?"]


async def test_a_socket_that_never_falls_silent_leaves_others_their_turn(
    reactor: Reactor,
) -> None:
    with pair() as busy:

        def never_enough(_: bytes) -> bool:
            busy.peer.send(b"more")
            return False

        busy.enough = never_enough
        async with trio.open_nursery() as nursery:
            nursery.start_soon(busy.pump)
            busy.peer.send(b"more")
            for _ in range(100):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel(reason="had many turns")
        assert len(busy.heard) > 100


async def test_what_one_read_leaves_is_read_after_it(reactor: Reactor) -> None:
    dialled, accepted = await _connected()
    said = bytes(range(256)) * 4_000
    heard = bytearray()

    def take(data: bytes) -> bool:
        heard.extend(data)
        return len(heard) < len(said)

    async with dialled, accepted, trio.open_nursery() as nursery:
        nursery.start_soon(dialled.send_all, said)
        with trio.fail_after(10):
            await SocketWire(accepted).pump(take)
    assert heard == said


async def test_closing_a_wire_tells_its_reader(reactor: Reactor) -> None:
    dialled, accepted = await _connected()
    async with dialled, accepted, trio.open_nursery() as nursery:
        wire = SocketWire(accepted)

        async def read() -> None:
            with pytest.raises(trio.ClosedResourceError):
                await wire.pump(bool)

        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        await wire.aclose()


async def test_a_number_that_is_used_again_is_read_for_its_new_owner(
    reactor: Reactor,
) -> None:
    with pair() as old, pair() as new:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(old.pump)
            await wait_all_tasks_blocked()
            number = old.ours.fileno()
            # Behind the reactor's back.
            old.ours.close()
            spare = socket.socket(fileno=new.ours.detach())
            new.ours = spare.dup()
            spare.close()
            assert new.ours.fileno() == number
            with new.ours:
                nursery.start_soon(new.pump)
                new.peer.send(b"for the new one")
                await wait_all_tasks_blocked()
                nursery.cancel_scope.cancel(reason="heard")
        assert (old.heard, new.heard) == ([], [b"for the new one"])


async def test_readers_go_on_by_themselves_when_the_reactor_ends() -> None:
    dialled, accepted = await _connected()
    heard = bytearray()

    def take(data: bytes) -> bool:
        heard.extend(data)
        return bool(data)

    async def read() -> None:
        wire = SocketWire(accepted)
        while not heard.endswith(b"."):
            await wire.pump(take)

    async with dialled, accepted, trio.open_nursery() as nursery:
        async with trio.open_nursery() as reactors:
            reactors.start_soon(run_reactor)
            await wait_all_tasks_blocked()
            nursery.start_soon(read)
            await dialled.send_all(b"with it, ")
            await wait_all_tasks_blocked()
            reactors.cancel_scope.cancel(reason="the reactor ends")
        assert reactor_here() is None
        await dialled.send_all(b"and without.")
        await dialled.send_eof()

    assert heard == b"with it, and without."


async def test_a_socket_is_closed_in_the_reactor_that_reads_it() -> None:
    dialled, accepted = await _connected()
    wire = SocketWire(accepted)
    told = trio.Event()

    async def read() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await wire.pump(bool)
        told.set()

    async with dialled, accepted, trio.open_nursery() as nursery:
        nursery.start_soon(run_reactor)
        await wait_all_tasks_blocked()
        first = reactor_here()
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as another_service:
            another_service.start_soon(run_reactor)
            await wait_all_tasks_blocked()
            assert reactor_here() is not first
            another_service.cancel_scope.cancel(reason="it ends")
        await wire.aclose()
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel(reason="seen")
    assert told.is_set()


async def _connected() -> tuple[trio.SocketStream, trio.SocketStream]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listeners[0] as listener:
        port = listener.socket.getsockname()[1]
        dialled = await trio.open_tcp_stream("127.0.0.1", port)
        return dialled, await listener.accept()
