"""A stand-in for Asterisk's `chan_websocket` in tests, on a WebSocket library that is not ours.

It has the driver's queue, and takes a frame of it every 20 ms on Trio's clock::

    async with dialling(f"ws://127.0.0.1:{port}/media?uuid=c-1") as asterisk:
        await asterisk.speak(silence(100))
        await asterisk.wait_for(AnswerChannel)
        await asterisk.wait_heard(1000)
        assert await asterisk.wait_closed() == 1000

What a command does, when a mark is reported and what is dropped is as in the driver's
source (22.10), and so are the events, which the package's codec writes.
"""

import ssl as ssl_module
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from math import floor

import trio
from attrs import define, field, frozen
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from trio_sts.errors import BadMessage
from trio_sts.wire.asterisk import (
    MAX_COMMAND_BYTES,
    MAX_FRAMES,
    MAX_MEDIA_BYTES,
    SUBPROTOCOL,
    XOFF_FRAMES,
    XON_FRAMES,
    AnswerChannel,
    AsteriskCommand,
    CommandError,
    ContinueMedia,
    Direction,
    DtmfEnd,
    Event,
    FlushMedia,
    Form,
    GetStatus,
    HangUpChannel,
    MarkMedia,
    MediaBufferingCompleted,
    MediaMarkProcessed,
    MediaStart,
    MediaXoff,
    MediaXon,
    PauseMedia,
    QueueDrained,
    ReportQueueDrained,
    SetMediaDirection,
    StartMediaBuffering,
    Status,
    StopMediaBuffering,
)
from trio_sts.wire.asterisk_codec import decode_command, encode_event
from trio_sts.wire.asterisk_media import FORMATS, MediaFormat

FRAME_MS = 20
CHANNEL_ID = "pbx-1764.7"

_NOT_INWARDS = (
    StartMediaBuffering | StopMediaBuffering | MarkMedia | PauseMedia | ContinueMedia
)


@define(eq=False)
class MediaQueue:
    """The driver's queue: frames, and events between them.

    Attributes:
        frame_bytes: Of a frame that is whole.
        length: Frames in it.
        full: `MediaXoff` was sent, and no `MediaXon` since.
        longest: The most frames that were ever in it.
        dropped_bytes: What came when there was no room, or filled no frame.
        flushed_bytes: What a flush has thrown away.
    """

    frame_bytes: int
    channel_id: str = CHANNEL_ID
    length: int = field(default=0, init=False)
    full: bool = field(default=False, init=False)
    longest: int = field(default=0, init=False)
    dropped_bytes: int = field(default=0, init=False)
    flushed_bytes: int = field(default=0, init=False)
    buffering: bool = field(default=False, init=False)
    paused: bool = field(default=False, init=False)
    direction: Direction = field(default="both", init=False)
    _queue: deque[bytes | Event] = field(factory=deque[bytes | Event], init=False)
    _rest: bytes = field(default=b"", init=False)
    _tells_drained: bool = field(default=False, init=False)

    @property
    def idle(self) -> bool:
        """Whether a tick would do nothing."""
        return not (self._queue or self._tells_drained or self.full)

    def push(self, media: bytes) -> list[Event]:
        """A binary message has come."""
        if self.direction == "in" or self.length >= MAX_FRAMES:
            self.dropped_bytes += len(media)
            return []
        told: list[Event] = []
        media = self._rest + media
        whole = len(media) - len(media) % self.frame_bytes
        for start in range(0, whole, self.frame_bytes):
            told += self._queue_frame(media[start : start + self.frame_bytes])
        if self.buffering:
            self._rest = media[whole:]
        else:
            self._rest = b""
            self.dropped_bytes += len(media) - whole
        return told

    def obey(self, command: AsteriskCommand) -> list[Event]:
        """A command about media has come; all others do nothing here."""
        if self.direction == "in" and isinstance(command, _NOT_INWARDS):
            return [CommandError("not supported while the direction is in")]
        match command:
            case StopMediaBuffering(correlation_id):
                return self._stop_buffering(correlation_id)
            case MarkMedia(correlation_id):
                self._queue.append(MediaMarkProcessed(correlation_id, self.channel_id))
            case FlushMedia():
                self._flush()
            case GetStatus():
                return [self._status()]
            case _:
                self._switch(command)
        return []

    def _switch(self, command: AsteriskCommand) -> None:
        match command:
            case StartMediaBuffering():
                self.buffering = True
            case PauseMedia():
                self.paused = True
            case ContinueMedia():
                self.paused = False
            case ReportQueueDrained():
                self._tells_drained = True
            case SetMediaDirection(direction):
                self.direction = direction
            case _:
                pass

    def tick(self) -> tuple[bytes, list[Event]]:
        """20 ms are over: the frame that is played now, b"" for silence, and the news."""
        if self.paused:
            return b"", []
        told: list[Event] = []
        if self.full and self.length < XON_FRAMES:
            self.full = False
            told.append(MediaXon(self.channel_id))
        if not self._queue and self._tells_drained:
            self._tells_drained = False
            told.append(QueueDrained(self.channel_id))
        while self._queue:
            first = self._queue.popleft()
            if isinstance(first, bytes):
                self.length -= 1
                return first, told
            told.append(first)
        return b"", told

    def _queue_frame(self, frame: bytes) -> list[Event]:
        self._queue.append(frame)
        self.length += 1
        self.longest = max(self.longest, self.length)
        if self.full or self.length < XOFF_FRAMES:
            return []
        self.full = True
        return [MediaXoff(self.channel_id)]

    def _stop_buffering(self, correlation_id: str) -> list[Event]:
        self.buffering = False
        rest, self._rest = self._rest, b""
        told = self._queue_frame(rest) if rest else []
        self._queue.append(MediaBufferingCompleted(correlation_id, self.channel_id))
        return told

    def _flush(self) -> None:
        frames = [each for each in self._queue if isinstance(each, bytes)]
        self.flushed_bytes += sum(map(len, frames)) + len(self._rest)
        self._queue.clear()
        self.length = 0
        self._rest = b""
        self.buffering = self.paused = False

    def _status(self) -> Status:
        return Status(
            self.length,
            queue_full=self.full,
            bulk_media=self.buffering,
            media_paused=self.paused,
            channel_id=self.channel_id,
        )


