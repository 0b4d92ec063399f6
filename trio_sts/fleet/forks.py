"""The parent's side of the forkserver: workers are ordered, and their ends waited for."""

import json
import socket
from collections import deque
from contextlib import suppress
from typing import Any, Final

import trio
from attrs import define, field

from trio_sts.errors import StsError

from .forkserver import MOST_BYTES

_FORK_S: Final = 5.0


class CannotFork(StsError):
    """There is no new process; the text says why."""


@define(eq=False)
class Process:
    """A process that was forked.

    Attributes:
        pid: Its id.
        ended: Set once it has ended and the forkserver has told so.
        code: Its exit code, or the number of a signal as a negative one; None as long as
            it runs.
    """

    pid: int
    ended: trio.Event = field(factory=trio.Event, init=False)
    code: int | None = field(default=None, init=False)


@define(eq=False)
class _Order:
    done: trio.Event = field(factory=trio.Event)
    process: Process | None = None
    failed: str = "the forkserver is gone"


@define(eq=False)
class Forks:
    """Gives orders to the forkserver; `run` has to run.

    Attributes:
        gone: Set if the forkserver has ended: there will be no new process.
    """

    _orders: trio.socket.SocketType
    gone: trio.Event = field(factory=trio.Event, init=False)
    _waiting: deque[_Order] = field(factory=deque[_Order], init=False)
    _processes: dict[int, Process] = field(factory=dict[int, Process], init=False)

    @classmethod
    def over(cls, orders: socket.socket) -> "Forks":
        """Give orders over this socket, the one that `forkserver.start` has returned."""
        return cls(trio.socket.from_stdlib_socket(orders))

    async def fork(self, handover: socket.socket, control: socket.socket) -> Process:
        """Have a worker forked that has these two sockets; they are closed here.

        Raises:
            CannotFork: There is none, within 5 s.
        """
        order = _Order()
        with handover, control:
            descriptors = b"".join(
                each.fileno().to_bytes(4, "little") for each in (handover, control)
            )
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)
            with trio.move_on_after(_FORK_S):
                await trio.lowlevel.checkpoint()
                if not self.gone.is_set():
                    self._waiting.append(order)
                    with suppress(OSError):
                        await self._orders.sendmsg([b'{"fork":2}'], [rights])
                        await order.done.wait()
        if order.process is None:
            raise CannotFork(order.failed)
        return order.process

    async def kill(self, process: Process) -> None:
        """Kill a process with SIGKILL, unless it has ended; returns when it has.

        Without a forkserver nobody can tell, and this returns at once.
        """
        if process.ended.is_set():
            return
        with suppress(OSError):
            await self._orders.send(json.dumps({"kill": process.pid}).encode())
            await self._until_ended(process)

    async def _until_ended(self, process: Process) -> None:
        async with trio.open_nursery() as nursery:

            async def wait(event: trio.Event) -> None:
                await event.wait()
                nursery.cancel_scope.cancel(reason="it has ended, or nobody can tell")

            nursery.start_soon(wait, process.ended)
            nursery.start_soon(wait, self.gone)

    async def run(self) -> None:
        """Take in what the forkserver tells, until it has ended."""
        with self._orders:
            try:
                while raw := await self._receive():
                    self._told(json.loads(raw))
            finally:
                self.gone.set()
                for order in self._waiting:
                    order.done.set()

    async def _receive(self) -> bytes:
        try:
            return await self._orders.recv(MOST_BYTES)
        except ConnectionError:
            return b""

    def _told(self, told: dict[str, Any]) -> None:
        match told:
            case {"ended": int(pid), "code": int(code)}:
                process = self._processes.pop(pid)
                process.code = code
                process.ended.set()
            case {"forked": int(pid)}:
                order = self._waiting.popleft()
                order.process = self._processes[pid] = Process(pid)
                order.done.set()
            case _:
                order = self._waiting.popleft()
                order.failed = str(told["failed"])
                order.done.set()
