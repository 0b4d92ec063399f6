"""The two ways of a leg's text between its socket and its handler.

The plain path is trio-websocket's message API. The fast path puts a tap under
trio-websocket, which takes text off the wire and puts it there by itself; everything
else stays trio-websocket's. Both carry the same messages in the same order.
"""

from collections.abc import Callable
from typing import NoReturn, Protocol

import trio
from attrs import define, field
from trio_websocket import WebSocketConnection
from typing_extensions import override

from .door import ReplayStream
from .fastpath.demux import OnTexts
from .fastpath.tap import FrameTap

OnBinary = Callable[[bytes], None]


class Path(Protocol):
    """One leg's way; `stream` is what trio-websocket is given."""

    stream: trio.abc.Stream

    def offer(self, *texts: bytes) -> bool:
        """Send UTF-8 now, in one write, or not at all; never waits or raises."""
        ...

    async def send(self, ws: WebSocketConnection, *texts: bytes) -> None:
        """Send, and wait until the socket took it.

        Raises:
            ConnectionClosed, trio.ClosedResourceError, trio.BrokenResourceError: The
                connection is gone, or going.
        """
        ...

    async def receive(self, ws: WebSocketConnection) -> str | bytes:
        """The next message, before `run`: text is a string, bytes are binary.

        Raises:
            ConnectionClosed: There is none any more.
        """
        ...

    async def run(
        self, ws: WebSocketConnection, on_texts: OnTexts, on_binary: OnBinary
    ) -> NoReturn:
        """Read until the end; text comes as valid UTF-8, together what arrived together.

        Raises:
            ConnectionClosed: There is nothing any more.
        """
        ...

    async def drain(self) -> None:
        """Write what `offer` could not; a task beside the WebSocket."""
        ...


@define(eq=False)
class PlainPath(Path):
    """trio-websocket's message API."""

    stream: trio.abc.Stream

    @override
    def offer(self, *texts: bytes) -> bool:
        return False

    @override
    async def send(self, ws: WebSocketConnection, *texts: bytes) -> None:
        for text in texts:
            await ws.send_message(text.decode())

    @override
    async def receive(self, ws: WebSocketConnection) -> str | bytes:
        return await ws.get_message()

    @override
    async def run(
        self, ws: WebSocketConnection, on_texts: OnTexts, on_binary: OnBinary
    ) -> NoReturn:
        while True:
            _dispatch(await ws.get_message(), on_texts, on_binary)

    @override
    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()


@define(eq=False)
class FastPath(Path):
    """The same with a tap under trio-websocket."""

    _tap: FrameTap
    stream: trio.abc.Stream = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stream = self._tap

    @override
    def offer(self, *texts: bytes) -> bool:
        return self._tap.offer(*texts)

    @override
    async def send(self, ws: WebSocketConnection, *texts: bytes) -> None:
        await self._tap.send(*texts)

    @override
    async def receive(self, ws: WebSocketConnection) -> str | bytes:
        return await self._tap.get_message(ws.get_message)

    @override
    async def run(
        self, ws: WebSocketConnection, on_texts: OnTexts, on_binary: OnBinary
    ) -> NoReturn:
        await self._tap.run(
            ws.get_message,
            on_texts=on_texts,
            on_message=lambda message: _dispatch(message, on_texts, on_binary),
        )

    @override
    async def drain(self) -> None:
        await self._tap.drain()


def server_path(stream: trio.abc.Stream, *, fast: bool, max_message_bytes: int) -> Path:
    """The path of a leg that accepts; ``stream`` begins with the handshake."""
    if not fast:
        return PlainPath(stream)
    already_read = b""
    if isinstance(stream, ReplayStream):
        stream, already_read = stream.hand_over()
    tap = FrameTap.over(
        stream,
        server=True,
        max_message_bytes=max_message_bytes,
        already_read=already_read,
    )
    return FastPath(tap)


def client_path(stream: trio.abc.Stream, *, fast: bool, max_message_bytes: int) -> Path:
    """The path of a leg that dials; ``stream`` is connected, TLS and all."""
    if not fast:
        return PlainPath(stream)
    tap = FrameTap.over(stream, server=False, max_message_bytes=max_message_bytes)
    return FastPath(tap)


def _dispatch(message: str | bytes, on_texts: OnTexts, on_binary: OnBinary) -> None:
    if isinstance(message, str):
        on_texts([message.encode()])
    else:
        on_binary(message)
