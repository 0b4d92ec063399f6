"""A stand-in for the service manager: it keeps what it is told."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise

import trio
from attrs import define, field


@define(eq=False)
class Manager:
    """What arrived on its socket, one list of assignments for each message."""

    messages: list[list[str]] = field(factory=list[list[str]])
    times_s: list[float] = field(factory=list[float])
    _news: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    @property
    def lines(self) -> list[str]:
        return [line for message in self.messages for line in message]

    def longest_silence_s(self, line: str) -> float:
        """The longest time between two messages with this assignment."""
        at = [
            at_s
            for message, at_s in zip(self.messages, self.times_s, strict=True)
            if line in message
        ]
        return max(b - a for a, b in pairwise(at))

    async def wait_for(self, line: str, *, after: int = 0, within_s: float = 10) -> int:
        """Wait for an assignment that begins so; returns how many messages that takes."""
        with trio.move_on_after(within_s):
            while True:
                for at, message in enumerate(self.messages[after:], after):
                    if any(each.startswith(line) for each in message):
                        return at + 1
                await self._news.park()
        told = f"no {line}: {self.messages}"
        raise AssertionError(told)

    async def listen(self, sock: trio.socket.SocketType) -> None:
        while True:
            self.messages.append((await sock.recv(4096)).decode().split("\n"))
            self.times_s.append(trio.current_time())
            self._news.unpark_all()


@asynccontextmanager
async def managing(address: str) -> AsyncGenerator[Manager]:
    """Listen at a path, or at an abstract name that begins with ``@``."""
    name = f"\0{address[1:]}" if address.startswith("@") else address
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_DGRAM)
    with sock:
        await sock.bind(name)
        manager = Manager()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(manager.listen, sock)
            yield manager
            nursery.cancel_scope.cancel(reason="the test is over")
