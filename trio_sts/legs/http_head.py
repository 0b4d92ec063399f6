"""The head of an HTTP request: WebSocket and plain HTTP come to one port.

It is read here once, within limits, and then either answered here or replayed to the
WebSocket library, byte for byte. A connection that sends no HTTP is closed without an
answer: a port probe learns nothing.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qs

import h11
import pybase64
import structlog
import trio
from attrs import define, field, frozen
from typing_extensions import override

from .fastpath.tls import TlsStream

HEAD_S = 5.0
MAX_HEAD_BYTES = 16 * 1024
_ANSWER_S = 2.0
_READ_BYTES = 4096
_TEXT = "text/plain; charset=utf-8"
_WEBSOCKET_VERSION = "13"

_log = structlog.get_logger()


@frozen
class RequestHead:
    """The head of a request. Nothing of it is fit for a log.

    Attributes:
        method: As sent.
        path: The request target up to its query string.
        query: The raw query string, may be empty.
        headers: By lower-case name; repeated ones are joined with commas.
        is_upgrade: It asks for a WebSocket, in a way that can be granted.
    """

    method: str
    path: str = field(repr=False)
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    is_upgrade: bool

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """What it offers to speak on the WebSocket, in the peer's order."""
        offered = self.headers.get("sec-websocket-protocol", "").split(",")
        return tuple(name for each in offered if (name := each.strip()))


@define(eq=False)
class ReplayStream(trio.abc.HalfCloseableStream):
    """A socket whose first bytes were read already and are read again.

    What follows the head waits until something was sent: a WebSocket library that
    sees a frame before it has answered the handshake may leave the frame unread
    until the next one arrives.
    """

    _stream: trio.abc.Stream
    _head: bytes = field(repr=False)
    _rest: bytes = field(repr=False)
    _answered: trio.Event = field(factory=trio.Event, init=False)
    _replayed: bool = field(default=False, init=False)

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._replayed:
            if not self._head:
                await self._answered.wait()
            read = self._replay(max_bytes)
            if read:
                await trio.lowlevel.checkpoint()
                return read
        return await self._stream.receive_some(max_bytes)

    def hand_over(self) -> tuple[trio.abc.Stream, bytes]:
        """Give up the socket: it, and all that was read of it and not read again."""
        unread = self._head + self._rest
        self._head = self._rest = b""
        self._replayed = True
        return self._stream, unread

    def _replay(self, max_bytes: int | None) -> bytes:
        if self._head:
            read = self._head[:max_bytes]
            self._head = self._head[len(read) :]
        else:
            read = self._rest[:max_bytes]
            self._rest = self._rest[len(read) :]
            self._replayed = not self._rest
        return read

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)
        self._answered.set()

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    @override
    async def send_eof(self) -> None:
        """Half-close, where the transport can; TLS says that nothing follows."""
        if isinstance(self._stream, trio.abc.HalfCloseableStream):
            await self._stream.send_eof()
            return
        if isinstance(self._stream, TlsStream):
            self._stream.say_end()
        await trio.lowlevel.checkpoint()

    @override
    async def aclose(self) -> None:
        self._answered.set()
        self._head = self._rest = b""
        await self._stream.aclose()


async def read_head(
    stream: trio.abc.Stream, already_read: bytes = b""
) -> tuple[RequestHead, ReplayStream] | None:
    """Read the head of one request, within 5 s and 16 KiB.

    Args:
        stream: Where it comes from.
        already_read: What was read of it before.

    Returns:
        The head, and the stream to go on with: it starts again at the first byte.
        None if there was no request; the stream is closed then.
    """
    fault = "no request head in time"
    try:
        with trio.move_on_after(HEAD_S):
            return await _read_head(stream, already_read)
    except (h11.RemoteProtocolError, EOFError) as exc:
        fault = type(exc).__name__
    except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
        fault = type(exc).__name__
    _log.debug("closed a connection without a request", fault=fault)
    await trio.aclose_forcefully(stream)
    return None


