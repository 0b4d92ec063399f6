"""The caller leg of an Asterisk that dials us itself, by its `chan_websocket`.

Samples are binary messages, at the line's own rate; control messages are text. Asterisk
queues what it is sent and plays it in real time, says what of it was played by marks, and
closes when it is told to hang up.
"""

from functools import partial
from typing import Final, NoReturn, Self
from uuid import uuid4

import structlog
import trio
from attrs import define, field
from typing_extensions import override

from trio_sts.audio.framing import FRAME_MS, ms_per_pcm_byte
from trio_sts.errors import BadMessage, LegClosed, PeerFault
from trio_sts.wire.asterisk import (
    MAX_MEDIA_BYTES,
    SUBPROTOCOL,
    AnswerChannel,
    CommandError,
    DtmfEnd,
    Event,
    FlushMedia,
    Form,
    HangUpChannel,
    MarkMedia,
    MediaMarkProcessed,
    MediaStart,
    MediaXoff,
    MediaXon,
    StartMediaBuffering,
    UnknownEvent,
)
from trio_sts.wire.asterisk_codec import decode_event, encode_command, form_of
from trio_sts.wire.asterisk_media import FORMATS, MediaFormat
from trio_sts.wire.avr import (
    AgentAudio,
    Answer,
    CallerAudio,
    DtmfDigit,
    Failure,
    FromCore,
    HangUp,
    Init,
    Interruption,
    MarkPlayed,
    QueueFree,
    QueueFull,
    ToCore,
    Transcript,
    UnknownFromCore,
)
from trio_sts.wire.line import Line

from .accepted import (
    AcceptedLeg,
    Handle,
    caller_bounds,
    join_audio,
    refuse_too_big,
)
from .fastpath.frames import Binary, Message
from .handshake import accept_link
from .leg import ServerCodec
from .link import Link

START_S: Final = 10.0
_NO_START: Final = "MEDIA_START did not come"
_CLOSE_S: Final = 2.0
# Before MEDIA_START; afterwards the call counts what is faulty.
_MOST_FAULTS: Final = 100
_RECEIVE_BYTES: Final = 1_024
# Audio that arrived together is joined until it is 100 ms.
_TOGETHER_MS: Final = 100
# Behind a flush; 20 ms are too little.
_QUIET_MS: Final = 100
_MARK_DIGITS: Final = 18
_LEAST_MS: Final = 0.001
# What is logged once is remembered; a peer invents the words.
_MOST_TOLD: Final = 8
_TOLD_CHARS: Final = 120

_log = structlog.get_logger()


@define(eq=False)
class _Codec(ServerCodec[ToCore]):
    """What is sent in the form and the format of MEDIA_START; before it, nothing."""

    _commands: dict[type[ToCore], list[Message]] = field(
        factory=dict[type[ToCore], list[Message]], init=False
    )
    _mark: bytes = field(default=b"", init=False)
    _media: MediaFormat | None = field(default=None, init=False)
    _ms_per_byte: float = field(default=0.0, init=False)
    _most_bytes: int = field(default=MAX_MEDIA_BYTES, init=False)
    _before_media: list[Message] = field(factory=list[Message], init=False)

    def use(self, form: Form) -> None:
        """Write commands in this form."""
        self._commands = {
            Answer: [encode_command(AnswerChannel(), form)],
            Interruption: [encode_command(FlushMedia(), form)],
            HangUp: [encode_command(HangUpChannel(), form)],
        }
        self._mark = encode_command(MarkMedia("%d"), form)

    def play(self, media: MediaFormat, frame_bytes: int, form: Form) -> None:
        """Write samples in this format, for frames of so many bytes."""
        self._media = media
        self._ms_per_byte = ms_per_pcm_byte(media.rate_hz)
        self._most_bytes = MAX_MEDIA_BYTES - MAX_MEDIA_BYTES % frame_bytes
        if media.media_bytes(FRAME_MS) % frame_bytes:
            # Outside buffering what fills no frame is dropped. A flush ends it, so it is
            # said each time: one that has begun is not begun again.
            self._before_media = [encode_command(StartMediaBuffering(), form)]
        # Asterisk sends a phone nothing while its queue is empty, and the phone draws the
        # last sound out for 80 ms: with silence to send it is quiet at once.
        silence = media.encode(bytes(round(_QUIET_MS / self._ms_per_byte)))
        self._commands[Interruption] += [*self._before_media, Binary(silence)]

    @override
    def encode(self, message: ToCore) -> list[Message]:
        if not isinstance(message, AgentAudio):
            return self._commands.get(type(message), [])
        if self._media is None:
            return []
        media, most = self._media.encode(message.pcm), self._most_bytes
        encoded: list[Message] = [
            *self._before_media,
            *(Binary(media[at : at + most]) for at in range(0, len(media), most)),
        ]
        if message.mark:
            encoded.append(self._mark % message.mark)
        return encoded

    @override
    def audio_ms(self, message: ToCore) -> float:
        if isinstance(message, AgentAudio):
            # An empty one has a mark, which goes where the audio before it goes.
            return max(len(message.pcm) * self._ms_per_byte, _LEAST_MS)
        return 0

    @override
    def close_notice(self, code: int) -> list[Message]:
        return self.encode(HangUp())


