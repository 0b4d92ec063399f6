"""One connection, from its first byte to its answer or its call."""

import ssl
from collections.abc import Awaitable, Callable

import structlog
import trio
from attrs import define, field, frozen

from trio_sts.legs.fastpath.tls import TlsStream
from trio_sts.legs.handshake import HANDSHAKE_S
from trio_sts.legs.http_head import ReplayStream, RequestHead, read_head, respond

from .admission import Admission
from .answers import Answer
from .peer import Peer
from .places import Place
from .proxies import Proxies
from .waiting import WaitingRoom

_log = structlog.get_logger()


@frozen(eq=False)
class Admitted:
    """A WebSocket request that may become a call, not answered yet.

    Attributes:
        socket: The connection.
        stream: What the call is held over: the socket or TLS on it, from the first byte
            of the request.
        head: The request.
        peer: Who made it.
        place: Its place; whoever holds the call says when it waits, begins and is over.
    """

    socket: trio.SocketStream
    stream: ReplayStream
    head: RequestHead
    peer: Peer
    place: Place


def no_tls() -> ssl.SSLContext | None:
    """The listener speaks plain."""
    return None


@define(eq=False)
class Connections:
    """Reads the head of each connection, has it decided on, and answers it or holds it.

    Attributes:
        admission: Decides.
        hold: Holds a call, and returns when nothing is left to do for it.
        waiting: Where connections are until their heads are read.
        tls: What new connections are encrypted with; None for plain ones.
        proxies: Whose X-Forwarded-For is believed.
    """

    admission: Admission
    hold: Callable[[Admitted], Awaitable[None]]
    waiting: WaitingRoom
    tls: Callable[[], ssl.SSLContext | None] = no_tls
    proxies: Proxies = field(factory=Proxies)

    async def serve(
        self, stream: trio.SocketStream, peer: Peer, already_read: bytes = b""
    ) -> None:
        """Serve one connection, to its end; whatever goes wrong in it stays in it.

        Args:
            stream: The connection; it is closed in the end.
            peer: Who is at the other end.
            already_read: What was read of it before.
        """
        try:
            async with stream:
                with trio.CancelScope() as scope:
                    self.waiting.enter(stream, lambda _: scope.cancel())
                    request = await self._read_head(stream, already_read)
                    if request is not None:
                        await self._decide(stream, peer, *request)
        # One crash must not stop the service: it is logged, and the other calls go on.
        except* Exception:  # noqa: BLE001
            _log.exception("connection crashed")
        finally:
            self.waiting.over(stream)

    async def _read_head(
        self, stream: trio.SocketStream, already_read: bytes
    ) -> tuple[RequestHead, ReplayStream] | None:
        context = self.tls()
        if context is None:
            return await read_head(stream, already_read)
        tls = TlsStream(stream, context, server_side=True, already_read=already_read)
        try:
            with trio.fail_after(HANDSHAKE_S):
                await tls.do_handshake()
        except (trio.TooSlowError, trio.BrokenResourceError, trio.ClosedResourceError):
            _log.debug("no TLS handshake")
            return None
        return await read_head(tls)

    async def _decide(
        self,
        socket: trio.SocketStream,
        peer: Peer,
        head: RequestHead,
        stream: ReplayStream,
    ) -> None:
        peer = self.proxies.forwarded(peer, head.headers)
        decided = await self.admission.decide(head, peer)
        # It is answered at once; and who is let in waits for something else.
        self.waiting.over(socket)
        if isinstance(decided, Answer):
            await respond(
                stream,
                decided.status,
                decided.body,
                method=head.method,
                media_type=decided.media_type,
            )
            return
        try:
            await self.hold(Admitted(socket, stream, head, peer, decided))
        finally:
            decided.over()
