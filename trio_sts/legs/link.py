"""One accepted WebSocket, and the task that keeps it.

trio-websocket does the wire. Its reader and our sender run in a task of their own,
beside the call and not under it: cancelling a call must not tear a message that a
slow peer has half received, for nothing could follow it, not even the close frame.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Generic, NoReturn, TypeVar

import trio
from attrs import define, field
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream
from wsproto.utilities import ProtocolError

from trio_sts.errors import LegClosed

from .fastpath.demux import OnTexts
from .last_words import BROKEN, OVERRUN, TOO_BIG, LastWords, discard
from .outbox import Outbox
from .paths import OnBinary, Path, server_path

_M = TypeVar("_M")

Wrap = Callable[[trio.abc.Stream], trio.abc.Stream]

_HANDSHAKE_S = 5.0
# Complete messages that wait for a pump, which itself never waits for anything.
_QUEUE_MESSAGES = 8
# How far above the leg's limit the library's is: a message between them gets our words.
_SLACK = 4


def as_it_is(stream: trio.abc.Stream) -> trio.abc.Stream:
    """Put nothing between the socket and the WebSocket library."""
    return stream


@define(eq=False)
class Link(Generic[_M]):
    """An open WebSocket with an outbox in front of it.

    Attributes:
        outbox: What is posted here is sent; closed when the WebSocket is gone.
    """

    outbox: Outbox[_M]
    _texts: Callable[[_M], Iterable[bytes]]
    _ws: WebSocketConnection
    _path: Path
    _scope: trio.CancelScope
    _ended: trio.Event = field(factory=trio.Event, init=False)

    @property
    def target(self) -> str:
        """The request's path and query string."""
        return self._ws.path or "/"

    @property
    def why(self) -> LegClosed:
        """How the WebSocket ended."""
        closed = self._ws.closed
        if closed is None:
            return LegClosed(1006)
        return LegClosed(int(closed.code), closed.reason or "")

    @property
    def overrun(self) -> bool:
        """A message was so long that the library stopped reading and closed."""
        why = self.why
        return why.code == TOO_BIG and why.reason.startswith(OVERRUN)

    @property
    def broken(self) -> bool:
        """What came was no WebSocket traffic, by our library's judgement or the peer's."""
        return self.why.code in BROKEN

    async def run(self, on_texts: OnTexts, on_binary: OnBinary) -> NoReturn:
        """Read until the end.

        Raises:
            ConnectionClosed: There is nothing any more; `why` tells the code.
        """
        try:
            await self._path.run(self._ws, on_texts, on_binary)
        except ConnectionClosed:
            self.outbox.close()
            raise

    def post(self, message: _M) -> None:
        """Send at once if nothing is before it and the socket takes it, or queue it."""
        if not (self.outbox.idle and self._path.offer(*self._texts(message))):
            self.outbox.post(message)

    async def keep(self) -> NoReturn:
        """Send what is queued, then hold the socket until `aclose`."""
        gone = (ConnectionClosed, trio.ClosedResourceError, trio.BrokenResourceError)
        try:
            while True:
                texts = self._texts(await self.outbox.take())
                await self._path.send(self._ws, *texts)
        except gone:
            self.outbox.close()
        # Not over yet: `aclose` may have a goodbye to wait for.
        await trio.sleep_forever()

    async def aclose(self, code: int, reason: str) -> None:
        """Send what is posted, shake hands on the end, close the socket."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say_goodbye, code, reason)
            await self._ended.wait()
            nursery.cancel_scope.cancel(reason="the leg is closed")

    async def _say_goodbye(self, code: int, reason: str) -> None:
        try:
            await self.outbox.drained()
            await self._ws.aclose(code, reason)
            if self.overrun:
                await discard(self._path.stream)
        finally:
            self._scope.cancel(reason="the goodbye is over")

    def end(self) -> None:
        """The keeper's last word: the socket is closed."""
        self.outbox.close()
        self._ended.set()


async def accept_link(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    *,
    outbox: Outbox[_M],
    texts: Callable[[_M], Iterable[bytes]],
    words: Callable[[int], bytes],
    max_bytes: int,
    wrap: Wrap,
    fast: bool,
) -> Link[_M]:
    """Answer a WebSocket handshake; the link owns ``stream`` from now on.

    Args:
        nursery: Where the keeper lives, until `Link.aclose` or a cancellation.
        stream: The socket, from the first byte of the request.
        outbox: Where the link's messages will be posted.
        texts: The WebSocket messages, in UTF-8, that a posted message becomes.
        words: The WebSocket message that goes before a close code of the library's.
        max_bytes: A longer message may be refused by the library; see `Link.overrun`.
        wrap: What to put between the socket and the WebSocket library.
        fast: Whether text takes the fast path.

    Raises:
        LegClosed: There was no handshake, or none within 5 s.
    """
    make = partial(Link[_M], outbox, texts)
    link: Link[_M] | None = await nursery.start(
        _keep, stream, _paths(wrap, max_bytes, fast=fast), words, max_bytes, make
    )
    if link is None:
        raise LegClosed(1006, "no WebSocket handshake")
    return link


async def _keep(
    stream: trio.abc.Stream,
    open_path: Callable[[trio.abc.Stream], Path],
    words: Callable[[int], bytes],
    max_bytes: int,
    make: Callable[[WebSocketConnection, Path, trio.CancelScope], Link[_M]],
    *,
    task_status: trio.TaskStatus[Link[_M] | None],
) -> None:
    link: Link[_M] | None = None
    try:
        # The scope is outside the socket: when it is cancelled, the socket's closing
        # does not wait for a peer either.
        with trio.CancelScope() as scope:
            path = open_path(stream)
            async with stream, path.stream:
                async with trio.open_nursery() as nursery:
                    last = LastWords(path.stream, words)
                    with trio.fail_after(_HANDSHAKE_S):
                        ws = await _shake_hands(nursery, last, max_bytes)
                    last.closed_with = partial(_closed_with, ws)
                    nursery.start_soon(path.drain)
                    link = make(ws, path, scope)
                    task_status.started(link)
                    await link.keep()
    # The library's reader raises on a host that is no name (UnicodeError), and when
    # nonsense meets a closing socket.
    except* (ConnectionClosed, ProtocolError, UnicodeError, trio.TooSlowError):
        pass
    finally:
        if link is not None:
            link.end()
    if link is None:
        task_status.started(None)


def _paths(
    wrap: Wrap, max_bytes: int, *, fast: bool
) -> Callable[[trio.abc.Stream], Path]:
    return lambda stream: server_path(
        wrap(stream), fast=fast, max_message_bytes=max_bytes
    )


def _closed_with(ws: WebSocketConnection) -> int | None:
    return None if ws.closed is None else ws.closed.code


async def _shake_hands(
    nursery: trio.Nursery, stream: trio.abc.Stream, max_bytes: int
) -> WebSocketConnection:
    request = await wrap_server_stream(
        nursery,
        stream,
        message_queue_size=_QUEUE_MESSAGES,
        # Its own limit counts characters, of which there are no more than bytes; ours
        # is told in words first.
        max_message_size=_SLACK * max_bytes,
    )
    return await request.accept()
