"""The frame tap: a stream between a socket and trio-websocket that takes messages.

Four fifths of what a relay of 20 ms frames costs under trio-websocket's message API is
scheduling and frame parsing. The tap does without: a complete, unfragmented text frame,
or a binary one where audio comes in them, goes from the socket to a callback in the task
that read it, and a message of ours goes to the socket in the task that made it. Everything else, from handshake to close, is
trio-websocket's, which reads and writes *through* the tap, so there is one order of
bytes in each direction and no frame is ever cut by another.

::

    trio-websocket ── wrap_server_stream(nursery, tap) or wrap_client_stream(…)
         │  all other bytes
    ┌─ FrameTap ─┐ ── messages ──>  on_texts, on_binaries: by whoever reads the wire
    └────────────┘ <─ messages ──   offer (never waits), send
         │  bytes
    socket, TLS, or any trio.abc.Stream

A message that was passed on, to trio-websocket's queue, must not be overtaken: while one
is undelivered, all are passed on after it. So the tap's reader reads that queue through
the tap, with `get_message` and `run`.
"""

import os
from collections.abc import Awaitable, Callable
from typing import NoReturn, Self

import trio
from attrs import define, field
from typing_extensions import override

from .answer_to_close import AnswerToClose
from .demux import Demux, OnBinaries, OnTexts, nobody
from .frames import Masks, Message, message_frame, ping_frame, says_goodbye
from .tls import TlsStream
from .wires import SocketWire, StreamWire, Wire
from .writer import Writer

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
            made and no message is sent any more.
    """

    _wire: Wire
    _demux: Demux
    _masks: Masks | None
    _writer: Writer = field(init=False)
    closing: bool = field(default=False, init=False)
    # Once we have said goodbye and the peer has not: nothing more is passed on.
    _goodbye: AnswerToClose | None = field(default=None, init=False)
    _answered: trio.Event = field(factory=trio.Event, init=False)
    _unread: bytes = field(default=b"", init=False)
    _ended: bool = field(default=False, init=False)
    _is_delivered: bool = field(default=True, init=False)
    _running: trio.CancelScope | None = field(default=None, init=False)
    # One at most, out of which it is raised; see `loop.reactor`.
    _faults: list[Exception] = field(factory=list[Exception], init=False)

    def __attrs_post_init__(self) -> None:
        self._writer = Writer(self._wire)
        if not self._demux.server:
            self._answered.set()

    @classmethod
    def over(
        cls,
        stream: trio.abc.Stream,
        *,
        server: bool,
        max_message_bytes: int,
        binary: bool = False,
        already_read: bytes = b"",
    ) -> Self:
        """Put a tap on a connection on which no handshake has been made.

        Args:
            stream: A socket, a `TlsStream`, or, slower, any other stream. Nobody else
                may use it.
            server: Whether we are the WebSocket server.
            max_message_bytes: A longer frame goes to trio-websocket, which refuses it
                with 1009 if it has more characters than its own limit.
            binary: Whether binary messages are taken as well.
            already_read: The bytes that were read from the stream before.
        """
        demux = Demux(server, max_message_bytes, binary)
        if already_read:
            demux.feed(already_read)
        return cls(_wire_to(stream), demux, None if server else Masks())

    @property
    def heard_at(self) -> float:
        """When the last byte of the peer arrived, on Trio's clock."""
        return self._wire.heard_at

    @property
    def owes(self) -> bool:
        """Whether a part of what was offered last has not been sent."""
        return self._writer.owes

    def offer(self, *messages: Message) -> bool:
        """Send messages in one write, now or not at all; never waits or raises.

        Args:
            messages: Text, as UTF-8, or binary. Together they are what the tap holds for
                a peer that does not read, so their size is a bound of the sender's.

        Returns:
            Whether they are being sent. If not, nothing of them is, because an
            earlier write is not finished, or because the connection ends: the sender
            keeps them, or drops them, by its own rules, or waits with `send`.
        """
        return not self.closing and self._writer.offer(self._framed(*messages))

    async def send(self, *messages: Message) -> None:
        """Send messages in one write, and wait until the socket took them.

        A write that is cancelled once it has begun is finished by whoever sends next,
        or by `drain`; one that has not begun is not made.

        Raises:
            trio.ClosedResourceError: The connection was or is being closed.
            trio.BrokenResourceError: It is gone.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.closing:
            raise trio.ClosedResourceError("this connection is being closed")
        await self._writer.send(self._framed(*messages))

    async def ping(self) -> None:
        """Send an empty ping behind what is being sent; its pong is not passed on.

        Raises:
            trio.ClosedResourceError: The connection was or is being closed.
            trio.BrokenResourceError: It is gone.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.closing:
            raise trio.ClosedResourceError("this connection is being closed")
        masks = self._masks
        await self._writer.send(ping_frame(b"" if masks is None else masks.draw()))

    async def drain(self) -> None:
        """Write the rest of what was offered, as the peer reads.

        A task beside trio-websocket's reader. It raises nothing, for that reader
        learns as well that the connection is gone; then it returns.
        """
        await self._writer.drain()

    async def get_message(self, receive: Receive) -> str | bytes:
        """The next message that was passed on; the last one has been dealt with.

        Args:
            receive: `WebSocketConnection.get_message`, whose errors pass through.
        """
        self._delivered()
        message = await receive()
        self._is_delivered = False
        return message

    async def run(
        self,
        receive: Receive,
        *,
        on_texts: OnTexts,
        on_message: Callable[[str | bytes], None],
        on_binaries: OnBinaries | None = None,
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
            on_binaries: Gets binary messages that arrived together, where they are taken.
        """
        self._delivered()
        self._demux.on_texts = None if self.closing else on_texts
        if on_binaries is not None:
            self._demux.on_binaries = on_binaries
        try:
            with trio.CancelScope() as self._running:
                while True:
                    on_message(await self.get_message(receive))
        finally:
            self._demux.on_texts = self._running = None
            self._demux.on_binaries = nobody
            if self._faults:
                raise self._faults.pop()
        raise AssertionError("only a fault ends the scope")

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """For trio-websocket: the bytes that are not taken."""
        if self._unread or self._demux.holds:
            await trio.lowlevel.checkpoint()
        while not self._unread and not self._ended:
            if self._demux.opened and not self._answered.is_set():
                # trio-websocket loses what comes before it has answered the handshake.
                await self._answered.wait()
            self._unread = self._divide()
            if self._unread:
                break
            if self._demux.holds:
                await trio.lowlevel.checkpoint()
            else:
                await self._wire.pump(self._arrived)
        cut = len(self._unread) if max_bytes is None else max_bytes
        some, self._unread = self._unread[:cut], self._unread[cut:]
        return some

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """For trio-websocket: it sends whole frames, or the handshake.

        After our close frame the peer's ends what is received, and all else is dropped.
        """
        raw = bytes(data)
        ours_masked = self._masks is not None
        if self._answered.is_set() and says_goodbye(raw, masked=ours_masked):
            self._stop()
            self._say_goodbye()
        await self._writer.send(raw)
        self._answered.set()

    @override
    async def wait_send_all_might_not_block(self) -> None:
        """Wait until nothing is unsent."""
        await self._writer.send(b"")

    @override
    async def send_eof(self) -> None:
        """Half-close behind all that was sent, where the transport can."""
        await self._writer.send(b"")
        await self._wire.send_eof()

    @override
    async def aclose(self) -> None:
        """Close the stream below."""
        self._stop()
        self._answered.set()
        self._writer.end()
        await self._wire.aclose()

    def _framed(self, *messages: Message) -> bytes:
        masks = self._masks
        if masks is None:
            return b"".join([message_frame(message) for message in messages])
        return b"".join([message_frame(each, masks.draw()) for each in messages])

    def _say_goodbye(self) -> None:
        if self._goodbye is not None or self._demux.close_seen:
            return
        self._goodbye = AnswerToClose(masked=self._demux.server)
        # The peer may have said it first.
        self._ended |= self._goodbye.arrives_in(self._unread + self._demux.drop())
        self._unread = b""

    def _stop(self) -> None:
        self.closing = True
        self._demux.on_texts = None

    def _delivered(self) -> None:
        if not self._is_delivered:
            self._demux.undelivered -= 1
            self._is_delivered = True

    def _arrived(self, data: bytes) -> bool:
        """Divide what arrived; whether there is nothing to do before more arrives."""
        if self._goodbye is not None:
            self._ended = not data or self._goodbye.arrives_in(data)
            return not self._ended
        if not data:
            self._ended = True
            self._unread = self._demux.rest()
            return False
        self._demux.feed(data)
        self._unread = self._divide()
        return not (self._unread or self._demux.holds)

    def _divide(self) -> bytes:
        while True:
            try:
                passed = self._demux.divide()
            # What a callback raises belongs to its leg, and `run` raises it there;
            # here it would end every task of the connection's nursery.
            except Exception as exc:  # noqa: BLE001
                self._faults = [exc]
                self._demux.on_texts = None
                if self._running is not None:
                    self._running.cancel(reason="a callback failed")
            else:
                self.closing = self.closing or self._demux.close_seen
                return passed


def _wire_to(stream: trio.abc.Stream) -> Wire:
    if isinstance(stream, TlsStream):
        return stream
    # Only there are sockets descriptors that `os.read` and `os.write` know.
    if isinstance(stream, trio.SocketStream) and os.name == "posix":
        return SocketWire(stream)
    return StreamWire(stream)
