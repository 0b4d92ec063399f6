"""From an endpoint to an open session: attempts, back-off, and what a failure means."""

import random
import socket
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import orjson
import structlog
import trio
from attrs import frozen
from trio_websocket import ConnectionRejected

from trio_sts.conversation.parts.failures import Fatal, judge
from trio_sts.errors import (
    BadMessage,
    LegClosed,
    ModelError,
    ModelRefused,
    ModelUnreachable,
)
from trio_sts.wire.realtime.codec import decode_event, decode_or_fault
from trio_sts.wire.realtime.events import ErrorEvent, SessionCreated
from trio_sts.wire.realtime.items import ErrorDetail, SessionInfo
from trio_sts.wire.realtime.requests import ClientEvent

from .endpoint import Endpoint
from .fastpath.tls import TlsStream
from .handshake import open_link
from .leg import Bounds, Codec, Liveness
from .link import Link
from .plain_stream import HeardStream
from .proxy import open_tcp

_REFUSALS = {
    401: "the model's endpoint refuses the API key",
    403: "the model's endpoint forbids the API key to use it",
    404: "the model's endpoint knows no such address or model",
}
# How the API ends a connection whose first request it will never accept.
_CLOSED_FOR_GOOD = 4000
TOO_SLOW = "the model's endpoint did not answer in time"
_BOUNDS = Bounds(
    # The API bounds an event at 15 MiB. Audio deltas are some 16 kB; the session's echo,
    # with the instructions and all tools in it, is what can be big.
    max_message_bytes=16 * 1024 * 1024,
    # Caller audio older than this is of no use any more.
    max_audio_ms=10_000,
    # A call has a few in a minute. An endpoint that leaves this many unread is gone.
    max_controls=1000,
    queue_messages=16,
    # Four audio deltas at once; a burst costs one pass of the scheduler, not sixteen.
    receive_bytes=64 * 1024,
    # A line that is too slow for audio in real time: longer than most hiccups, and short
    # enough for another session to answer within 10 s.
    liveness=Liveness(behind_s=6.0),
)
# The API ends a session after an hour; what an endpoint says is believed within bounds.
_LIFETIME_S = 3600.0
_SHORTEST_S, _LONGEST_S = 5.0, 7200.0
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 4.0

_log = structlog.get_logger()


@frozen
class Connected:
    """A session that the endpoint has opened and that is not yet set up.

    Attributes:
        link: Its WebSocket.
        created: What ``session.created`` said.
        left_s: What is left of its attempt, for the set-up.
        ends_at: On Trio's clock: when the session's time is up.
    """

    link: Link[ClientEvent]
    created: SessionInfo
    left_s: float
    ends_at: float


async def dial(
    nursery: trio.Nursery,
    endpoint: Endpoint,
    codec: Codec[ClientEvent],
    deadline: float,
    pauses: Iterator[float],
) -> Connected:
    """Connect, and again after a growing pause, until ``session.created``.

    Args:
        nursery: Where the link's task lives, see `open_link`.
        endpoint: Whom to call.
        codec: What posted events are on the wire.
        deadline: On Trio's clock; no attempt begins or goes on after it.
        pauses: From `back_off`; they go on growing where a session was not set up.

    Raises:
        ModelRefused: The endpoint said no for good.
        ModelUnreachable: No attempt succeeded before the deadline.
    """
    failures: list[ModelError] = [ModelUnreachable(TOO_SLOW)]
    with trio.move_on_at(deadline):
        while True:
            try:
                return await _try(nursery, endpoint, codec)
            except ModelUnreachable as exc:
                pause_s = next(pauses)
                if trio.current_time() + pause_s >= deadline:
                    raise
                failures = [exc]
                _log.warning("model not reached", why=str(exc))
            await trio.sleep(pause_s)
    # Why the last whole attempt failed says more than that the time was up.
    raise failures.pop()


def lifetime_s(created: SessionInfo) -> float:
    """How long a session lasts that was created just now, in seconds.

    An hour if it does not say, or if that is not between 5 s and 2 h.
    """
    if created.expires_at is None:
        return _LIFETIME_S
    left_s = created.expires_at - datetime.now(UTC).timestamp()
    return left_s if _SHORTEST_S <= left_s <= _LONGEST_S else _LIFETIME_S


def said_no(error: ErrorDetail) -> ModelError:
    """What an ``error`` event means before a session is set up.

    The endpoint's own message is left out: some repeat a part of the key in it.
    """
    code = error.code or error.type
    verdict = judge(error)
    if isinstance(verdict, Fatal):
        return ModelRefused(verdict.told, code=code)
    return ModelUnreachable("the model's endpoint reported an error", code=code)


