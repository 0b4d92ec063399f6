"""*Talk*: a browser as the caller, over the real caller leg of a running service.

Messages pass through as they are; the service's own limits hold. It knows nothing of the
browser, and the browser nothing of its token.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

import h11
import orjson
import structlog
import trio
from attrs import define, field
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    wrap_client_stream,
)
from wsproto.utilities import ProtocolError

from trio_sts.errors import BadMessage
from trio_sts.phone.target import Target, dial_tcp
from trio_sts.settings import Settings
from trio_sts.wire import avr, avr_codec

from .access import Access, Visitor
from .answers import Refused
from .far_service import other_service, own_service
from .guard import VISITOR
from .serving import MESSAGE_BYTES
from .snapshots import EVERY_S, Snapshots

MOST_TALKS: Final = 4
CONNECT_S: Final = 10.0
_CLOSE_S: Final = 1.0
_SESSION_EVERY_S: Final = 1.0
_FAR_MESSAGES: Final = 64
_POLICY, _FAILED, _TRY_LATER, _NO_CLOSE = 1008, 1011, 1013, 1006
# Of a close frame's reason, in UTF-8.
_REASON_BYTES: Final = 123

_log = structlog.get_logger()


@define(eq=False)
class Talk:
    """The browsers that talk.

    Attributes:
        settings: The service's, as they are now.
        board: Where a call is looked up, for what the page shows of it.
        call_port: Where the service itself listens.
        access: Who may still talk.
    """

    settings: Callable[[], Settings]
    board: Snapshots
    call_port: Callable[[], int]
    access: Access
    _talks: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold one call; a browser is told what is wrong, since it sees no HTTP status."""
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        if self._talks >= MOST_TALKS:
            told = f"{MOST_TALKS} pages talk already; try again later."
            await _turn_away(socket, _TRY_LATER, told)
            return
        self._talks += 1
        try:
            await self._talk(socket, socket.query_params.get("url"))
        finally:
            self._talks -= 1

    async def _talk(self, socket: WebSocket, url: str | None) -> None:
        try:
            target = self._target(url)
            stream = await _connected(target)
        except Refused as refused:
            await _turn_away(socket, _POLICY, refused.why)
            return
        visitor: Visitor = socket.scope["state"][VISITOR]
        may_stay = partial(self.access.may_stay, visitor)
        bridge = _Bridge(socket, self.board if url is None else None, may_stay)
        failure = ""
        try:
            await bridge.hold(stream, target)
        except* ConnectionRejected as group:
            failure = f"The service refuses the call: {_words(group)}"
        except* (HandshakeError, h11.ProtocolError, ProtocolError):
            failure = "The service speaks no WebSocket."
        except* (trio.TooSlowError, OSError, trio.BrokenResourceError):
            failure = "The service cannot be reached."
        except* WebSocketDisconnect:
            pass
        finally:
            with trio.move_on_after(_CLOSE_S, shield=True):
                await trio.aclose_forcefully(stream)
        if failure:
            await _turn_away(socket, _FAILED, failure)

    def _target(self, url: str | None) -> Target:
        if url is None:
            return own_service(self.settings(), self.call_port())
        return other_service(self.settings(), url)


