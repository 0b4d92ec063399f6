"""Asterisk's end of a call's WebSocket: what its driver ``chan_websocket`` does with it.

Samples are binary messages, both ways; control messages are JSON. The driver queues what
it is sent, plays a frame every 20 ms, and comes to a mark right before the frame behind it.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from attrs import define, field

from trio_sts.audio.framing import FRAME_MS, SAMPLE_BYTES, frame_bytes
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
    DtmfEnd,
    Event,
    FlushMedia,
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
    StartMediaBuffering,
    Status,
    StopMediaBuffering,
    UnknownCommand,
)
from trio_sts.wire.asterisk_codec import decode_command, encode_event
from trio_sts.wire.asterisk_media import FORMATS, MediaFormat
from trio_sts.wire.avr import Answer, HangUp, Interruption, UnknownToCore

from .peer import Post, Told
from .playback import Playback

DEFAULT_FORMAT: Final = "slin24"
# Marks that wait: a service sends one for each batch, so this is more than its queue.
_MAX_WAITING: Final = MAX_FRAMES


@define(eq=False)
class Asterisk:
    """A channel of Asterisk's that is called ``Dial(WebSocket/...)``, with ``f(json)n``.

    A key takes no time here, where Asterisk's audio pauses for some 240 ms, and the
    command ``SET_MEDIA_DIRECTION`` is ignored.
    """

    _post: Post
    _format: MediaFormat = field(default=FORMATS[DEFAULT_FORMAT], alias="media_format")
    playback: Playback = field(init=False)
    _channel_id: str = field(factory=lambda: str(uuid4()))
    # What is reported when so many frames have left the queue.
    _waiting: deque[tuple[int, Event]] = field(factory=deque[tuple[int, Event]])
    _rest: bytes = b""
    _buffers: bool = False
    _is_full: bool = False
    _reports_drained: bool = False

    subprotocol = SUBPROTOCOL
    max_message_bytes = MAX_MEDIA_BYTES
    awaits_answer = True
    has_dialplan = True

    def __attrs_post_init__(self) -> None:
        self.playback = Playback(frame_bytes(self.rate_hz))

    @property
    def rate_hz(self) -> int:
        """Of the samples in this format."""
        return self._format.rate_hz

    def query(self, uuid: str) -> Mapping[str, str]:
        """The call's id, as ``v(uuid=...)`` in the dialplan gives it."""
        return {"uuid": uuid}

    def begin(self, uuid: str) -> None:
        """Post ``MEDIA_START``."""
        del uuid
        connection_id = str(uuid4())
        optimal = self._format.media_bytes(FRAME_MS)
        self._report(
            MediaStart(
                connection_id,
                self._format.name,
                optimal,
                channel=f"WebSocket/trio-sts-call/{connection_id[:8]}",
                channel_id=self._channel_id,
                ptime=FRAME_MS,
                channel_variables={
                    "MEDIA_WEBSOCKET_CONNECTION_ID": connection_id,
                    "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE": str(optimal),
                },
            )
        )

    def say(self, pcm: bytes) -> None:
        """One binary message a frame."""
        self._post(self._format.encode(pcm))

    def press(self, digit: str) -> None:
        """Post the end of a key."""
        self._report(DtmfEnd(digit, self._channel_id))

    def take(self, message: str | bytes) -> Told | None:
        """Take samples, or a command."""
        if isinstance(message, bytes):
            return self._take_media(message)
        if len(message.encode()) > MAX_COMMAND_BYTES:
            return BadMessage("a longer command than Asterisk looks at")
        try:
            command = decode_command(message, "json")
        except BadMessage as fault:
            self._report(CommandError("the command is not understood"))
            return fault
        return self._obey(command)

    def tick(self) -> None:
        """Report what stands before the next frame."""
        if self.playback.paused:
            return
        if self._is_full and self.playback.queued < XON_FRAMES:
            self._is_full = False
            self._report(MediaXon(self._channel_id))
        gone = self.playback.gone
        while self._waiting and self._waiting[0][0] <= gone:
            self._report(self._waiting.popleft()[1])
        if self._reports_drained and not self.playback.queued:
            self._reports_drained = False
            self._report(QueueDrained(self._channel_id))

    def _take_media(self, media: bytes) -> BadMessage | None:
        queue = self.playback
        size = self._format.media_bytes(FRAME_MS)
        media = self._rest + media
        whole = len(media) - len(media) % size
        self._rest = media[whole:] if self._buffers else b""
        # Outside buffering a rest that fills no frame is dropped.
        queue.odd += whole < len(media) and not self._buffers
        # A message is taken whole or not at all.
        takes = queue.queued < MAX_FRAMES
        most = queue.queued + whole // size if takes else 0
        queue.push_frames(self._format.decode(media[:whole]), most)
        if not self._is_full and queue.queued >= XOFF_FRAMES:
            self._is_full = True
            self._report(MediaXoff(self._channel_id))
        return None

    def _obey(self, command: AsteriskCommand) -> Told | None:  # noqa: C901
        told: Told | None = None
        match command:
            case AnswerChannel():
                told = Answer()
            case HangUpChannel():
                told = HangUp()
            case FlushMedia():
                self._waiting.clear()
                self._rest = b""
                self.playback.paused = False
                told = Interruption()
            case MarkMedia(correlation_id):
                self._wait(MediaMarkProcessed(correlation_id, self._channel_id))
            case StartMediaBuffering():
                self._buffers = True
            case StopMediaBuffering(correlation_id):
                self._stop_buffering(correlation_id)
            case PauseMedia():
                self.playback.paused = True
            case ContinueMedia():
                self.playback.paused = False
            case ReportQueueDrained():
                self._reports_drained = True
            case GetStatus():
                self._report(self._status())
            case UnknownCommand(name):
                told = UnknownToCore(name)
            case _:
                pass
        return told

    def _stop_buffering(self, correlation_id: str) -> None:
        rest, self._rest, self._buffers = self._rest, b"", False
        if self._format.law is None:
            # Half a sample at the very end is not audio.
            rest = rest[: len(rest) & -SAMPLE_BYTES]
        self.playback.push_frames(self._format.decode(rest), MAX_FRAMES)
        self._wait(MediaBufferingCompleted(correlation_id, self._channel_id))

    def _status(self) -> Status:
        return Status(
            self.playback.queued,
            queue_full=self._is_full,
            bulk_media=self._buffers,
            media_paused=self.playback.paused,
            channel_id=self._channel_id,
        )

    def _wait(self, event: Event) -> None:
        if len(self._waiting) < _MAX_WAITING:
            behind = self.playback.gone + self.playback.queued
            self._waiting.append((behind, event))

    def _report(self, event: Event) -> None:
        self._post(encode_event(event, "json").decode())
