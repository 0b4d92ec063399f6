"""What is below the tap: a socket, or any other stream of Trio's.

The third is in `tls`.
"""

import errno
import os
from collections.abc import Callable
from typing import Final, Protocol

import trio

from trio_sts.loop.pace import ARRIVALS
from trio_sts.loop.reactor import Reactor, reactor_here

# A model's audio delta of 100 ms is 6.6 kB; twice that in one read costs nothing more.
READ_BYTES: Final = 64 * 1024
_CLOSED_HERE: Final = (errno.EBADF, errno.ENOTSOCK)


Take = Callable[[bytes], bool]


class Wire(Protocol):
    """Bytes to and from the peer.

    Every method raises `trio.BrokenResourceError` when the connection is gone and
    `trio.ClosedResourceError` when it was closed on this side.
    """

    @property
    def heard_at(self) -> float:
        """When the last byte arrived, on Trio's clock; at first, when it was made."""
        ...

    async def pump(self, take: Take) -> None:
        """Give what arrives to ``take`` until that returns False; checkpoints in between.

        What ``take`` raises comes out here. It gets at least a byte each time, or nothing
        at the end, when it has to return False. It is not always called in this task.
        """
        ...

    def write_now(self, data: bytes | memoryview) -> int:
        """Write what goes without waiting; how many bytes went.

        After less than all, the next call must begin with what was left.
        """
        ...

    async def write(self, data: bytes | memoryview) -> int:
        """Wait until some may be written and write it; how many bytes went."""
        ...

    async def send_eof(self) -> None:
        """Half-close, where the transport can (TLS cannot)."""
        ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


class SocketWire:
    """A socket of Trio's, read and written without a pass through the scheduler.

    Trio's sockets are non-blocking, and `trio.lowlevel` waits for descriptors that
    others read and write: that is all that is used. `trio.SocketStream` guards
    `send_all` against a second sender, whose bytes would land between two halves of the
    first's; nobody calls it here, for this wire is the only one to write, and it does
    so in one synchronous step or in one task at a time. The descriptor is asked for each
    time: a closed socket's is -1, where a number that was kept might be another
    connection's.
    """

    __slots__ = ("_reactor", "_socket", "_stream", "heard_at")

    def __init__(self, stream: trio.SocketStream) -> None:
        self.heard_at = trio.current_time()
        self._stream = stream
        self._socket = stream.socket
        # The one that reads it: it may not be the one that is here by then.
        self._reactor: Reactor | None = None

    async def pump(self, take: Take) -> None:
        """See `Wire`. The reactor does it where there is one."""
        reactor = reactor_here()
        if reactor is None:
            while take(await self.read()):
                pass
            return

        # It is read only while it is open: see `aclose`.
        descriptor = self.descriptor()

        def ready() -> bool:
            try:
                data = os.read(descriptor, READ_BYTES)
            except BlockingIOError:
                return True
            except OSError as exc:
                raise _translated(exc) from exc
            self.heard_at = trio.current_time()
            ARRIVALS.count += 1
            if len(data) == READ_BYTES:
                reactor.again(descriptor)
            return take(data)

        self._reactor = reactor
        try:
            await reactor.pump(descriptor, ready)
        finally:
            self._reactor = None

    async def read(self) -> bytes:
        """What arrived, at least a byte; empty at the end. Always a checkpoint."""
        while True:
            # First: a read that fails costs more than the waiting.
            await trio.lowlevel.wait_readable(self.descriptor())
            try:
                data = os.read(self._socket.fileno(), READ_BYTES)
            except BlockingIOError:
                continue
            except OSError as exc:
                raise _translated(exc) from exc
            self.heard_at = trio.current_time()
            ARRIVALS.count += 1
            return data

    def write_now(self, data: bytes | memoryview) -> int:
        """See `Wire`."""
        try:
            return os.write(self._socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise _translated(exc) from exc

    async def write(self, data: bytes | memoryview) -> int:
        """See `Wire`."""
        await self.wait_writable()
        return self.write_now(data)

    async def wait_writable(self) -> None:
        """Wait until some may be written."""
        await trio.lowlevel.wait_writable(self.descriptor())

    async def send_eof(self) -> None:
        """See `Wire`."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """See `Wire`."""
        if self._reactor is not None:
            self._reactor.forget(self._socket.fileno())
        await self._stream.aclose()

    def descriptor(self) -> int:
        """The socket's number in the system, to be used at once and never kept."""
        number = self._socket.fileno()
        if number < 0:
            raise trio.ClosedResourceError
        return number


class StreamWire:
    """Any other stream of Trio's; it writes only where there is time to wait.

    A `send_all` that was cancelled may have sent any part of its bytes, so nothing is
    ever sent behind one.
    """

    __slots__ = ("_cut", "_stream", "heard_at")

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.heard_at = trio.current_time()
        self._stream = stream
        self._cut = False

    async def pump(self, take: Take) -> None:
        """See `Wire`."""
        while True:
            data = bytes(await self._stream.receive_some(READ_BYTES))
            self.heard_at = trio.current_time()
            ARRIVALS.count += 1
            if not take(data):
                return

    def write_now(self, data: bytes | memoryview) -> int:  # noqa: ARG002  a Wire's
        """See `Wire`. Nothing ever goes without waiting."""
        return 0

    async def write(self, data: bytes | memoryview) -> int:
        """See `Wire`."""
        if self._cut:
            raise trio.BrokenResourceError("a send was cut short")
        self._cut = True
        await self._stream.send_all(data)
        self._cut = False
        return len(data)

    async def send_eof(self) -> None:
        """See `Wire`."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()
        else:
            await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        """See `Wire`."""
        await self._stream.aclose()


def _translated(exc: OSError) -> Exception:
    if exc.errno in _CLOSED_HERE:
        return trio.ClosedResourceError("this socket was already closed")
    return trio.BrokenResourceError(f"socket connection broken: {exc}")