@define(eq=False)
class _Bridge:
    """One call between a browser and a service."""

    socket: WebSocket
    board: Snapshots | None
    may_stay: Callable[[float], bool]
    _uuid: str = ""
    _code: int = _NO_CLOSE
    _reason: str = ""
    _browser_left: bool = False
    _begun: trio.Event = field(factory=trio.Event)

    async def hold(self, stream: trio.abc.Stream, target: Target) -> None:
        """Pass messages on until either side leaves; the other one is told."""
        async with trio.open_nursery() as nursery:
            with trio.fail_after(CONNECT_S):
                far = await wrap_client_stream(
                    nursery,
                    # Of a stream it uses what every stream has.
                    cast("Any", stream),
                    target.host_header,
                    target.resource,
                    extra_headers=target.headers,
                    message_queue_size=_FAR_MESSAGES,
                    max_message_size=MESSAGE_BYTES,
                )
            try:
                async with trio.open_nursery() as both:
                    both.start_soon(self._up, far, both.cancel_scope)
                    both.start_soon(self._down, far, both.cancel_scope)
                    both.start_soon(self._look_for_end, both.cancel_scope)
                    if self.board is not None:
                        both.start_soon(self._show, self.board)
            finally:
                with trio.move_on_after(_CLOSE_S, shield=True):
                    await self._close(far)
            nursery.cancel_scope.cancel(reason="the call is over")

    async def _up(self, far: WebSocketConnection, scope: trio.CancelScope) -> None:
        try:
            while True:
                message = await self.socket.receive_text()
                if not self._uuid:
                    self._look_for_init(message)
                await far.send_message(message)
        except (WebSocketDisconnect, KeyError):
            # A message that is no text is no message of this protocol.
            self._browser_left = True
        except ConnectionClosed as closed:
            self._take_reason(closed)
        scope.cancel(reason="the browser has left")

    async def _down(self, far: WebSocketConnection, scope: trio.CancelScope) -> None:
        try:
            while True:
                message = await far.get_message()
                if isinstance(message, str):
                    await self.socket.send_text(message)
        except ConnectionClosed as closed:
            self._take_reason(closed)
        scope.cancel(reason="the service has ended the call")

    async def _show(self, board: Snapshots) -> None:
        """What *Now* would show of the call, whenever it changes."""
        await self._begun.wait()
        last = b""
        with board.follow(self._uuid):
            while True:
                call = board.of_uuid(self._uuid)
                if call is not None:
                    body, whole = call.shown(trio.current_time())
                    if body != last:
                        last = body
                        told = b'{"type":"console.live",%b' % whole[1:]
                        await self.socket.send_text(told.decode())
                await trio.sleep(EVERY_S)

    async def _look_for_end(self, scope: trio.CancelScope) -> None:
        while True:
            await trio.sleep(_SESSION_EVERY_S)
            if not self.may_stay(trio.current_time()):
                break
        self._code, self._reason = _POLICY, "The session is over."
        scope.cancel(reason="the session is over")

    async def _close(self, far: WebSocketConnection) -> None:
        if self._browser_left:
            await far.aclose(1000)
            return
        # 1006 says that there was no close frame, and is never sent in one.
        code = _FAILED if self._code == _NO_CLOSE else self._code
        await self.socket.close(code, _short(self._reason))
        await far.aclose(1000)

    def _look_for_init(self, message: str) -> None:
        try:
            told = avr_codec.decode_from_core(message)
        except BadMessage:
            return
        if isinstance(told, avr.Init) and isinstance(told.uuid, str) and told.uuid:
            self._uuid = told.uuid
            self._begun.set()

    def _take_reason(self, closed: ConnectionClosed) -> None:
        if closed.reason is not None and self._code == _NO_CLOSE:
            self._code = closed.reason.code
            self._reason = closed.reason.reason or ""


async def _connected(target: Target) -> trio.abc.Stream:
    try:
        with trio.fail_after(CONNECT_S):
            return await dial_tcp(target)
    except (OSError, trio.TooSlowError, trio.BrokenResourceError) as exc:
        _log.info("console: talk reaches no service", why=type(exc).__name__)
        raise Refused(502, "The service cannot be reached.") from exc


async def _turn_away(socket: WebSocket, code: int, why: str) -> None:
    try:
        told = orjson.dumps({"type": "error", "message": why}).decode()
        await socket.send_text(told)
        await socket.close(code, _short(why))
    except (WebSocketDisconnect, RuntimeError):
        # It has left, and needs to be told nothing.
        return


def _short(reason: str) -> str:
    return reason.encode()[:_REASON_BYTES].decode(errors="ignore")


def _words(group: BaseExceptionGroup[ConnectionRejected]) -> str:
    found = group.exceptions[0]
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    body = (found.body or b"").decode(errors="replace").strip()
    return body[:200] or f"HTTP status {found.status_code}"
