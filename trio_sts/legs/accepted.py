"""A caller leg above an accepted link: what AVR Core's and Asterisk's have in common."""

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final, NoReturn
from urllib.parse import parse_qs

from attrs import define, field
from typing_extensions import override

from trio_sts.errors import BadMessage, LegClosed, PeerFault
from trio_sts.wire.avr import CallerAudio, FromCore, Interruption, ToCore
from trio_sts.wire.line import Line

from .close_notice import TOO_BIG
from .fastpath.demux import OnBinaries, OnTexts
from .leg import Bounds, CallerSide
from .link import Link

MAX_MESSAGE_BYTES: Final = 64 * 1024
# Control messages to the caller: a call has a few in a minute, mostly transcripts.
_MAX_CONTROLS: Final = 256

Handle = Callable[[FromCore | BadMessage], None]


def caller_bounds(stall_s: float, receive_bytes: int) -> Bounds:
    """How much of everything such a leg holds.

    Args:
        stall_s: For how long the peer may read nothing.
        receive_bytes: A message of 20 ms fits in. A peer that sends hundreds of tiny ones,
            pings or pieces at once has them parsed by the library a few at a time, with
            other calls in between.
    """
    return Bounds(
        MAX_MESSAGE_BYTES,
        # A peer that stops reading is given up before more audio than this waits.
        max_audio_ms=stall_s * 1000,
        max_controls=_MAX_CONTROLS,
        receive_bytes=receive_bytes,
    )


@define(eq=False)
class AcceptedLeg(CallerSide):
    """One call's WebSocket from its caller's side; ended by `aclose`.

    Attributes:
        query: The query string as it came: the call's metadata and perhaps a token.
        line: What the caller's line is like.
        variables: What the peer knows of the call beside the query; not to be trusted.
        not_sent: The messages that the peer's protocol does not have.
    """

    query: str = field(repr=False)
    _link: Link[ToCore] = field(repr=False)
    _stall_s: float
    line: Line = field(factory=Line)
    variables: Mapping[str, str] = field(factory=dict[str, str], repr=False)

    not_sent: ClassVar[tuple[type[ToCore], ...]] = ()

    @property
    @override
    def uuid(self) -> str | None:
        """The call id that a dialplan or webhook may have put into the query string."""
        return parse_qs(self.query).get("uuid", [None])[0]

    @property
    @override
    def dropped_ms(self) -> float:
        """Agent audio that was dropped because the peer read too slowly."""
        return self._link.outbox.dropped_ms

    async def _read(self, on_texts: OnTexts, on_binaries: OnBinaries) -> NoReturn:
        """Read until the leg ends.

        Raises:
            LegClosed: The peer closed, or the connection broke.
            PeerFault: It sent a message over 64 KiB (1009), or bytes that break the
                protocol (1002, 1007).
        """
        try:
            await self._link.run(on_texts, on_binaries)
        except LegClosed as closed:
            if self._link.overrun or self._link.broken:
                reason = reason_for_caller(closed.code)
                raise PeerFault(closed.code, reason) from closed
            raise

    @override
    def post(self, *messages: ToCore) -> None:
        """Send soon, in order; an interruption overtakes the audio that waits.

        The peer would throw that audio away on seeing the interruption.
        """
        link = self._link
        for message in messages:
            if isinstance(message, Interruption):
                link.outbox.clear_audio()
            if not isinstance(message, self.not_sent):
                link.post(message)

    @override
    async def watch(self) -> NoReturn:
        """Wait until what is posted can no longer be sent.

        Raises:
            LegClosed: The socket is gone.
            PeerFault: The peer has not read for ``stall_s`` (1008). The audio that
                still waited is dropped, so that what ends the call comes next.
        """
        outbox = self._link.outbox
        await outbox.stuck(self._stall_s)
        if outbox.closed:
            raise self._link.why
        outbox.clear_audio()
        raise PeerFault(1008, "what is sent here is not being read")

    @override
    async def aclose(self, code: int, reason: str = "") -> None:
        """Send what is posted, close with this code, and close the socket.

        Waits for the peer to read and to answer: whoever calls it bounds it. The socket
        is closed however this ends, and nothing but a cancellation is raised.
        """
        await self._link.aclose(code, reason)


def join_audio(
    handle: Handle, messages: Iterable[FromCore | BadMessage], together_bytes: int
) -> None:
    """Handle messages that arrived together, in order.

    Audio in a row is joined until it is so many bytes: a process that is late has less to
    do for each frame.
    """
    audio = b""
    for message in messages:
        pcm = message.pcm if isinstance(message, CallerAudio) else b""
        if audio and (not pcm or len(audio) >= together_bytes):
            handle(CallerAudio(audio))
            audio = b""
        if pcm:
            audio += pcm
        else:
            handle(message)
    if audio:
        handle(CallerAudio(audio))


def refuse_too_big(message: bytes) -> None:
    """See that a message is not too long.

    Raises:
        PeerFault: It is over 64 KiB.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise PeerFault(TOO_BIG, reason_for_caller(TOO_BIG))


def reason_for_caller(code: int) -> str:
    """What was wrong, where a message is too long or the WebSocket protocol is broken."""
    if code == TOO_BIG:
        return f"a message is longer than {MAX_MESSAGE_BYTES} bytes"
    return "what comes here is not what the WebSocket protocol allows"
