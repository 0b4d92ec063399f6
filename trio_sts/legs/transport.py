"""How a leg's messages get from its socket to its handler, and to the socket.

`PlainTransport` is trio-websocket's message API. `TappedTransport`, the fast path, puts a
tap under trio-websocket, which takes text off the wire, and binary messages where audio
comes in them, and writes messages to it; everything else stays trio-websocket's. Both
carry the same messages in the same order.
"""

from typing import NoReturn, Protocol

import trio
from attrs import define, field
from trio_websocket import WebSocketConnection
from typing_extensions import override

from .fastpath.demux import OnBinaries, OnTexts
from .fastpath.frames import Message
from .fastpath.tap import FrameTap
from .http_head import ReplayStream
from .plain_stream import PlainStream


class Offer(Protocol):
    """Send messages now, in one write, or not at all; never waits or raises."""

    def __call__(self, *messages: Message) -> bool:
        """Whether all of them are being sent; if not, none is."""
        ...


class Transport(Protocol):
    """One leg's transport.

    Attributes:
        stream: What trio-websocket is given.
        offer: Sends without waiting; see `Offer`. An attribute, so that it may be the
            tap's own method: one call less for every message.
    """

    stream: trio.abc.Stream
    offer: Offer

    @property
    def heard_at(self) -> float:
        """When the last byte of the peer arrived, on Trio's clock."""
        ...

    @property
    def owes(self) -> bool:
        """Whether a part of what was offered last has not been sent."""
        ...

    async def ping(self) -> None:
        """Send an empty ping, once the socket takes it; any byte answers it.

        Raises:
            trio.ClosedResourceError, trio.BrokenResourceError: The connection is gone,
                or going.
        """
        ...

    async def send(self, ws: WebSocketConnection, *messages: Message) -> None:
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
        self, ws: WebSocketConnection, on_texts: OnTexts, on_binaries: OnBinaries
    ) -> NoReturn:
        """Read until the end; together comes what arrived together, text as valid UTF-8.

        Raises:
            ConnectionClosed: There is nothing any more.
        """
        ...

    async def drain(self) -> None:
        """Write what `offer` could not; a task beside the WebSocket."""
        ...


def _refuse(*_: Message) -> bool:
    return False


@define(eq=False)
class PlainTransport(Transport):
    """trio-websocket's message API, which cannot send without waiting."""

    _plain: PlainStream
    stream: trio.abc.Stream = field(init=False)
    offer: Offer = field(default=_refuse, init=False)

    def __attrs_post_init__(self) -> None:
        self.stream = self._plain

    @property
    @override
    def heard_at(self) -> float:
        return self._plain.heard_at

    @property
    @override
    def owes(self) -> bool:
        return False

    @override
    async def ping(self) -> None:
        await self._plain.ping()

    @override
    async def send(self, ws: WebSocketConnection, *messages: Message) -> None:
        for message in messages:
            if isinstance(message, bytes):
                await ws.send_message(message.decode())
            else:
                await ws.send_message(message.payload)

    @override
    async def receive(self, ws: WebSocketConnection) -> str | bytes:
        return await ws.get_message()

    @override
    async def run(
        self, ws: WebSocketConnection, on_texts: OnTexts, on_binaries: OnBinaries
    ) -> NoReturn:
        while True:
            _dispatch(await ws.get_message(), on_texts, on_binaries)

    @override
    async def drain(self) -> None:
        await trio.lowlevel.checkpoint()


@define(eq=False)
class TappedTransport(Transport):
    """The same with a tap under trio-websocket."""

    _tap: FrameTap
    stream: trio.abc.Stream = field(init=False)
    offer: Offer = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.stream = self._tap
        self.offer = self._tap.offer

    @property
    @override
    def heard_at(self) -> float:
        return self._tap.heard_at

    @property
    @override
    def owes(self) -> bool:
        return self._tap.owes

    @override
    async def ping(self) -> None:
        await self._tap.ping()

    @override
    async def send(self, ws: WebSocketConnection, *messages: Message) -> None:
        await self._tap.send(*messages)

    @override
    async def receive(self, ws: WebSocketConnection) -> str | bytes:
        return await self._tap.get_message(ws.get_message)

    @override
    async def run(
        self, ws: WebSocketConnection, on_texts: OnTexts, on_binaries: OnBinaries
    ) -> NoReturn:
        await self._tap.run(
            ws.get_message,
            on_texts=on_texts,
            on_message=lambda message: _dispatch(message, on_texts, on_binaries),
            on_binaries=on_binaries,
        )

    @override
    async def drain(self) -> None:
        await self._tap.drain()


def server_transport(
    stream: trio.abc.Stream, *, fast: bool, max_message_bytes: int, binary: bool
) -> Transport:
    """The transport of a leg that accepts.

    Args:
        stream: Begins with the handshake.
        fast: Whether there is a tap.
        max_message_bytes: A longer message is not the tap's.
        binary: Whether binary messages are the tap's as well.
    """
    if not fast:
        return PlainTransport(PlainStream.over(stream, server=True))
    already_read = b""
    if isinstance(stream, ReplayStream):
        stream, already_read = stream.hand_over()
    tap = FrameTap.over(
        stream,
        server=True,
        max_message_bytes=max_message_bytes,
        binary=binary,
        already_read=already_read,
    )
    return TappedTransport(tap)


def client_transport(
    stream: trio.abc.Stream, *, fast: bool, max_message_bytes: int
) -> Transport:
    """The transport of a leg that dials; ``stream`` is connected, TLS and all."""
    if not fast:
        return PlainTransport(PlainStream.over(stream, server=False))
    tap = FrameTap.over(stream, server=False, max_message_bytes=max_message_bytes)
    return TappedTransport(tap)


def _dispatch(message: str | bytes, on_texts: OnTexts, on_binaries: OnBinaries) -> None:
    if isinstance(message, str):
        on_texts([message.encode()])
    else:
        on_binaries([message])
