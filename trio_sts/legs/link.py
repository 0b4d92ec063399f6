"""One WebSocket of a call, on either side of it, and the task that keeps it.

trio-websocket does the wire. Its reader and our sender run in a task of their own,
beside the call and not under it: cancelling a call must not tear a message that a slow
peer has half received, for nothing could follow it, not even the close frame. The end of
that task is the end of the link, whatever ended it: `Link.aclose`, `Link.drop`, silence
of the peer, or a fault of the connection.

"""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Generic, NoReturn, TypeVar, cast

import h11
import trio
from attrs import define, field
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection
from wsproto.utilities import ProtocolError

from trio_sts.errors import LegClosed, LegSilent

from .close_notice import BROKEN, OVERRUN, TOO_BIG, discard
from .fastpath.demux import OnBinaries, OnTexts
from .fastpath.frames import Message
from .leg import Bounds, Codec, Liveness
from .outbox import Outbox
from .transport import Transport

_M = TypeVar("_M")

# A cancelled task closes its socket without waiting; this bounds it all the same.
_DROP_S = 1.0
# A timer that rings so late: the process was held up, and nothing was read meanwhile.
_HELD_UP_S = 1.0
_GONE = (
    ConnectionClosed,
    ProtocolError,
    trio.ClosedResourceError,
    trio.BrokenResourceError,
)


