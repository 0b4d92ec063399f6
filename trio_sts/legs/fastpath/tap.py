"""The frame tap: a stream between a socket and trio-websocket that takes text frames.

Four fifths of what a relay of 20 ms frames costs under trio-websocket's message API is
scheduling and frame parsing. The tap does without: a complete, unfragmented text frame
goes from the socket to a callback in the task that read it, and a text frame of ours
goes to the socket in the task that made it. Everything else, from handshake to close,
is trio-websocket's, which reads and writes *through* the tap, so there is one order of
bytes in each direction and no frame is ever cut by another.

::

    trio-websocket ── wrap_server_stream(nursery, tap) or wrap_client_stream(…)
         │  all other bytes
    ┌─ FrameTap ─┐ ── text ──>  on_texts, called by whoever reads the wire
    └────────────┘ <─ text ──   offer_text (never waits), send_text
         │  bytes
    socket, TLS, or any trio.abc.Stream

A message that went the long way, by trio-websocket's queue, must not be overtaken:
while one is on its way, all are sent after it. So the tap's reader reads that queue
through the tap, with `get_message` and `run`.
"""

import os
from collections.abc import Awaitable, Callable
from typing import NoReturn, Self

import trio
from attrs import define, field
from typing_extensions import override

from .frames import CLOSE, ODD, measure, text_frame
from .masks import Masks
from .outflow import Outflow
from .sieve import OnTexts, Sieve
from .tls import TlsStream
from .wires import SocketWire, StreamWire, Wire

Receive = Callable[[], Awaitable[str | bytes]]


