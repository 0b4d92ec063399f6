"""The endpoint: a listener on loopback, and the life of each connection."""

import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson
import structlog
import trio
import trio_websocket
from attrs import define, field, frozen

from trio_sts.legs.http_head import ReplayStream, RequestHead, read_head, respond
from trio_sts.modelfacts import facts

from .events import fatal
from .faults import Faults, Order
from .mind import Mind
from .session import Session
from .speech.espeak import espeak
from .speech.recogniser import recogniser

_log = structlog.get_logger()

_HANDSHAKE_S = 5
_GOODBYE_S = 1
_LIFETIME_S = 3600
_MAX_MESSAGE_BYTES = 15 * 2**20
_KEPT_SESSIONS = 64
# More than eight minutes of audio deltas: a client that leaves them unread is gone.
_UNREAD_EVENTS = 2048
_THREADS = 2
PACE: Final = 6.0
_PROTOCOL = "realtime"
_KEY_PROTOCOL = "openai-insecure-api-key."
_GONE = (
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.TooSlowError,
    trio_websocket.ConnectionClosed,
)


@frozen
class _Close:
    """The last thing that is written."""

    code: int
    reason: str


@define(eq=False, kw_only=True)
class Endpoint:
    """A Realtime endpoint that is listening.

    Attributes:
        host: Where it listens.
        port: On which port.
        sessions: The last 64 sessions, oldest first, running or over.
    """

    host: str
    port: int = 0
    sessions: deque[Session] = field(
        factory=lambda: deque[Session](maxlen=_KEPT_SESSIONS)
    )
    _faults: Faults = field(alias="faults")
    _api_key: str | None = field(alias="api_key", repr=False)
    _pace: float = field(alias="pace")
    _threads: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(_THREADS)
    )
    _connections: int = field(default=0, init=False)
    _noted: set[str] = field(factory=set[str], init=False)

    @property
    def url(self) -> str:
        """What OPENAI_BASE_URL is set to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ws://{host}:{self.port}/v1"

    def _note(self, what: str) -> None:
        if what not in self._noted:
            self._noted.add(what)
            _log.warning("accepted without effect", what=what)

    async def serve_connection(self, stream: trio.SocketStream) -> None:
        """Serve one client until either side ends it; never raises an error."""
        try:
            async with stream, trio.open_nursery() as nursery:
                request = await read_head(stream)
                if request is not None and _is_listing(request[0]):
                    await self._list_models(*request)
                elif request is not None:
                    await self._serve(stream, request[1], nursery)
                nursery.cancel_scope.cancel(reason="the connection is over")
        except* _GONE:
            pass
        except* Exception as group:  # noqa: BLE001 (one session must not end the others)
            _log.error("session of the embedded model failed", exc_info=group)

    async def _list_models(self, head: RequestHead, stream: trio.abc.Stream) -> None:
        """Answer ``GET /v1/models``, by which clients find out whether a key is taken."""
        bearer = head.headers.get("authorization", "").removeprefix("Bearer ")
        if self._api_key not in {None, bearer, head.headers.get("api-key")}:
            told = "Incorrect API key provided."
            error = {"type": "invalid_request_error", "code": "invalid_api_key"}
            status = 401
            body = orjson.dumps({"error": {"message": told, "param": None, **error}})
        else:
            model = {"object": "model", "created": 0, "owned_by": "system"}
            names = (name for name, each in facts().models.items() if not each.ends)
            listed = [{"id": name, **model} for name in names]
            status, body = 200, orjson.dumps({"object": "list", "data": listed})
        await respond(stream, status, body, media_type="application/json")

    async def _serve(
        self, socket: trio.SocketStream, stream: ReplayStream, nursery: trio.Nursery
    ) -> None:
        with trio.fail_after(_HANDSHAKE_S):
            request = await trio_websocket.wrap_server_stream(
                nursery, stream, max_message_size=_MAX_MESSAGE_BYTES
            )
        self._connections += 1
        faults = self._faults.on(self._connections)
        ordered = faults.of("connection")
        if "slow_connect" in ordered:
            await trio.sleep(ordered["slow_connect"].amount)
        with trio.fail_after(_HANDSHAKE_S):
            status = self._refusal(request)
            if "reject_http" in ordered:
                status = int(ordered["reject_http"].amount)
            if status:
                await request.reject(status)
                return
            ws = await request.accept(subprotocol=_subprotocol(request))
        try:
            if _header(request, b"openai-beta") is not None:
                await _refuse_beta(ws)
            else:
                model = parse_qs(urlsplit(request.path).query)["model"][0]
                await self._converse(ws, partial(_reset, socket), model, faults)
        finally:
            with trio.move_on_after(_GOODBYE_S, shield=True):
                await ws.aclose(1001, "The service stops.")

    def _refusal(self, request: trio_websocket.WebSocketRequest) -> int:
        """The HTTP status that a handshake is refused with; 0 if it is accepted."""
        parts = urlsplit(request.path)
        if parts.path.rstrip("/") != "/v1/realtime":
            return 404
        bearer = _header(request, b"authorization") or ""
        given = (
            bearer.removeprefix("Bearer "),
            _header(request, b"api-key"),
            # A browser can send no header, so its key is in the name of a protocol.
            *(
                name.removeprefix(_KEY_PROTOCOL)
                for name in request.proposed_subprotocols
            ),
        )
        if self._api_key is not None and self._api_key not in given:
            return 401
        return 0 if "model" in parse_qs(parts.query) else 400

    async def _converse(
        self,
        ws: trio_websocket.WebSocketConnection,
        reset: Callable[[], None],
        model: str,
        faults: Faults,
    ) -> None:
        outgoing, unsent = trio.open_memory_channel[dict[str, Any] | _Close](
            _UNREAD_EVENTS
        )
        ordered = faults.of("connection")
        async with trio.open_nursery() as nursery:

            def post(event: dict[str, Any] | _Close) -> None:
                try:
                    outgoing.send_nowait(event)
                except trio.WouldBlock:
                    nursery.cancel_scope.cancel(reason="the client does not read")

            life_s = (
                ordered["lifetime"].amount if "lifetime" in ordered else _LIFETIME_S
            )
            session = Session(
                send=post,
                reset=reset,
                note=self._note,
                model=model,
                expires_at=int(datetime.now(UTC).timestamp() + life_s),
                faults=faults,
            )
            self.sessions.append(session)
            mind = Mind(session, self._pace, self._threads)
            session.created()
            nursery.start_soon(_write, ws, unsent, nursery.cancel_scope)
            nursery.start_soon(mind.hear)
            nursery.start_soon(mind.respond)
            nursery.start_soon(_expire, post, life_s, ordered)
            if "drop_after" in ordered:
                nursery.start_soon(_reset_after, reset, ordered["drop_after"].amount)
            while True:
                session.handle(await ws.get_message())


async def _expire(
    post: Callable[[dict[str, Any] | _Close], None],
    life_s: float,
    ordered: Mapping[str, Order],
) -> None:
    told = "Your session hit the maximum duration of 60 minutes."
    if "expired_open_after" in ordered:
        await trio.sleep(ordered["expired_open_after"].amount)
        post(fatal("session_expired", told))
        return
    early = ordered.get("expired_after")
    await trio.sleep(life_s if early is None else early.amount)
    post(fatal("session_expired", told))
    post(_Close(1001, told))


def _subprotocol(request: trio_websocket.WebSocketRequest) -> str | None:
    return _PROTOCOL if _PROTOCOL in request.proposed_subprotocols else None


def _is_listing(head: RequestHead) -> bool:
    return head.method == "GET" and head.path.rstrip("/") == "/v1/models"


def _header(request: trio_websocket.WebSocketRequest, name: bytes) -> str | None:
    for key, value in request.headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return None


async def _refuse_beta(ws: trio_websocket.WebSocketConnection) -> None:
    told = "The Realtime Beta API is no longer supported. Please use the GA API."
    await ws.send_message(orjson.dumps(fatal("beta_api_shape_disabled", told)).decode())
    await ws.aclose(4000, "invalid_request_error.beta_api_shape_disabled")


async def _write(
    ws: trio_websocket.WebSocketConnection,
    unsent: "trio.MemoryReceiveChannel[dict[str, Any] | _Close]",
    session: trio.CancelScope,
) -> None:
    async for event in unsent:
        if isinstance(event, _Close):
            with trio.move_on_after(_GOODBYE_S):
                await ws.aclose(event.code, event.reason)
            session.cancel(reason="the session has expired")
            return
        await ws.send_message(orjson.dumps(event).decode())


async def _reset_after(reset: Callable[[], None], after_s: float) -> None:
    await trio.sleep(after_s)
    reset()


def _reset(stream: trio.SocketStream) -> None:
    # Without lingering a close is a reset: the client sees no close frame and no FIN.
    linger = struct.pack("ii", 1, 0)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    stream.socket.close()


def _load_speech() -> None:
    espeak()
    recogniser()


async def serve_model(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: Faults | None = None,
    api_key: str | None = None,
    pace: float = PACE,
    task_status: "trio.TaskStatus[Endpoint]" = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the embedded model until cancelled.

    Args:
        host: Where to listen.
        port: On which port; 0 takes a free one.
        faults: How it misbehaves.
        api_key: The key that clients must present; None takes any, or none.
        pace: How many times faster than real time it sends audio; may be infinite.
        task_status: Given the `Endpoint` once it listens.

    Raises:
        SpeechMissing: The extra ``trio-sts[demo]`` is not installed.
        OSError: It cannot listen there.
    """
    await trio.to_thread.run_sync(_load_speech)
    endpoint = Endpoint(
        host=host, faults=faults or Faults(), api_key=api_key, pace=pace
    )
    listeners = await trio.open_tcp_listeners(port, host=host)
    endpoint.port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(
            partial(trio.serve_listeners, endpoint.serve_connection, listeners)
        )
        task_status.started(endpoint)