@define(eq=False)
class Link(Generic[_M]):
    """An open WebSocket with an outbox in front of it.

    Attributes:
        outbox: What `post` could not send at once; closed when the WebSocket is gone.
    """

    outbox: Outbox[_M]
    _encode: Callable[[_M], Sequence[Message]]
    _ws: WebSocketConnection
    _transport: Transport
    _scope: trio.CancelScope
    _reader_ended: trio.Event
    _ended: trio.Event = field(factory=trio.Event, init=False)
    # `send` was cancelled half-way: nothing may follow it, not even a close frame.
    _is_torn: bool = field(default=False, init=False)
    _is_silent: bool = field(default=False, init=False)
    # The last one that the socket took without waiting, perhaps not whole.
    _offered: _M | None = field(default=None, init=False)

    @property
    def target(self) -> str:
        """The request's path and query string, where the peer made the request."""
        return self._ws.path or "/"

    @property
    def why(self) -> LegClosed:
        """How the WebSocket ended."""
        if self._is_silent:
            return LegSilent()
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

    async def run(self, on_texts: OnTexts, on_binaries: OnBinaries) -> NoReturn:
        """Read until the end.

        Raises:
            LegClosed: There is nothing any more; it is `why`.
        """
        try:
            await self._transport.run(self._ws, on_texts, on_binaries)
        except ConnectionClosed as exc:
            self.outbox.close()
            raise self.why from exc
        raise AssertionError("only an error ends the reading")

    def post(self, message: _M) -> None:
        """Send at once if nothing is before it and the socket takes it, or queue it."""
        if self.outbox.idle and self._transport.offer(*self._encode(message)):
            self._offered = message
        else:
            self.outbox.post(message)

    def unsent(self) -> list[_M]:
        """What was posted and has not been given to the socket whole, in order.

        Once the link is over, what was posted since is in it as well: all of it that the
        outbox has room for.
        """
        unsent = self.outbox.unsent()
        if self._offered is not None and self._transport.owes:
            unsent.insert(0, self._offered)
        return unsent

    async def send(self, message: _M) -> None:
        """Send one message past the outbox; before anything is posted.

        Raises:
            LegClosed: The WebSocket is closed or closing.
        """
        self._is_torn = True
        try:
            await self._transport.send(self._ws, *self._encode(message))
        except _GONE as exc:
            raise self.why from exc
        self._is_torn = False

    async def receive(self) -> str | bytes:
        """The next message, before `run`: text is a string, bytes are binary.

        Raises:
            LegClosed: There is none any more.
        """
        try:
            return await self._transport.receive(self._ws)
        except ConnectionClosed as exc:
            raise self.why from exc

    async def aclose(self, code: int, reason: str = "") -> None:
        """Send what is posted, make the closing handshake, close the socket.

        Waits for the peer to read and to answer: the caller bounds it. The socket is
        closed however this ends, and nothing but a cancellation is raised.
        """
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._close, code, reason)
                await self._ended.wait()
                nursery.cancel_scope.cancel(reason="the link is closed")
        finally:
            with trio.move_on_after(_DROP_S, shield=True):
                await self.drop()

    async def drop(self) -> None:
        """Close the socket at once."""
        self._scope.cancel(reason="the link is dropped")
        with trio.move_on_after(_DROP_S, shield=True):
            await self._ended.wait()

    async def keep(self) -> NoReturn:
        """Send what is queued, then hold the socket until `aclose` or `drop`."""
        try:
            while True:
                messages = self._encode(await self.outbox.take())
                await self._transport.send(self._ws, *messages)
        except _GONE:
            self.outbox.close()
        # Not over yet: `aclose` may have to wait for the peer.
        await trio.sleep_forever()

    async def watch_peer(self, liveness: Liveness) -> None:
        """Close the socket of a peer that is gone without a close; ends with the link."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._ping, liveness.ping_every_s)
            nursery.start_soon(self._see_silence, liveness.silent_s)
            if liveness.behind_s is not None:
                await self.outbox.behind(liveness.behind_s)
                if not self.outbox.closed:
                    await trio.aclose_forcefully(self._transport.stream)

    def end(self) -> None:
        """The socket is closed: the last step of the task that keeps the link."""
        self.outbox.close()
        self._ended.set()

    async def _ping(self, every_s: float) -> None:
        try:
            while True:
                await trio.sleep(every_s)
                await self._transport.ping()
        except _GONE:
            pass

    async def _see_silence(self, silent_s: float) -> None:
        since = trio.current_time()
        while True:
            due = max(since, self._transport.heard_at) + silent_s
            await trio.sleep_until(due)
            now = trio.current_time()
            if now > due + _HELD_UP_S:
                since = now
            elif self._transport.heard_at + silent_s <= now:
                break
        if self._ws.closed is None:
            self._is_silent = True
            await trio.aclose_forcefully(self._transport.stream)

    async def _close(self, code: int, reason: str) -> None:
        try:
            if not self._is_torn:
                await self.outbox.drained()
                await self._ws.aclose(code, reason)
                if self.overrun:
                    # The library's reader reads once more before it ends.
                    await discard(self._transport.stream, self._reader_ended)
                elif self.broken:
                    # The reader is saying why, behind what is being sent.
                    await self._reader_ended.wait()
        except _GONE:
            pass
        finally:
            self._scope.cancel(reason="the closing handshake is over")


@define
class _Started(Generic[_M]):
    link: Link[_M] | None
    failures: list[Exception] = field(factory=list[Exception])


ShakeHands = Callable[[trio.Nursery, trio.abc.Stream], Awaitable[WebSocketConnection]]


async def start_link(
    nursery: trio.Nursery,
    transport: Transport,
    shake_hands: ShakeHands,
    *,
    codec: Codec[_M],
    bounds: Bounds,
    is_client: bool,
) -> Link[_M]:
    """Make a WebSocket handshake and keep what it opens.

    Args:
        nursery: Where the link's task lives. A server's has to outlive whatever uses the
            link, or the closing handshake is cut off with it. A client's link is made and
            closed in one block, and outlives a cancellation of it: nothing but `Link.aclose`
            and `Link.drop` end it.
        transport: What is connected; the link owns it from now on.
        shake_hands: Makes the handshake, with the nursery for trio-websocket's reader and
            the stream for trio-websocket.
        codec: What posted messages are on the wire.
        bounds: How much the link holds.
        is_client: Whose handshake it is. The socket of a client's link is closed as soon
            as nothing is read any more; a server has still to send why.

    Raises:
        LegClosed: There was no handshake.
        ConnectionRejected: The peer answered with another HTTP status than 101.
    """
    started: _Started[_M] = await nursery.start(
        partial(
            _keep,
            transport,
            shake_hands,
            codec,
            bounds,
            is_client=is_client,
        )
    )
    if started.link is None:
        # Out of what held it; see `loop.reactor`.
        raise started.failures.pop()
    return started.link


async def _keep(
    transport: Transport,
    shake_hands: ShakeHands,
    codec: Codec[_M],
    bounds: Bounds,
    *,
    is_client: bool,
    task_status: trio.TaskStatus[_Started[_M]],
) -> None:
    link: Link[_M] | None = None
    failure: Exception = LegClosed(1006, "no WebSocket handshake")
    outbox = Outbox(
        codec.audio_ms,
        max_audio_ms=bounds.max_audio_ms,
        max_controls=bounds.max_controls,
    )
    try:
        try:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    readers = _Readers(nursery, scope if is_client else None)
                    # Of a nursery trio-websocket uses `start_soon`.
                    ws = await shake_hands(cast("Any", readers), transport.stream)
                    link = Link(
                        outbox, codec.encode, ws, transport, scope, readers.ended
                    )
                    # In one step with `started`: shielded after a cancellation, the tasks
                    # of the nursery would be cancelled by their nursery, each error
                    # holding the other.
                    scope.shield = is_client and not _is_cancelled()
                    nursery.start_soon(transport.drain)
                    nursery.start_soon(link.watch_peer, bounds.liveness)
                    task_status.started(_Started(link))
                    await link.keep()
        finally:
            # Behind the scope, so that no cancellation is on its way by then: one that
            # the closing meets is a cycle of frames, with the socket in it.
            await trio.aclose_forcefully(transport.stream)
    except* ConnectionRejected as group:
        failure = _first(group)
    # The library's reader raises on a host that is no name (UnicodeError), on its own
    # answer to bytes that break the protocol, and when those reach a closing socket.
    except* (
        *(ConnectionClosed, ProtocolError, h11.ProtocolError),
        *(UnicodeError, trio.TooSlowError),
    ):
        pass
    finally:
        if link is not None:
            link.end()
    if link is None:
        task_status.started(_Started(None, [failure]))


@define(eq=False)
class _Readers:
    """Where trio-websocket starts its reader, of which it is known when it ends.

    Where there is a scope the link ends with the reader. A handshake that the peer
    answers by hanging up would wait for ever, and a peer that has closed waits for us to
    close the socket as well.
    """

    _nursery: trio.Nursery
    _link: trio.CancelScope | None
    ended: trio.Event = field(factory=trio.Event, init=False)

    def start_soon(self, reader: Callable[[], Awaitable[None]]) -> None:
        self._nursery.start_soon(self._read, reader)

    async def _read(self, reader: Callable[[], Awaitable[None]]) -> None:
        try:
            await reader()
        finally:
            self.ended.set()
        if self._link is not None:
            self._link.cancel(reason="nothing is read any more")


def _is_cancelled() -> bool:
    return trio.current_effective_deadline() == -math.inf


def _first(group: BaseExceptionGroup[ConnectionRejected]) -> ConnectionRejected:
    exc: ConnectionRejected | BaseExceptionGroup[ConnectionRejected] = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
