"""What stands below trio-websocket where no tap does, and what below TLS.

`PlainStream` does for the plain path what the tap does beside taking messages: it lets one
sender at a time write, for trio-websocket and we write to one connection; it knows when
the peer was last heard; and after our close frame it passes nothing on.
"""

from typing import Self

import trio
from attrs import define, field
from typing_extensions import override

from trio_sts.loop.pace import ARRIVALS

from .fastpath.answer_to_close import AnswerToClose
from .fastpath.frames import Masks, ping_frame, says_goodbye

# What is dropped is read in pieces of this size.
_DROP_BYTES = 64 * 1024


@define(eq=False)
class HeardStream(trio.abc.HalfCloseableStream):
    """A stream that knows when its last byte arrived; for TLS to be put on.

    Attributes:
        heard_at: On Trio's clock; at first, when it was made.
    """

    _below: trio.abc.Stream
    heard_at: float = field(factory=trio.current_time, init=False)

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._below.receive_some(max_bytes)
        self.heard_at = trio.current_time()
        ARRIVALS.count += 1
        return data

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._below.send_all(data)

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self._below.wait_send_all_might_not_block()

    @override
    async def send_eof(self) -> None:
        """Half-close, where the transport can (TLS cannot)."""
        if isinstance(self._below, trio.abc.HalfCloseableStream):
            await self._below.send_eof()
        else:
            await trio.lowlevel.checkpoint()

    @override
    async def aclose(self) -> None:
        await self._below.aclose()


@define(eq=False)
class PlainStream(trio.abc.HalfCloseableStream):
    """A connection that trio-websocket and a link both write to.

    Attributes:
        server: Whether we are the WebSocket server.
        closing: A close frame was sent, or the stream is closed: no ping is sent.
    """

    _stream: HeardStream
    server: bool
    _heard: HeardStream
    closing: bool = field(default=False, init=False)
    _masks: Masks = field(factory=Masks, init=False)
    _turn: trio.StrictFIFOLock = field(factory=trio.StrictFIFOLock, init=False)
    # A send was cancelled half-way: nothing may follow it.
    _cut: bool = field(default=False, init=False)
    _goodbye: AnswerToClose | None = field(default=None, init=False)
    _said_goodbye: bool = field(default=False, init=False)

    @classmethod
    def over(cls, stream: trio.abc.Stream, *, server: bool) -> Self:
        """Stand on a connection on which no handshake has been made.

        Args:
            stream: Nobody else may use it. TLS is best put on a `HeardStream`: a record
                may be too long for its plain text to be a sign of life in time.
            server: Whether we are the WebSocket server.
        """
        own = HeardStream(stream)
        below: object = getattr(stream, "transport_stream", own)
        return cls(own, server, below if isinstance(below, HeardStream) else own)

    @property
    def heard_at(self) -> float:
        """When the last byte of the peer arrived, on Trio's clock."""
        return self._heard.heard_at

    async def ping(self) -> None:
        """Send an empty ping; trio-websocket does not mind the pong.

        Raises:
            trio.ClosedResourceError: The connection was or is being closed.
            trio.BrokenResourceError: It is gone.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.closing:
            raise trio.ClosedResourceError("this connection is being closed")
        await self._send_whole(ping_frame(b"" if self.server else self._masks.draw()))

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send whole frames, or the handshake."""
        raw = bytes(data)
        if self.closing or not says_goodbye(raw, masked=not self.server):
            await self._send_whole(raw)
            return
        self.closing = True
        self._goodbye = AnswerToClose(masked=self.server)
        await self._send_whole(raw, is_last=True)

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive; after our close frame the peer's is the end, all else is dropped."""
        while True:
            wanted = max_bytes if self._goodbye is None else _DROP_BYTES
            data = await self._stream.receive_some(wanted)
            if self._goodbye is None:
                return data
            if not data or self._goodbye.arrives_in(data):
                return b""

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    @override
    async def send_eof(self) -> None:
        """Half-close behind all that was sent, where the transport can."""
        async with self._turn:
            await self._stream.send_eof()

    @override
    async def aclose(self) -> None:
        self.closing = True
        await self._stream.aclose()

    async def _send_whole(self, data: bytes, *, is_last: bool = False) -> None:
        async with self._turn:
            if self._said_goodbye:
                raise trio.ClosedResourceError("nothing follows a close frame")
            if self._cut:
                raise trio.BrokenResourceError("a send was cut short")
            self._said_goodbye = is_last
            self._cut = True
            await self._stream.send_all(data)
            self._cut = False
