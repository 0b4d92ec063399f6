"""One task that reads the sockets of all calls.

A task that waits for its own socket costs a pass of Trio's scheduler, a call of
``epoll_ctl`` and a walk down its stack for every 20 ms of every call. The reactor keeps
all sockets in an epoll object of its own, and Trio waits for that: what has arrived
meanwhile, on whichever sockets, is handled in one pass.

The sockets stay their calls': a call's reader sleeps in `Reactor.pump` while its socket
is read for it, and cancelling the reader takes the socket out. A fault of a callback is
raised there, in the reader's task, and so ends its own call.
"""

import select
import sys
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Final

import trio
from attrs import define, field

# So many messages, some milliseconds of work, then other tasks have their turn.
_AT_ONCE: Final = 32
if sys.platform == "linux":
    # Edge-triggered: a socket is reported once for each arrival. Level-triggered, those
    # that are readable nearly always would be ahead of the others on a full core.
    _ARRIVALS: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET
    # After these nothing else arrives, so nothing else would report the end.
    _LAST: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


@define(eq=False)
class _Pump:
    """One socket, and the reader that sleeps while it is read."""

    ready: Callable[[], bool]
    context: Context = field(factory=copy_context)
    sleeper: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)
    # Its one fault, out of which it is raised: whoever holds an error that holds
    # their frame is a cycle, with the socket in it.
    faults: list[Exception] = field(factory=list[Exception])


class Reactor:
    """The reactor of a run of Trio's while `run` runs; see `reactor_here`."""

    __slots__ = ("_epoll", "_pumps")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._pumps: dict[int, _Pump] = {}

    async def run(self) -> None:
        """Read for all pumps; a pump that it leaves behind ends, as if it were done."""
        _here.set(self)
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                left = _AT_ONCE
                while left > 0 and (ready := self._epoll.poll(0, left)):
                    for descriptor, events in ready:
                        self._serve(descriptor)
                        if events & _LAST and descriptor in self._pumps:
                            self.again(descriptor)
                    left -= len(ready)
        finally:
            # A later one of the same run goes on.
            if _here.get() is self:
                _here.set(None)
            for descriptor in [*self._pumps]:
                self._stop(descriptor)
            self._epoll.close()

    async def pump(self, descriptor: int, ready: Callable[[], bool]) -> None:
        """Call ``ready`` whenever the socket can be read, until it returns False.

        Args:
            descriptor: The socket's. `forget` has to be called before it is closed.
            ready: Reads the socket until it is empty, or calls `again`; it never waits. It
                runs in the reactor's task and this one's context; what it raises is
                raised here.
        """
        pump = _Pump(ready)
        self._epoll.register(descriptor, _ARRIVALS)
        self._pumps[descriptor] = pump
        try:
            await pump.sleeper.park()
        finally:
            if self._pumps.get(descriptor) is pump:
                self._stop(descriptor)
        if pump.faults:
            raise pump.faults.pop()

    def again(self, descriptor: int) -> None:
        """Its pump left something unread: call it once more after the others."""
        self._epoll.modify(descriptor, _ARRIVALS)

    def forget(self, descriptor: int) -> None:
        """The socket is being closed: its pump, if there is one, raises.

        The error is `trio.ClosedResourceError`, as everywhere in Trio.
        """
        pump = self._pumps.get(descriptor)
        if pump is not None:
            pump.faults = [trio.ClosedResourceError("this socket was closed")]
            self._stop(descriptor)

    def _serve(self, descriptor: int) -> None:
        pump = self._pumps.get(descriptor)
        if pump is None:
            # Stopped by what was handled since the poll.
            return
        try:
            goes_on = pump.context.run(pump.ready)
        # Whatever it is, it is raised where the socket's owner is.
        except Exception as exc:  # noqa: BLE001
            pump.faults = [exc]
            goes_on = False
        if not goes_on and self._pumps.get(descriptor) is pump:
            self._stop(descriptor)

    def _stop(self, descriptor: int) -> None:
        pump = self._pumps.pop(descriptor)
        # A socket that was closed without `forget` is no longer known to epoll.
        with suppress(OSError):
            self._epoll.unregister(descriptor)
        pump.sleeper.unpark()


_here: Final = trio.lowlevel.RunVar[Reactor | None]("trio_sts_reactor", default=None)


def reactor_here() -> Reactor | None:
    """The reactor that runs in this run of Trio's; None leaves every reader to itself."""
    return _here.get()


async def run_reactor() -> None:
    """Run a reactor on Linux; elsewhere return at once."""
    if sys.platform == "linux":
        await Reactor().run()