@frozen
class Commanded:
    """A command that has come, and when."""

    at_s: float
    command: AsteriskCommand


@frozen
class Media:
    """A binary message that has come, or a frame that was played, and when."""

    at_s: float
    pcm: bytes = field(repr=False)


@define(eq=False)
class FakeAsterisk:
    """One channel; everything that came is kept, with `trio.current_time()`.

    Attributes:
        start: The event that the connection began with.
        form: How control messages are written.
        media: The format of its samples.
        commands: All that were understood.
        faults: What was wrong with all others; each was answered with `CommandError`.
        received: Binary messages, as PCM.
        played: Frames that were taken from the queue, as PCM; no silence.
        answered_at: When the channel was answered; None while it rings.
        hung_up_at: When it was told to hang up.
        obeys_hangup: Whether it does so at once; the real one may take its time.
    """

    ws: ClientConnection
    start: MediaStart
    form: Form
    media: MediaFormat
    queue: MediaQueue
    answered_at: float | None = None
    commands: list[Commanded] = field(factory=list[Commanded], init=False)
    faults: list[str] = field(factory=list[str], init=False)
    received: list[Media] = field(factory=list[Media], init=False)
    played: list[Media] = field(factory=list[Media], init=False)
    hung_up_at: float | None = field(default=None, init=False)
    obeys_hangup: bool = field(default=True, init=False)
    close_code: int | None = field(default=None, init=False)
    close_reason: str = field(default="", init=False)
    _news: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    # Woken by all that comes: frames, and what is told of them.
    _came: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _reading: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._reading.set()

    # What Asterisk sends.

    async def say(self, pcm: bytes) -> None:
        """Send audio at once, in frames of 20 ms."""
        frame_bytes = 2 * self.media.rate_hz * FRAME_MS // 1000
        for start in range(0, len(pcm), frame_bytes):
            await self.send(self.media.encode(pcm[start : start + frame_bytes]))

    async def speak(self, pcm: bytes) -> None:
        """Send audio in real time, 20 ms by 20 ms; returns when it has been said."""
        frame_bytes = 2 * self.media.rate_hz * FRAME_MS // 1000
        due = trio.current_time()
        for start in range(0, len(pcm), frame_bytes):
            await self.say(pcm[start : start + frame_bytes])
            due += FRAME_MS / 1000
            await trio.sleep_until(due)

    async def press(self, digits: str) -> None:
        for digit in digits:
            await self.tell(DtmfEnd(digit, self.start.channel_id))

    async def tell(self, *events: Event) -> None:
        for event in events:
            await self.ws.send(encode_event(event, self.form).decode())

    async def send(self, message: str | bytes) -> None:
        """Send any text or binary message as it is."""
        await self.ws.send(message)

    # How calls end.

    async def hang_up(self, code: int = 1000) -> None:
        """The caller, or the dialplan, ends the channel."""
        await self.ws.aclose(code)

    async def vanish(self) -> None:
        """Drop the connection without a close frame."""
        await trio.aclose_forcefully(self.ws.stream)

    async def wait_closed(self, within_s: float = 5) -> int:
        """Wait until the connection is over.

        Returns:
            The service's close code; 1005 if it gave none, 1006 without a close frame.
            After ``HANGUP`` it is Asterisk that closes first, as in truth it may be.
        """
        await self._until(lambda: self.close_code is not None, "a close", within_s)
        assert self.close_code is not None
        return self.close_code

    # What arrives, and what the caller hears.

    def stop_reading(self) -> None:
        """Read no more, so that the socket's buffers fill up."""
        self._reading = trio.Event()

    def read_on(self) -> None:
        self._reading.set()

    def of(self, kind: type[AsteriskCommand]) -> list[Commanded]:
        """All commands of a type so far."""
        return [each for each in self.commands if isinstance(each.command, kind)]

    @property
    def heard(self) -> bytes:
        """What was played since the channel was answered, as PCM; no silence."""
        if self.answered_at is None:
            return b""
        since = self.answered_at
        return b"".join(each.pcm for each in self.played if each.at_s >= since)

    @property
    def heard_ms(self) -> float:
        return len(self.heard) / 2 / self.media.rate_hz * 1000

    @property
    def received_ms(self) -> float:
        pcm_bytes = sum(len(each.pcm) for each in self.received)
        return pcm_bytes / 2 / self.media.rate_hz * 1000

    async def wait_for(
        self, kind: type[AsteriskCommand], *, after: int = 0, within_s: float = 5
    ) -> Commanded:
        """Wait for the first command of a type.

        Args:
            kind: The type.
            after: How many of `commands` to pass over: ``len(asterisk.commands)`` asks
                for news.
            within_s: Then it fails, and says what did arrive.
        """

        def found() -> list[Commanded]:
            news = self.commands[after:]
            return [each for each in news if isinstance(each.command, kind)]

        await self._until(lambda: bool(found()), kind.__name__, within_s)
        return found()[0]

    async def wait_heard(self, ms: float, within_s: float = 5) -> None:
        """Wait until the caller has heard this much agent audio in all."""
        await self._until(lambda: self.heard_ms >= ms, f"{ms} ms heard", within_s)

    async def wait_received(self, ms: float, within_s: float = 5) -> None:
        """Wait until this much agent audio has arrived in all."""
        await self._until(lambda: self.received_ms >= ms, f"{ms} ms", within_s)

    async def _until(
        self, is_so: Callable[[], bool], what: str, within_s: float
    ) -> None:
        with trio.move_on_after(within_s):
            await trio.lowlevel.checkpoint()
            while not is_so():
                assert self.close_code is None, self._instead(what)
                await self._news.park()
            return
        raise AssertionError(self._instead(what))

    def _instead(self, what: str) -> str:
        seen = dict(Counter(type(each.command).__name__ for each in self.commands))
        return (
            f"no {what}; commands {seen}, faults {self.faults}, received "
            f"{self.received_ms:g} ms, heard {self.heard_ms:g} ms, "
            f"close code {self.close_code}"
        )

    async def listen(self) -> None:
        """Receive until the connection ends; `dialling` runs this."""
        try:
            while True:
                await self._reading.wait()
                raw = await self.ws.recv()
                await self._reading.wait()
                await self.tell(*self._hear(raw))
                if self.hung_up_at is not None and self.obeys_hangup:
                    await self.ws.aclose(1000)
                self._came.unpark_all()
                self._news.unpark_all()
        except ConnectionClosed as exc:
            self.close_code = 1006 if exc.rcvd is None else exc.rcvd.code
            self.close_reason = "" if exc.rcvd is None else exc.rcvd.reason
        self._came.unpark_all()
        self._news.unpark_all()

    async def play(self) -> None:
        """Take a frame every 20 ms until the connection ends; `dialling` runs this."""
        since, period_s = trio.current_time(), FRAME_MS / 1000
        with suppress(ConnectionClosed):
            while self.close_code is None:
                if self.queue.idle:
                    # Nothing would be seen of the ticks until something comes.
                    await self._came.park()
                ticks = floor((trio.current_time() - since) / period_s) + 1
                await trio.sleep_until(since + ticks * period_s)
                frame, told = self.queue.tick()
                if frame:
                    frame = frame.ljust(self.queue.frame_bytes, b"\0")
                    pcm = self.media.decode(frame)
                    self.played.append(Media(trio.current_time(), pcm))
                if frame or told:
                    self._news.unpark_all()
                await self.tell(*told)

    def _hear(self, raw: str | bytes) -> list[Event]:
        now = trio.current_time()
        if isinstance(raw, bytes):
            assert len(raw) <= MAX_MEDIA_BYTES, "the driver closes with 1009"
            self.received.append(Media(now, self.media.decode(raw)))
            return self.queue.push(raw)
        if len(raw) > MAX_COMMAND_BYTES:
            self.faults.append("a command is too long")
            return []
        try:
            command = decode_command(raw, self.form)
        except BadMessage as fault:
            self.faults.append(str(fault))
            return [CommandError("Unable to parse JSON command")]
        self.commands.append(Commanded(now, command))
        match command:
            case AnswerChannel() if self.answered_at is None:
                self.answered_at = now
            case HangUpChannel():
                self.hung_up_at = now
            case _:
                pass
        return self.queue.obey(command)


