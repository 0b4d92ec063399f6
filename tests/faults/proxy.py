"""A TCP proxy that spoils the connections through it, in the ways in which networks do."""

import random
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import trio
from attrs import define, field, frozen

SLOW_BYTES_PER_S: Final = 1000
HELD_S: Final = 5.0
GARBAGE_BYTES: Final = 64
_RECEIVE_BYTES: Final = 65_536
# A slow line passes a little often, as a line does, and not a lot now and then.
_SLOW_STEP_S: Final = 0.1
# What a reset sends: SO_LINGER on, with no time to linger.
_RESET: Final = struct.pack("ii", 1, 0)
# Whatever a socket raises once its peer, or we, have ended it.
_ENDED: Final = (
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.BusyResourceError,
)


@define(eq=False)
class Passage:
    """One connection through the proxy.

    Attributes:
        near: The side of whoever dialled.
        far: The side of whoever was dialled; None where nobody is behind it.
        near_ended: Set once the dialling side has closed its socket.
        far_ended: Set once the dialled side has closed its socket.
    """

    near: trio.SocketStream
    far: trio.SocketStream | None = None
    near_ended: trio.Event = field(factory=trio.Event)
    far_ended: trio.Event = field(factory=trio.Event)
    swallows: bool = False
    slow: bool = False
    passes: trio.Event = field(factory=trio.Event)

    def __attrs_post_init__(self) -> None:
        self.passes.set()

    def sides(self) -> list[trio.SocketStream]:
        """The sockets that the proxy holds for it."""
        return [self.near] if self.far is None else [self.near, self.far]


@define(eq=False)
class FaultProxy:
    """Passes bytes on between whoever dials it and a port, until a fault is ordered.

    Faults hit the connections that are open; those that are dialled later are sound,
    unless the fault is about them.

    Attributes:
        port: Where it listens, on the loopback.
        passages: All connections so far.
        accepted: Called with the number of each new connection before a byte of it is
            passed on; it may order a fault.
    """

    target_port: int
    relay_dials: bool
    dice: random.Random
    port: int = 0
    passages: list[Passage] = field(factory=list[Passage])
    accepted: Callable[[int], Awaitable[None]] | None = None
    _listener: trio.SocketListener | None = None
    _hanging: int = 0

    async def serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Listen on a free port until cancelled; started once it listens."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self._listener = listener
        self.port = listener.socket.getsockname()[1]
        async with listener, trio.open_nursery() as nursery:
            task_status.started()
            # It ends when a fault closes the listener.
            with suppress(trio.ClosedResourceError):
                while True:
                    stream = await listener.accept()
                    nursery.start_soon(self._connection, stream)
            await trio.sleep_forever()

    async def _connection(self, near: trio.SocketStream) -> None:
        passage = Passage(near)
        number = len(self.passages)
        self.passages.append(passage)
        async with near:
            if self._hanging:
                self._hanging -= 1
                passage.swallows = True
                passage.far_ended.set()
                await self._pass(near, None, passage, passage.near_ended)
                return
            try:
                far = await trio.open_tcp_stream("127.0.0.1", self.target_port)
            except OSError:
                passage.far_ended.set()
                return
            passage.far = far
            if self.accepted is not None:
                await self.accepted(number)
            async with far, trio.open_nursery() as both:
                both.start_soon(self._pass, near, far, passage, passage.near_ended)
                both.start_soon(self._pass, far, near, passage, passage.far_ended)

    async def _pass(
        self,
        source: trio.SocketStream,
        sink: trio.SocketStream | None,
        passage: Passage,
        ended: trio.Event,
    ) -> None:
        """One direction, until its source ends; the sink is then told."""
        with suppress(*_ENDED):
            while True:
                size = round(SLOW_BYTES_PER_S * _SLOW_STEP_S)
                read = await source.receive_some(
                    size if passage.slow else _RECEIVE_BYTES
                )
                if not read:
                    break
                await passage.passes.wait()
                if passage.slow and not passage.swallows:
                    await trio.sleep(len(read) / SLOW_BYTES_PER_S)
                if sink is not None and not passage.swallows:
                    # What the other side refuses is lost, as on any line.
                    with suppress(*_ENDED):
                        await sink.send_all(bytes(read))
        ended.set()
        if sink is not None and not passage.swallows:
            with suppress(*_ENDED):
                await sink.send_eof()

    # What can go wrong.

    def _open(self) -> list[Passage]:
        return [
            each
            for each in self.passages
            if not (each.near_ended.is_set() or each.far_ended.is_set())
        ]

    def _relay_side(self, passage: Passage) -> trio.SocketStream | None:
        return passage.near if self.relay_dials else passage.far

    async def cut(self) -> None:
        """Both sides see an end of TCP, with no close of the WebSocket before it."""
        for passage in self._open():
            for stream in passage.sides():
                await stream.aclose()

    async def reset(self) -> None:
        """Both sides get a RST."""
        for passage in self._open():
            for stream in passage.sides():
                with suppress(OSError):
                    stream.socket.setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, _RESET
                    )
                await stream.aclose()

    async def half_close(self) -> None:
        """The relay sees the other one's end; its own bytes still pass."""
        for passage in self._open():
            stream = self._relay_side(passage)
            if stream is not None:
                with suppress(*_ENDED):
                    await stream.send_eof()

    async def stall(self) -> None:
        """All bytes are swallowed from now on, and nothing is closed."""
        await trio.lowlevel.checkpoint()
        for passage in self._open():
            passage.swallows = True

    async def slow(self) -> None:
        """1 kB/s passes in either direction."""
        await trio.lowlevel.checkpoint()
        for passage in self._open():
            for stream in passage.sides():
                # Else the kernel takes minutes of a slow line at once.
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            passage.slow = True

    async def garbage(self) -> None:
        """Random bytes go to the relay, between what is sent to it."""
        for passage in self._open():
            stream = self._relay_side(passage)
            if stream is not None:
                with suppress(*_ENDED):
                    await stream.send_all(self.dice.randbytes(GARBAGE_BYTES))

    async def hold(self) -> None:
        """Nothing passes for 5 s; then everything does, in order."""
        held = self._open()
        for passage in held:
            passage.passes = trio.Event()
        await trio.sleep(HELD_S)
        for passage in held:
            passage.passes.set()

    async def gone(self) -> None:
        """Open connections are reset, and new ones are refused, from now on."""
        if self._listener is not None:
            await self._listener.aclose()
        await self.reset()

    async def hang(self) -> None:
        """Open connections are reset; the next one is accepted and never answered."""
        self._hanging = 1
        await self.reset()

    # What is left.

    def release(self) -> None:
        """Let go what was held back, so that an end of one side reaches the other."""
        for passage in self.passages:
            passage.slow = False
            passage.passes.set()