def hung_up(closed: LegClosed) -> ModelError:
    """What the end of a connection means: `ModelRefused` is never to be dialled again.

    Before a session is set up, and in mid-call as well.
    """
    reason = f"the model's endpoint closed the connection with code {closed.code}"
    if closed.code == _CLOSED_FOR_GOOD:
        return ModelRefused(reason)
    return ModelUnreachable(reason)


async def _try(
    nursery: trio.Nursery, endpoint: Endpoint, codec: Codec[ClientEvent]
) -> Connected:
    try:
        with trio.fail_after(endpoint.attempt_s) as attempt:
            link, created = await _attempt(nursery, endpoint, codec)
            now = trio.current_time()
            left_s, ends_at = attempt.deadline - now, now + lifetime_s(created)
            return Connected(link, created, left_s, ends_at)
    except LegClosed as exc:
        raise hung_up(exc) from exc
    except ConnectionRejected as exc:
        raise _rejected(exc) from exc
    except trio.TooSlowError as exc:
        raise ModelUnreachable(TOO_SLOW) from exc
    except (OSError, trio.BrokenResourceError) as exc:
        raise _not_connected(exc) from exc


async def _attempt(
    nursery: trio.Nursery, endpoint: Endpoint, codec: Codec[ClientEvent]
) -> tuple[Link[ClientEvent], SessionInfo]:
    stream = await open_stream(endpoint)
    link = await open_link(nursery, stream, endpoint, codec=codec, bounds=_BOUNDS)
    async with AsyncExitStack() as failed:
        failed.push_async_callback(link.drop)
        created = await _session_created(link)
        failed.pop_all()
    return link, created


async def open_stream(endpoint: Endpoint) -> trio.abc.Stream:
    """Connect to the endpoint's host, with TLS if its URL wants it.

    Raises:
        OSError: There is no connection.
        ModelError: The proxy that leads there says no.
        trio.BrokenResourceError: TLS failed.
    """
    tcp = await open_tcp(endpoint)
    if endpoint.tls is None:
        return tcp
    stream: TlsStream | trio.SSLStream[HeardStream]
    if endpoint.fast_path:
        stream = TlsStream(tcp, endpoint.tls, server_hostname=endpoint.host)
    else:
        stream = trio.SSLStream(
            # Endpoints do not end TLS, and WebSocket frames show what is truncated.
            HeardStream(tcp),
            endpoint.tls,
            server_hostname=endpoint.host,
            https_compatible=True,
        )
    async with AsyncExitStack() as failed:
        failed.push_async_callback(trio.aclose_forcefully, stream)
        await stream.do_handshake()
        failed.pop_all()
    return stream


async def _session_created(link: Link[ClientEvent]) -> SessionInfo:
    while True:
        match decode_or_fault(await link.receive()):
            case SessionCreated(session):
                return session
            case ErrorEvent(error):
                raise said_no(error)
            case _:
                pass


def back_off() -> Iterator[float]:
    """Growing pauses in seconds, without an end.

    With jitter, so that the calls of a process do not come back all at once.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        yield pause_s * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _not_connected(exc: BaseException) -> ModelError:
    cause = exc if isinstance(exc, OSError) else exc.__cause__
    match cause:
        case socket.gaierror():
            reason = "the name of the model's endpoint cannot be resolved"
        case ssl.SSLCertVerificationError():
            # It will be the same certificate the next time.
            reason = "the certificate of the model's endpoint is not trusted"
            return ModelRefused(reason)
        case ssl.SSLError():
            reason = "TLS with the model's endpoint failed"
        case _:
            reason = "no connection to the model's endpoint"
    return ModelUnreachable(reason)


def _rejected(rejection: ConnectionRejected) -> ModelError:
    status = rejection.status_code
    detail = _error_in(rejection.body)
    if detail is not None and isinstance(judge(detail), Fatal):
        return said_no(detail)
    if status in _REFUSALS:
        return ModelRefused(_REFUSALS[status], code=f"http_{status}")
    reason = "the model's endpoint does not open a WebSocket"
    return ModelUnreachable(reason, code=f"http_{status}")


def _error_in(body: bytes | None) -> ErrorDetail | None:
    # A refusal's body, where it is JSON, has the shape of an error event.
    try:
        event = decode_event(
            orjson.dumps({"type": "error", **orjson.loads(body or b"")})
        )
    except (ValueError, TypeError, BadMessage):
        return None
    return event.error if isinstance(event, ErrorEvent) else None