async def respond(
    stream: trio.abc.Stream,
    status: int,
    body: bytes | str = b"",
    *,
    method: str = "GET",
    media_type: str = _TEXT,
) -> None:
    """Answer a request in plain HTTP and close; takes 2 s at most, never raises.

    Args:
        stream: Where the request came from.
        status: The HTTP status.
        body: Plain text, unless ``media_type`` says otherwise.
        method: Of the request: an answer to ``HEAD`` is sent without its body.
        media_type: What the body is.
    """
    answer = written(status, body, media_type, has_body=method != "HEAD")
    try:
        with trio.move_on_after(_ANSWER_S):
            await stream.send_all(answer)
            if isinstance(stream, trio.abc.HalfCloseableStream):
                await stream.send_eof()
            # Closing a socket with unread bytes resets it, and the answer is lost.
            async for _ in stream:
                pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    await trio.aclose_forcefully(stream)


def written(
    status: int, body: bytes | str, media_type: str = _TEXT, *, has_body: bool = True
) -> bytes:
    """An answer as it is on the wire, after which the connection is closed."""
    content = body.encode() if isinstance(body, str) else body
    fields = [
        ("Content-Length", str(len(content))),
        ("Connection", "close"),
        ("Content-Type", media_type),
    ]
    writer = h11.Connection(h11.SERVER)
    head = writer.send(h11.Response(status_code=status, headers=fields)) or b""
    return head + content if has_body else head


def has_token(head: RequestHead, token: str) -> bool:
    """Whether a request carries the token.

    In the query string, as Bearer authorisation, or as the password of Basic with any
    user name. Compared in constant time. Where no token is set every request has it.
    """
    if not token:
        return True
    scheme, _, credentials = head.headers.get("authorization", "").partition(" ")
    offers = [
        offer.encode(errors="surrogateescape")
        for offer in parse_qs(head.query).get("token", [])
    ]
    if scheme.lower() == "bearer":
        offers.append(credentials.strip().encode(errors="surrogateescape"))
    if scheme.lower() == "basic":
        offers.append(_password(credentials.strip()))
    wanted = token.encode(errors="surrogateescape")
    return any(hmac.compare_digest(offer, wanted) for offer in offers)


def _password(credentials: str) -> bytes:
    """That of Basic authorisation (RFC 7617); empty where there is none."""
    try:
        decoded = pybase64.b64decode(credentials, validate=True)
    except ValueError:
        return b""
    return decoded.partition(b":")[2]


async def _read_head(
    stream: trio.abc.Stream, already_read: bytes
) -> tuple[RequestHead, ReplayStream]:
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    raw = bytearray(already_read)
    if already_read:
        parser.receive_data(already_read)
    event = parser.next_event()
    while event is h11.NEED_DATA:
        read = await stream.receive_some(_READ_BYTES)
        if not read:
            raise EOFError
        raw += read
        parser.receive_data(bytes(read))
        event = parser.next_event()
    rest, _ = parser.trailing_data
    size = len(raw) - len(rest)
    if not isinstance(event, h11.Request) or size > MAX_HEAD_BYTES:
        raise EOFError
    return _head_of(event), ReplayStream(stream, bytes(raw[:size]), bytes(rest))


def _head_of(request: h11.Request) -> RequestHead:
    path, _, query = request.target.decode("ascii", "replace").partition("?")
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    method = request.method.decode("ascii")
    is_upgrade = (
        method == "GET"
        and request.http_version == b"1.1"
        and _has_word(headers, "upgrade", "websocket")
        and _has_word(headers, "connection", "upgrade")
        and headers.get("sec-websocket-version") == _WEBSOCKET_VERSION
        and "sec-websocket-key" in headers
    )
    return RequestHead(method, path, query, headers, is_upgrade)


def _has_word(headers: Mapping[str, str], name: str, word: str) -> bool:
    return word in {part.strip().lower() for part in headers.get(name, "").split(",")}
