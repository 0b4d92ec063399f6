"""Hypercorn on the console's own port, with a number for everything that a peer may hold up.

Hypercorn is given each connection, so that listening, how many there are and how long one may
not read are ours: it waits without end, and shielded, for a peer that does not read.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio
from attrs import define, field
from hypercorn.config import Config
from hypercorn.logging import Logger
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp
from typing_extensions import override

# Browsers open six each.
MOST_CONNECTIONS = 64
# For the head of a request, and for the next one on the same connection.
HEAD_S = 10
HEAD_BYTES = 16 * 1024
# A peer that takes nothing for so long is cut.
STALL_S = 10.0
# What is still done for a peer that has left.
GONE_S = 0.5
# As on the caller leg.
MESSAGE_BYTES = 64 * 1024
_PING_S = 20.0

_log = structlog.get_logger()


@define(eq=False)
class Connections:
    """The connections of the console.

    Attributes:
        app: What answers them.
    """

    app: ASGIApp
    _context: WorkerContext = field(factory=lambda: WorkerContext(None))
    _open: set[trio.SocketStream] = field(factory=set[trio.SocketStream])

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer one connection, to its end; whatever fails in it stays in it."""
        if len(self._open) >= MOST_CONNECTIONS:
            await trio.aclose_forcefully(stream)
            return
        self._open.add(stream)
        try:
            with trio.CancelScope() as scope:
                bounded: Any = BoundedStream(stream, stream.socket, scope)
                state = ConnectionState({})
                app: Any = self._wrapped
                server = TCPServer(app, _CONFIG, self._context, state, bounded)
                await server.run()
        # A fault of the server's or of ours: the console and the calls go on.
        except* Exception:  # noqa: BLE001
            _log.exception("console connection failed")
        finally:
            self._open.discard(stream)
            # Hypercorn leaves it open where it is cancelled while it closes it.
            stream.socket.close()

    def cut(self) -> None:
        """Shut all of them down: nobody waits for a peer any more."""
        for stream in self._open:
            try:
                stream.socket.shutdown(trio.socket.SHUT_RDWR)
            except OSError:
                continue

    async def _wrapped(
        self,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
        *_: object,
    ) -> None:
        await self.app(scope, receive, send)


@define(eq=False)
class BoundedStream(trio.abc.HalfCloseableStream):
    """A connection whose peer has to read.

    Attributes:
        socket: Where hypercorn asks for addresses.
    """

    _stream: trio.SocketStream
    socket: trio.socket.SocketType
    # Of everything that is done for this peer.
    _scope: trio.CancelScope = field(factory=trio.CancelScope)

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with trio.move_on_after(STALL_S) as scope:
            await self._stream.send_all(data)
        if scope.cancelled_caught:
            # A part of it was sent: nothing more may follow.
            await trio.aclose_forcefully(self._stream)
            raise trio.BrokenResourceError

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        piece: bytes | bytearray = b""
        try:
            piece = await self._stream.receive_some(max_bytes)
        finally:
            if not piece:
                # Hypercorn would keep its place for as long as for a next request.
                self._scope.deadline = trio.current_time() + GONE_S
        return piece

    @override
    async def send_eof(self) -> None:
        await self._stream.send_eof()

    @override
    async def aclose(self) -> None:
        await self._stream.aclose()


class _Log(Logger):
    """What hypercorn has to say, in our log: nothing of a request."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)

    @override
    async def access(self, request: Any, response: Any, request_time: float) -> None:
        await trio.lowlevel.checkpoint()

    @override
    async def exception(self, message: str, *args: Any, **kwargs: Any) -> None:
        _log.exception("console request failed")
        await trio.lowlevel.checkpoint()


def _config() -> Config:
    config = Config()
    config.accesslog = config.errorlog = None
    config.logger_class = _Log
    config.include_server_header = False
    config.keep_alive_timeout = HEAD_S
    config.h11_max_incomplete_size = HEAD_BYTES
    config.h2_max_concurrent_streams = 1
    config.websocket_max_message_size = MESSAGE_BYTES
    config.websocket_ping_interval = _PING_S
    return config


_CONFIG = _config()
