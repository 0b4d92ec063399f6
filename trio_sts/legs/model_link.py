"""One WebSocket to the model, from its handshake to its last byte.

trio-websocket does the wire. Its reader lives in a nursery of the leg's, in a home that
keeps what goes wrong in it from tearing down that nursery.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, cast

import h11
import trio
from attrs import define, field
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    wrap_client_stream,
)
from wsproto.utilities import ProtocolError

from trio_sts.errors import LegClosed

from .endpoint import Endpoint
from .paths import Path, client_path

# The API bounds an event at 15 MiB. Audio deltas are some 16 kB; the session's echo,
# with the instructions and all tools in it, is what can be big.
_MAX_MESSAGE_CHARS = 16 * 1024 * 1024
# Four audio deltas at once; a burst costs one pass of the scheduler, not sixteen.
_RECEIVE_BYTES = 64 * 1024
# Events that wait for the pump, which itself never waits for anything.
_QUEUE_MESSAGES = 16
# Dropping a socket waits for nobody; this only says so.
_DROP_S = 1.0
_GONE = (
    ConnectionClosed,
    ProtocolError,
    trio.ClosedResourceError,
    trio.BrokenResourceError,
)


@define(eq=False)
class _Home:
    """Stands in for the nursery that trio-websocket asks for.

    The library starts one task in it, its reader. A handshake that the peer answers by
    hanging up would wait for ever, and a handshake that it refuses would end everything
    in the nursery; here both end the handshake alone.
    """

    nursery: trio.Nursery
    stream: trio.abc.Stream
    opening: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    rejection: ConnectionRejected | None = field(default=None, init=False)
    _scopes: list[trio.CancelScope] = field(factory=list[trio.CancelScope], init=False)

    def start_soon(self, reader: Callable[[], Awaitable[None]]) -> None:
        self.shelter(self._read, reader)

    def shelter(self, task: Callable[..., Awaitable[None]], *args: object) -> None:
        """Run a task that only `end` cancels.

        Cancelling a call must leave it a reader and a sender for its goodbye. That is
        bounded, and every way out of the leg leads to `end`.
        """
        scope = trio.CancelScope(shield=True)
        self._scopes.append(scope)
        self.nursery.start_soon(self._within, scope, task, *args)

    async def _within(
        self,
        scope: trio.CancelScope,
        task: Callable[..., Awaitable[None]],
        *args: object,
    ) -> None:
        with scope:
            await task(*args)

    def end(self) -> None:
        for scope in self._scopes:
            scope.cancel(reason="the link is over")

    async def _read(self, reader: Callable[[], Awaitable[None]]) -> None:
        try:
            await reader()
        except ConnectionRejected as exc:
            self.rejection = exc
        except (ProtocolError, h11.ProtocolError, ConnectionClosed):
            # The library trips over its own answer to nonsense, as over a refusal of
            # what was no handshake: the connection is over either way.
            pass
        finally:
            self.opening.cancel(reason="the reader has ended")
            # A peer that has closed waits for us to close the socket as well.
            with trio.move_on_after(_DROP_S, shield=True):
                await trio.aclose_forcefully(self.stream)


@define(eq=False)
class ModelLink:
    """An open WebSocket. It is over after `aclose`, `drop` or the first LegClosed."""

    _ws: WebSocketConnection
    _path: Path
    _home: _Home
    # A message that went half-way: nothing may follow it, not even a close frame.
    _is_torn: bool = field(default=False, init=False)

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            LegClosed: There is none any more.
        """
        try:
            return await self._path.receive(self._ws)
        except ConnectionClosed as exc:
            raise self.why from exc

    async def run(self, handle: Callable[[bytes], None]) -> NoReturn:
        """Hand on every message, binary ones too, until there is none any more.

        Raises:
            LegClosed: There is none any more.
        """

        def handle_all(texts: list[bytes]) -> None:
            for text in texts:
                handle(text)

        try:
            await self._path.run(self._ws, handle_all, handle)
        except ConnectionClosed as exc:
            raise self.why from exc
        raise AssertionError("only an error ends the reading")

    def offer(self, text: bytes) -> bool:
        """Send one message now or not at all; never waits or raises."""
        return self._path.offer(text)

    async def send(self, text: bytes) -> None:
        """Send one message.

        Raises:
            LegClosed: The WebSocket is closed or closing.
        """
        self._is_torn = True
        try:
            await self._path.send(self._ws, text)
        except _GONE as exc:
            raise self.why from exc
        self._is_torn = False

    async def ping(self) -> None:
        """Ask for a sign of life and wait for it.

        Raises:
            LegClosed: The WebSocket is closed or closing.
        """
        try:
            await self._ws.ping()
        except (ConnectionClosed, ProtocolError) as exc:
            raise self.why from exc

    def start_soon(self, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task that ends with the link at the latest, and no cancel before."""
        self._home.shelter(task)

    @property
    def why(self) -> LegClosed:
        """How the WebSocket ended."""
        closed = self._ws.closed
        if closed is None:
            return LegClosed(1006)
        return LegClosed(int(closed.code), closed.reason or "")

    async def aclose(self, code: int, reason: str) -> None:
        """Shake hands on the end and close the socket; who calls bounds it."""
        try:
            if not self._is_torn:
                await self._ws.aclose(code, reason)
        except (ConnectionClosed, ProtocolError, trio.BrokenResourceError):
            pass
        finally:
            with trio.move_on_after(_DROP_S, shield=True):
                await self.drop()

    async def drop(self) -> None:
        """Close the socket at once."""
        self._home.end()
        await trio.aclose_forcefully(self._path.stream)


async def open_link(
    nursery: trio.Nursery, stream: trio.abc.Stream, endpoint: Endpoint
) -> ModelLink:
    """Shake hands over a connected stream; who calls closes it if that fails.

    Text takes the endpoint's path, the fast one or the plain one.

    Raises:
        ConnectionRejected: The peer answered with another HTTP status than 101.
        LegClosed: The peer hung up instead of answering.
    """
    path = client_path(
        stream, fast=endpoint.fast_path, max_message_bytes=_MAX_MESSAGE_CHARS
    )
    home = _Home(nursery, path.stream)
    ws: WebSocketConnection | None = None
    try:
        with home.opening:
            ws = await wrap_client_stream(
                # Of a nursery it uses `start_soon`; of a stream, what every stream has.
                cast("Any", home),
                cast("Any", path.stream),
                endpoint.authority,
                endpoint.resource,
                extra_headers=[
                    (name.encode(), text.encode()) for name, text in endpoint.headers
                ],
                message_queue_size=_QUEUE_MESSAGES,
                max_message_size=_MAX_MESSAGE_CHARS,
                receive_buffer_size=_RECEIVE_BYTES,
            )
    finally:
        if ws is None:
            home.end()
    if ws is not None:
        home.shelter(path.drain)
        return ModelLink(ws, path, home)
    if home.rejection is not None:
        raise home.rejection
    raise LegClosed(1006, "no answer to the handshake")