@frozen
class Fault:
    """One way in which a line fails.

    Attributes:
        name: In tables and on the command line.
        order: Brings it about.
        on_caller_leg: Whether it can befall the leg that AVR Core dials.
        ends_leg: Whether the relay can know at once, or in time, that the leg is gone.
        reachable: Whether a new connection is to be had.
    """

    name: str
    order: Callable[[FaultProxy], Awaitable[None]]
    on_caller_leg: bool = True
    ends_leg: bool = True
    reachable: bool = True


FAULTS: Final = {
    each.name: each
    for each in (
        Fault("cut", FaultProxy.cut),
        Fault("reset", FaultProxy.reset),
        Fault("half-close", FaultProxy.half_close),
        Fault("stall", FaultProxy.stall),
        Fault("1 kB/s", FaultProxy.slow, ends_leg=False),
        Fault("garbage", FaultProxy.garbage),
        Fault("held 5 s", FaultProxy.hold, ends_leg=False),
        Fault("endpoint gone", FaultProxy.gone, on_caller_leg=False, reachable=False),
        Fault("redial hangs", FaultProxy.hang, on_caller_leg=False),
    )
}


@asynccontextmanager
async def proxied(
    target_port: int, *, relay_dials: bool, dice: random.Random
) -> AsyncGenerator[FaultProxy]:
    """Run a proxy in front of a port of the loopback.

    Args:
        target_port: Where its connections lead.
        relay_dials: Whether the relay is the one that dials it (the model leg), or the
            one that is dialled (the caller leg).
        dice: Makes the garbage.
    """
    proxy = FaultProxy(target_port, relay_dials, dice)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(proxy.serve))
        yield proxy
        nursery.cancel_scope.cancel(reason="the cell is over")
