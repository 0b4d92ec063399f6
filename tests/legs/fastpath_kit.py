"""A peer made of raw bytes, and the same play with and without the tap."""

from collections.abc import Callable, Iterable
from contextlib import suppress

import trio
from attrs import define, field, frozen
from trio.testing import memory_stream_pair, wait_all_tasks_blocked
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
    wrap_server_stream,
)
from websockets.frames import Frame
from websockets.streams import StreamReader
from wsproto.handshake import generate_accept_token  # type: ignore[attr-defined]
from wsproto.utilities import LocalProtocolError

from trio_sts.legs.fastpath.frames import Binary
from trio_sts.legs.fastpath.tap import FrameTap
from trio_sts.legs.plain_stream import PlainStream

REQUEST = (
    b"GET /call HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
LIMIT = 200
MASK = b"\x0f\xa5\x80\x01"


def unsent_bytes(tap: FrameTap) -> int:
    """The rest of the write that the tap has begun."""
    return len(tap._writer._rest)  # pyright: ignore[reportPrivateUsage]


def frame(
    first: int, payload: bytes, *, masked: bool, size: bytes | None = None
) -> bytes:
    """One frame, by the book unless a length field is given."""
    if size is None:
        length = len(payload)
        if length < 126:
            size = bytes([length])
        elif length < 1 << 16:
            size = b"\x7e" + length.to_bytes(2)
        else:
            size = b"\x7f" + length.to_bytes(8)
    if not masked:
        return bytes([first]) + size + payload
    hidden = bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
    return bytes([first, 0x80 | size[0]]) + size[1:] + MASK + hidden


def answer_to(request: bytes) -> bytes:
    """A server's answer to a WebSocket handshake."""
    key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
        % generate_accept_token(key)
    )


def read_frames(data: bytes, *, masked: bool) -> list[tuple[int, bytes]]:
    """Opcodes and payloads, by a parser that is neither ours nor wsproto's."""
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    frames: list[tuple[int, bytes]] = []
    while reader.buffer:
        parsing = Frame.parse(reader.read_exact, mask=masked)
        try:
            next(parsing)
        except StopIteration as done:
            one = done.value
        else:
            raise EOFError("half a frame")
        frames.append((int(one.opcode) | one.fin << 7, bytes(one.data)))
    return frames


@frozen
class Say:
    """We send this message: a string is text, bytes are binary."""

    message: str | bytes


@frozen
class Bye:
    """We close with this code."""

    code: int


@define
class Ending:
    """What came of a play."""

    heard: list[str | bytes] = field(factory=list[str | bytes])
    closed: int | None = None
    sent: list[tuple[int, bytes]] = field(factory=list[tuple[int, bytes]])
    crashed: bool = False
    taken: int = 0


@define(eq=False)
class Player:
    """One connection of ours over memory, with a raw peer on its other end.

    Attributes:
        slow: How many passes of the scheduler our reader takes for a message.
        binary: Whether the tap takes binary messages as well.
    """

    server: bool
    slow: int
    tapped: bool
    binary: bool = False
    ending: Ending = field(factory=Ending)
    _wrote: bytearray = field(factory=bytearray)

    async def play(self, acts: Iterable[bytes | Say | Bye]) -> Ending:
        """Perform the acts one by one, the peer hangs up, and see what came of it."""
        ours, peer = memory_stream_pair()
        tap: FrameTap | None = None
        if self.tapped:
            tap = FrameTap.over(
                ours,
                server=self.server,
                max_message_bytes=LIMIT,
                binary=self.binary,
            )
        try:
            async with trio.open_nursery() as nursery:
                plain = PlainStream.over(ours, server=self.server)
                ws = await self._open(nursery, tap or plain, peer)
                nursery.start_soon(self._listen, peer)
                nursery.start_soon(self._run, ws, tap)
                if tap is not None:
                    nursery.start_soon(tap.drain)
                for act in acts:
                    await self._act(nursery, act, ws, tap, peer)
                    await wait_all_tasks_blocked()
                with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                    await peer.send_eof()
                await wait_all_tasks_blocked()
                if ws.closed is not None:
                    self.ending.closed = ws.closed.code
                nursery.cancel_scope.cancel()
        except* LocalProtocolError:
            # trio-websocket's reader falls over its own feet now and then.
            self.ending.crashed = True
        self.ending.sent = read_frames(bytes(self._wrote), masked=not self.server)
        return self.ending

    async def _open(
        self,
        nursery: trio.Nursery,
        stream: trio.abc.Stream,
        peer: trio.abc.Stream,
    ) -> WebSocketConnection:
        if self.server:
            await peer.send_all(REQUEST)
            request = await wrap_server_stream(nursery, stream, max_message_size=LIMIT)
            ws = await request.accept()
            await peer.receive_some()
            return ws
        opened: list[WebSocketConnection] = []

        async def dial() -> None:
            opened.append(
                await wrap_client_stream(
                    nursery,
                    stream,  # type: ignore[arg-type]  # any stream serves it
                    "here",
                    "/",
                    max_message_size=LIMIT,
                )
            )

        nursery.start_soon(dial)
        await peer.send_all(answer_to(bytes(await peer.receive_some())))
        await wait_all_tasks_blocked()
        return opened[0]

    async def _listen(self, peer: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in peer:
                self._wrote += data

    async def _run(self, ws: WebSocketConnection, tap: FrameTap | None) -> None:
        hear: Callable[[str | bytes], None] = self.ending.heard.append

        async def receive() -> str | bytes:
            message = await ws.get_message()
            for _ in range(self.slow):
                await trio.lowlevel.checkpoint()
            return message

        with suppress(ConnectionClosed):
            if tap is None:
                while True:
                    hear(await receive())
            await tap.run(
                receive,
                on_texts=self._take,
                on_message=hear,
                on_binaries=self._take_binaries,
            )

    def _take_binaries(self, payloads: list[bytes]) -> None:
        assert self.binary
        self.ending.taken += len(payloads)
        self.ending.heard.extend(payloads)

    def _take(self, texts: list[bytes]) -> None:
        self.ending.taken += len(texts)
        self.ending.heard.extend(text.decode() for text in texts)

    async def _act(
        self,
        nursery: trio.Nursery,
        act: bytes | Say | Bye,
        ws: WebSocketConnection,
        tap: FrameTap | None,
        peer: trio.abc.Stream,
    ) -> None:
        with suppress(
            ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError
        ):
            match act:
                case Say(message) if tap is None or ws.closed:
                    await ws.send_message(message)
                case Say(message):
                    assert tap is not None
                    outgoing = (
                        message.encode()
                        if isinstance(message, str)
                        else Binary(message)
                    )
                    if not tap.offer(outgoing):
                        await tap.send(outgoing)
                case Bye(code):
                    nursery.start_soon(ws.aclose, code)
                case bytes():
                    await peer.send_all(act)