@define(eq=False)
class AsteriskLeg(AcceptedLeg):
    """One call's WebSocket from Asterisk; made by `accept`, ended by `aclose`."""

    _media: MediaFormat = field(kw_only=True, alias="media")
    _form: Form = field(kw_only=True, alias="form")
    _call_id: str = field(kw_only=True, alias="call_id")
    _hung_up: bool = field(default=False, init=False)
    # The marks that may still be reported: above the first, up to the second.
    _reported: int = field(default=0, init=False)
    _marked: int = field(default=0, init=False)
    _told: set[str] = field(factory=set[str], init=False)

    # There is nobody in Asterisk who would read them.
    not_sent = (Transcript, Failure)

    @classmethod
    async def accept(
        cls,
        nursery: trio.Nursery,
        stream: trio.abc.Stream,
        *,
        stall_s: float = 5.0,
        fast: bool = True,
    ) -> Self:
        """Answer the WebSocket handshake, and wait for MEDIA_START.

        Media before it are a fault: what their samples are is not known.

        Args:
            nursery: As in `CallerLeg.accept`.
            stream: The socket, from the first byte of the request; the leg closes it.
            stall_s: For how long the peer may read nothing.
            fast: Whether messages take the fast path.

        Raises:
            LegClosed: There was no handshake within 5 s, or no MEDIA_START within 10 s
                (closed with 1008), or one whose format cannot be used (HANGUP and 1003).
        """
        codec = _Codec()
        link = await accept_link(
            nursery,
            stream,
            codec=codec,
            bounds=caller_bounds(stall_s, _RECEIVE_BYTES),
            fast=fast,
            subprotocol=SUBPROTOCOL,
            binary=True,
        )
        # Whoever cancels this takes the connection back.
        closing = PeerFault(1001, "cancelled before it began")
        started = False
        try:
            start, form = await _await_start(link)
            codec.use(form)
            media = _usable_format(start)
            codec.play(media, start.optimal_frame_size, form)
            started = True
        except PeerFault as fault:
            closing = fault
            raise LegClosed(fault.code, fault.reason_for_caller) from fault
        finally:
            if not started:
                with trio.move_on_after(_CLOSE_S, shield=True):
                    link.post(HangUp())
                    await link.aclose(closing.code, closing.reason_for_caller)
        return cls(
            link.target.partition("?")[2],
            link,
            stall_s,
            Line(media.rate_hz, reports_marks=True, awaits_answer=True),
            start.channel_variables,
            media=media,
            form=form,
            call_id=start.channel_id or str(uuid4()),
        )

    @property
    @override
    def uuid(self) -> str:
        """The call id of the dialplan's, or the channel's unique id, or one of ours."""
        return super().uuid or self._call_id

    @override
    async def run(self, handle: Handle) -> NoReturn:
        """Read until the leg ends; ``handle`` gets `Init`, then each message or its fault.

        Raises:
            LegClosed: The peer closed, or the connection broke.
            PeerFault: A message over 64 KiB (1009), or bytes that break the protocol
                (1002, 1007).
        """
        handle(Init(self.uuid))
        await self._read(
            partial(self._read_texts, handle), partial(self._read_media, handle)
        )

    @override
    def post(self, *messages: ToCore) -> None:
        """Send soon, in order; an interruption overtakes the audio that waits.

        That audio's marks go with it, as they do in Asterisk's queue.
        """
        for message in messages:
            match message:
                case Failure(told):
                    self._tell_once("not told to asterisk", told)
                    continue
                case HangUp() if self._hung_up:
                    continue
                case HangUp():
                    self._hung_up = True
                case AgentAudio(mark=mark) if mark:
                    self._marked = mark
                case _:
                    pass
            super().post(message)

    @override
    async def aclose(self, code: int, reason: str = "") -> None:
        """As of every leg; a HANGUP goes before the close code, whoever ends the call."""
        self.post(HangUp())
        await self._link.aclose(code, reason)

    def _read_texts(self, handle: Handle, texts: list[bytes]) -> None:
        for text in texts:
            message = self._event(text)
            if message is not None:
                handle(message)

    def _event(self, text: bytes) -> FromCore | BadMessage | None:
        refuse_too_big(text)
        try:
            event = decode_event(text, self._form)
            if isinstance(event, MediaMarkProcessed):
                return self._played(event.correlation_id)
        except BadMessage as fault:
            return fault
        return self._from_event(event)

    def _read_media(self, handle: Handle, payloads: list[bytes]) -> None:
        if len(payloads) == 1:
            handle(self._decode(payloads[0]))
        else:
            rate_hz = self._media.rate_hz
            together_bytes = int(_TOGETHER_MS / ms_per_pcm_byte(rate_hz))
            join_audio(handle, map(self._decode, payloads), together_bytes)

    def _decode(self, media: bytes) -> CallerAudio | BadMessage:
        refuse_too_big(media)
        try:
            return CallerAudio(self._media.decode(media))
        except BadMessage as fault:
            return fault

    def _played(self, correlation_id: str) -> MarkPlayed:
        """A mark is reported once, and none in front of an earlier one.

        Raises:
            BadMessage: It was never sent, or nobody waits for it any more.
        """
        is_number = correlation_id.isascii() and correlation_id.isdecimal()
        mark = int(correlation_id[:_MARK_DIGITS]) if is_number else 0
        if not self._reported < mark <= self._marked:
            raise BadMessage("MEDIA_MARK_PROCESSED: no mark that is awaited")
        self._reported = mark
        return MarkPlayed(mark)

    def _from_event(self, event: Event) -> FromCore | None:
        """What the call is told; None for nothing."""
        match event:
            case DtmfEnd(digit):
                return DtmfDigit(digit)
            case MediaXoff():
                return QueueFull()
            case MediaXon():
                return QueueFree()
            case UnknownEvent(name):
                return UnknownFromCore(name)
            case CommandError(error_text):
                self._tell_once("asterisk refused a command", error_text)
            case _:
                # A second MEDIA_START, and answers to what is never asked.
                pass
        return None

    def _tell_once(self, event: str, text: str) -> None:
        told = "".join(filter(str.isprintable, text[:_TOLD_CHARS]))
        if told not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(told)
            _log.warning(event, text=told)


