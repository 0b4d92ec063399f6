"""What a caller is sent before a close code that the WebSocket library chose.

The library answers a message that is too long with a bare close frame, and bytes that
break the protocol by closing the socket. Here the leg first sends what is wrong, in the
leg's own messages: not through the library, but at the right place in the stream.
"""

from collections.abc import Callable, Iterable

import trio
from attrs import define, field
from typing_extensions import override

from .fastpath.frames import CLOSE, Message, message_frame

# The library's own reason in the close frame that is meant.
OVERRUN = "Exceeded maximum message size"
TOO_BIG = 1009
# RFC 6455, 7.4.1: no frame that the protocol knows; text that is not UTF-8.
BROKEN = (1002, 1007)
_SEND_S = 1.0
_HEADER_BYTES = 2


@define(eq=False)
class CloseNotice(trio.abc.Stream):
    """Stands between trio-websocket, as a server, and the stream below.

    Attributes:
        closed_with: Once there is a WebSocket: the code that it ended with, or None.
    """

    _stream: trio.abc.Stream
    _notice: Callable[[int], Iterable[Message]]
    closed_with: Callable[[], int | None] = field(default=lambda: None, init=False)
    _closing: bool = field(default=False, init=False)

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        raw = bytes(data)
        if raw[:1] == bytes((CLOSE,)):
            self._closing = True
            if raw[_HEADER_BYTES:].startswith(TOO_BIG.to_bytes(2) + OVERRUN.encode()):
                raw = self._frames(TOO_BIG) + raw
        await self._stream.send_all(raw)

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    @override
    async def aclose(self) -> None:
        code = self.closed_with()
        try:
            if code is not None and code in BROKEN and not self._closing:
                self._closing = True
                with trio.move_on_after(_SEND_S):
                    await self._send(code)
        finally:
            await self._stream.aclose()

    def _frames(self, code: int) -> bytes:
        return b"".join(map(message_frame, self._notice(code)))

    async def _send(self, code: int) -> None:
        close = bytes((CLOSE, 2)) + code.to_bytes(2)
        try:
            await self._stream.send_all(self._frames(code) + close)
        # Busy: the peer has not read what was on its way; it would not read this either.
        except (trio.BrokenResourceError, trio.BusyResourceError):
            return
        await discard(self._stream)


async def discard(
    stream: trio.abc.Stream, reader_ended: trio.Event | None = None
) -> None:
    """Send no more and read until the peer closes.

    Closing a socket with unread bytes resets it, and what was sent last is lost.

    Args:
        stream: What the peer is at the other end of.
        reader_ended: When nobody else reads it any more; None if nobody does.
    """
    try:
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
        if reader_ended is not None:
            await reader_ended.wait()
        async for _ in stream:
            pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