# No repr: trio-websocket shows its stream's, and what is held is the caller's.
@define(eq=False, repr=False)
class FrameTap(trio.abc.HalfCloseableStream):
    """One connection's tap, made by `over`.

    Resource handling: closing the tap closes the stream below it. What was offered and
    is not sent is lost then; what trio-websocket sends, close frames among it, is written
    behind everything offered before.

    Attributes:
        closing: A close frame was seen or sent, or the tap is closed: no callback is
            made and no text is sent any more.
    """

    _wire: Wire
    _sieve: Sieve
    _masks: Masks | None
    _outflow: Outflow = field(init=False)
    closing: bool = field(default=False, init=False)
    _answered: trio.Event = field(factory=trio.Event, init=False)
    _unread: bytes = field(default=b"", init=False)
    _ended: bool = field(default=False, init=False)
    _dealt_with: bool = field(default=True, init=False)
    _running: trio.CancelScope | None = field(default=None, init=False)
    _fault: Exception | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._outflow = Outflow(self._wire)
        if not self._sieve.server:
            self._answered.set()

    @classmethod
    def over(
        cls,
        stream: trio.abc.Stream,
        *,
        server: bool,
        max_message_bytes: int,
        already_read: bytes = b"",
    ) -> Self:
        """Put a tap on a connection on which no handshake has been made.

        Args:
            stream: A socket, a `TlsStream`, or, slower, any other stream. Nobody else
                may use it.
            server: Whether we are the WebSocket server.
            max_message_bytes: A longer frame goes to trio-websocket, which refuses it
                with 1009 if it has more characters than its own limit.
            already_read: The bytes that were read from the stream before.
        """
        sieve = Sieve(server, max_message_bytes)
        if already_read:
            sieve.feed(already_read)
        return cls(_wire_to(stream), sieve, None if server else Masks())

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the socket has not taken; no more than one write's."""
        return self._outflow.unsent_bytes

    @property
    def unsent_since(self) -> float | None:
        """Since when, on Trio's clock, no byte went though some are unsent."""
        return self._outflow.unsent_since

    def offer_text(self, *texts: bytes) -> bool:
        """Send text messages in one write, now or not at all; never waits or raises.

        Args:
            texts: UTF-8, a message each. Together they are what the tap holds for a
                peer that does not read, so their size is a bound of the sender's.

        Returns:
            Whether they are on their way. If not, nothing of them is, because an
            earlier write is not finished, or because the connection ends: the sender
            keeps them, or drops them, by its own rules, or waits with `send_text`.
        """
        return not self.closing and self._outflow.offer(self._framed(*texts))

    async def send_text(self, *texts: bytes) -> None:
        """Send text messages in one write, and wait until the socket took them.

        A write that is cancelled once it has begun is finished by whoever sends next,
        or by `drain`; one that has not begun is not made.

        Raises:
            trio.ClosedResourceError: The connection was or is being closed.
            trio.BrokenResourceError: It is gone.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.closing:
            raise trio.ClosedResourceError("this connection is being closed")
        await self._outflow.send(self._framed(*texts))

    async def drain(self) -> None:
        """Write the rest of what was offered, as the peer reads.

        A task beside trio-websocket's reader. It raises nothing, for that reader is
        told as well when the connection is gone; then it returns.
        """
        await self._outflow.drain()

    async def get_message(self, receive: Receive) -> str | bytes:
        """The next message that went the long way; the last one is dealt with now.

        Args:
            receive: `WebSocketConnection.get_message`, whose errors pass through.
        """
        self._deal()
        message = await receive()
        self._dealt_with = False
        return message

    async def run(
        self,
        receive: Receive,
        *,
        on_texts: OnTexts,
        on_message: Callable[[str | bytes], None],
    ) -> NoReturn:
        """Read until the connection or a callback ends it.

        Callbacks are made only while this runs, one at a time, and in the order in
        which the messages arrived. What they raise is raised here, and nothing more is
        taken after it; trio-websocket is left as it was, so that the connection can
        still be closed with a code.

        Args:
            receive: `WebSocketConnection.get_message`, whose errors pass through.
            on_texts: Gets the valid UTF-8 of messages that arrived together, in the task
                that reads the wire: the reactor, or trio-websocket's reader.
            on_message: Gets every other message.
        """
        self._deal()
        self._sieve.on_texts = None if self.closing else on_texts
        try:
            with trio.CancelScope() as self._running:
                while True:
                    on_message(await self.get_message(receive))
        finally:
            self._sieve.on_texts = self._running = None
            if self._fault is not None:
                raise self._fault
        raise AssertionError("only a fault ends the scope")

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """For trio-websocket: the bytes that are not taken."""
        if self._unread or self._sieve.holds:
            await trio.lowlevel.checkpoint()
        while not self._unread and not self._ended:
            if self._sieve.opened and not self._answered.is_set():
                # trio-websocket loses what comes before it has answered the handshake.
                await self._answered.wait()
            self._unread = self._sift()
            if self._unread:
                break
            if self._sieve.holds:
                await trio.lowlevel.checkpoint()
            else:
                await self._wire.pump(self._arrived)
        cut = len(self._unread) if max_bytes is None else max_bytes
        some, self._unread = self._unread[:cut], self._unread[cut:]
        return some

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """For trio-websocket: it sends whole frames, or the handshake."""
        raw = bytes(data)
        if self._answered.is_set() and self._sieve.opened and self._closes(raw):
            self._stop()
        await self._outflow.send(raw)
        self._answered.set()

    @override
    async def wait_send_all_might_not_block(self) -> None:
        """Wait until nothing is unsent."""
        await self._outflow.send(b"")

    @override
    async def send_eof(self) -> None:
        """Half-close behind all that was sent, where the transport can."""
        await self._outflow.send(b"")
        await self._wire.send_eof()

    @override
    async def aclose(self) -> None:
        """Close the stream below."""
        self._stop()
        self._answered.set()
        self._outflow.end()
        await self._wire.aclose()

    def _framed(self, *texts: bytes) -> bytes:
        masks = self._masks
        if masks is None:
            return b"".join([text_frame(text) for text in texts])
        return b"".join([text_frame(text, masks.draw()) for text in texts])

    def _closes(self, frames: bytes) -> bool:
        at = 0
        while frame := measure(frames, at, masked=not self._sieve.server):
            if frame == ODD or frames[at] == CLOSE:
                return frame != ODD
            at += sum(frame)
        return False

    def _stop(self) -> None:
        self.closing = True
        self._sieve.on_texts = None

    def _deal(self) -> None:
        if not self._dealt_with:
            self._sieve.on_the_way -= 1
            self._dealt_with = True

    def _arrived(self, data: bytes) -> bool:
        """Sift what arrived; whether there is nothing to do before more arrives."""
        if not data:
            self._ended = True
            self._unread = self._sieve.rest()
            return False
        self._sieve.feed(data)
        self._unread = self._sift()
        return not (self._unread or self._sieve.holds)

    def _sift(self) -> bytes:
        while True:
            try:
                passed = self._sieve.sift()
            # Whatever a callback raises is its leg's affair, and `run` raises it there;
            # here it would end every task of the connection's nursery.
            except Exception as exc:  # noqa: BLE001
                self._fault = exc
                self._sieve.on_texts = None
                if self._running is not None:
                    self._running.cancel(reason="a callback failed")
            else:
                self.closing = self.closing or self._sieve.close_seen
                return passed


def _wire_to(stream: trio.abc.Stream) -> Wire:
    if isinstance(stream, TlsStream):
        return stream
    # Only there are sockets descriptors that `os.read` and `os.write` know.
    if isinstance(stream, trio.SocketStream) and os.name == "posix":
        return SocketWire(stream)
    return StreamWire(stream)