async def _await_start(link: Link[ToCore]) -> tuple[MediaStart, Form]:
    """The first event, and the form in which control messages are written.

    Raises:
        LegClosed: The peer closed instead.
        PeerFault: It did not come within 10 s, or within 100 messages, or one of them was
            too long.
    """
    with trio.move_on_after(START_S):
        return await _find_start(link)
    raise PeerFault(1008, _NO_START)


async def _find_start(link: Link[ToCore]) -> tuple[MediaStart, Form]:
    for _ in range(_MOST_FAULTS):
        message = await link.receive()
        if isinstance(message, bytes):
            refuse_too_big(message)
            continue
        refuse_too_big(message.encode())
        form = form_of(message)
        try:
            event = decode_event(message, form)
        except BadMessage:
            continue
        if isinstance(event, MediaStart):
            return event, form
    raise PeerFault(1008, _NO_START)


def _usable_format(start: MediaStart) -> MediaFormat:
    """The format of a channel's samples.

    Raises:
        PeerFault: Frames of it cannot be made here, or not by Asterisk.
    """
    media = FORMATS.get(start.format)
    if media is not None and 0 < start.optimal_frame_size <= MAX_MEDIA_BYTES:
        return media
    _log.warning(
        "a call from asterisk cannot be held",
        format=start.format[:_TOLD_CHARS],
        frame_bytes=start.optimal_frame_size,
        write_in_the_dialplan="Dial(WebSocket/.../c(slin24)...), without p; slin16, slin, "
        "ulaw and alaw can be used as well",
    )
    raise PeerFault(1003, "the format of this channel cannot be used")