@asynccontextmanager
async def dialling(
    url: str,
    *,
    codec: str = "slin24",
    form: Form = "json",
    answered: bool = False,
    variables: Mapping[str, str] | None = None,
    start: MediaStart | None = None,
    begins: bool = True,
    stream: trio.abc.Stream | None = None,
    ssl: ssl_module.SSLContext | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> AsyncGenerator[FakeAsterisk]:
    """Dial as ``Dial(WebSocket/trio/c(codec)f(form)n)`` does.

    Whoever has not closed when the block ends is hung up with 1000.

    Args:
        url: ``ws://`` or ``wss://``.
        codec: The channel's format.
        form: How control messages are written.
        answered: Without ``n``: the channel is answered from the beginning.
        variables: Set on the channel.
        start: What to begin with instead of what all this makes.
        begins: Whether it is sent.
        stream: A connected socket or memory stream to use instead of dialling.
        ssl: For ``wss://``, trusting the service's certificate.
        headers: Of the handshake.

    Raises:
        websockets.exceptions.InvalidStatus: The handshake was refused; see its
            ``response.status_code`` and ``response.body``.
    """
    media = FORMATS[codec]
    start = start or MediaStart(
        connection_id="0f7d",
        format=codec,
        optimal_frame_size=media.media_bytes(FRAME_MS),
        channel="WebSocket/trio/0x7f01",
        channel_id=CHANNEL_ID,
        channel_variables=variables or {},
    )
    dial = connect(
        url,
        stream=stream,
        ssl=ssl,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        additional_headers=list(headers),
        proxy=None,
        ping_interval=None,
        close_timeout=2,
    )
    async with dial as ws, trio.open_nursery() as nursery:
        assert ws.subprotocol == SUBPROTOCOL, "the driver wants its subprotocol"
        queue = MediaQueue(start.optimal_frame_size or 1)
        asterisk = FakeAsterisk(ws, start, form, media, queue)
        if answered:
            asterisk.answered_at = trio.current_time()
        if begins:
            await asterisk.tell(start)
        nursery.start_soon(asterisk.listen)
        nursery.start_soon(asterisk.play)
        try:
            yield asterisk
        finally:
            asterisk.read_on()
            with trio.move_on_after(3, shield=True):
                await ws.aclose()
            nursery.cancel_scope.cancel(reason="the call is over")
