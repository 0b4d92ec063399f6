"""TLS on a socket without Trio's layers, encrypted and decrypted in memory.

`trio.SSLStream` sends and receives through two more streams, with locks and passes
through the scheduler for each message. Here an `ssl.SSLObject` works on memory, and the
socket is read and written as `SocketWire` does it.
"""

import ssl
from contextlib import suppress

import trio
from typing_extensions import override

from .wires import READ_BYTES, SocketWire, Take


class TlsStream(trio.abc.Stream):
    """A TLS client or server on a socket; also the tap's wire to it.

    Errors are those of `trio.SSLStream` with ``https_compatible``: a fault of TLS is a
    `trio.BrokenResourceError` whose cause is the `ssl.SSLError`, and a peer that ends
    the connection without a ``close_notify`` has ended it. Renegotiation, which TLS
    1.3 no longer has, counts as a fault.

    Resource handling: closing it closes the socket, after a ``close_notify`` if that goes
    without waiting.
    """

    def __init__(
        self,
        socket: trio.SocketStream,
        context: ssl.SSLContext,
        *,
        server_hostname: str | None = None,
        server_side: bool = False,
        already_read: bytes = b"",
    ) -> None:
        self._below = SocketWire(socket)
        self._arrived = ssl.MemoryBIO()
        self._arrived.write(already_read)
        self._sealed = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._arrived,
            self._sealed,
            server_side=server_side,
            server_hostname=server_hostname,
        )
        # Sealed bytes that the socket has not taken, and how many plain ones the last
        # write sealed.
        self._unsent = bytearray()
        self._sealing = 0
        self._unread = b""
        # The peer's last word was read, or what came cannot be opened any more.
        self._over = False
        self._fault: ssl.SSLError | None = None

    @property
    def heard_at(self) -> float:
        """See `Wire`: also where a record is too short to be opened."""
        return self._below.heard_at

    async def do_handshake(self) -> None:
        """Shake hands; nothing can be sent or received before.

        Raises:
            trio.BrokenResourceError: The peer hung up, or is not to be trusted.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                self._add(await self._below.read())
            except ssl.SSLError as exc:
                # The peer gets the alert, if that goes at once.
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    self._flush_now()
                raise trio.BrokenResourceError from exc
            else:
                await self._flush()
                return

    async def pump(self, take: Take) -> None:
        """See `Wire`."""

        def unseal(sealed: bytes) -> bool:
            self._add(sealed)
            opened = self._open()
            if opened and not take(opened):
                return False
            # The end may have come with the last bytes, and nothing follows it.
            if self._fault is not None:
                raise trio.BrokenResourceError from self._fault
            return take(b"") if self._over else True

        # What came with the last of the handshake is first.
        early = self._arrived.pending or self._over or self._fault is not None
        if not early or take(await self.read()):
            await self._below.pump(unseal)

    async def read(self) -> bytes:
        """What arrived, at least a byte; empty at the end. Always a checkpoint."""
        if self._arrived.pending or self._over or self._fault is not None:
            await trio.lowlevel.checkpoint()
        while True:
            opened = self._open()
            if not opened and self._fault is not None:
                raise trio.BrokenResourceError from self._fault
            if opened or self._over:
                return opened
            self._add(await self._below.read())

    def write_now(self, data: bytes | memoryview) -> int:
        """See `Wire`. All or nothing, for what is sealed cannot be taken back."""
        self._below.descriptor()
        if not self._sealing:
            self._seal(data)
            self._sealing = len(data)
        if not self._flush_now():
            return 0
        gone, self._sealing = self._sealing, 0
        return gone

    async def write(self, data: bytes | memoryview) -> int:
        """See `Wire`."""
        await self._below.wait_writable()
        return self.write_now(data)

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Receive, as every stream does."""
        if self._unread:
            await trio.lowlevel.checkpoint()
        else:
            self._unread = await self.read()
        cut = len(self._unread) if max_bytes is None else max_bytes
        some, self._unread = self._unread[:cut], self._unread[cut:]
        return some

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send, as every stream does; a cancellation loses the connection."""
        await trio.lowlevel.checkpoint()
        whole = bytes(data)
        gone = self.write_now(whole) if whole else 0
        while gone < len(whole):
            gone += await self.write(whole)

    @override
    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the socket takes something."""
        await self._below.wait_writable()

    def say_end(self) -> None:
        """Tell the peer that nothing follows, if that goes without waiting."""
        gone = (ssl.SSLError, trio.BrokenResourceError, trio.ClosedResourceError)
        with suppress(*gone):
            # The peer's own close_notify is not waited for.
            self._tls.unwrap()
        with suppress(*gone):
            self._flush_now()

    async def send_eof(self) -> None:
        """Nothing: TLS has no half-close."""
        await trio.lowlevel.checkpoint()

    @override
    async def aclose(self) -> None:
        """Close the socket."""
        self.say_end()
        await self._below.aclose()

    def _add(self, arrived: bytes) -> None:
        if arrived:
            self._arrived.write(arrived)
        else:
            self._arrived.write_eof()

    def _open(self) -> bytes:
        """Everything that can be read of what arrived, up to the end or to a fault."""
        opened: list[bytes] = []
        if self._over or self._fault is not None:
            return b""
        try:
            while True:
                part = self._tls.read(READ_BYTES)
                if not part:
                    self._over = True
                    break
                opened.append(part)
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._over = True
        except ssl.SSLError as exc:
            self._fault = exc
        # TLS has answers of its own, to a change of keys for one.
        if self._sealed.pending:
            self._flush_now()
        return b"".join(opened)

    def _seal(self, data: bytes | memoryview) -> None:
        try:
            gone = 0
            while gone < len(data):
                gone += self._tls.write(data[gone:])
        except ssl.SSLError as exc:
            raise trio.BrokenResourceError from exc

    def _flush_now(self) -> bool:
        """Write sealed bytes without waiting; whether all are written."""
        self._unsent += self._sealed.read()
        if self._unsent:
            del self._unsent[: self._below.write_now(bytes(self._unsent))]
        return not self._unsent

    async def _flush(self) -> None:
        while not self._flush_now():
            await self._below.wait_writable()
