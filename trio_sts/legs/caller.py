"""The caller leg: AVR Core's WebSocket, in typed messages."""

from collections.abc import Callable
from functools import partial
from typing import NoReturn, Self
from urllib.parse import parse_qs

import trio
from attrs import define, field
from typing_extensions import override

from trio_sts.audio.formats import CALLER_MS_PER_BYTE
from trio_sts.errors import BadMessage, LegClosed, PeerFault
from trio_sts.wire.avr import (
    AgentAudio,
    Answer,
    CallerAudio,
    Failure,
    FromCore,
    HangUp,
    Interruption,
    ToCore,
)
from trio_sts.wire.avr_codec import decode_from_core, encode_frames, encode_to_core

from .close_notice import TOO_BIG
from .handshake import accept_link
from .leg import Bounds, CallerSide, ServerCodec
from .link import Link

MAX_MESSAGE_BYTES = 64 * 1024
# Control messages to the caller: a call has a few in a minute, mostly transcripts.
_MAX_CONTROLS = 256
# A message of 20 ms fits in. A peer that sends hundreds of tiny ones, pings or pieces at
# once has them parsed by the library a few at a time, with other calls in between.
_RECEIVE_BYTES = 512
# Audio that arrived together is joined until it is 100 ms.
_TOGETHER_BYTES = 1_600


class _Codec(ServerCodec[ToCore]):
    @override
    def encode(self, message: ToCore) -> list[bytes]:
        if isinstance(message, AgentAudio):
            return encode_frames(message.pcm)
        return [encode_to_core(message)]

    @override
    def audio_ms(self, message: ToCore) -> float:
        if isinstance(message, AgentAudio):
            return len(message.pcm) * CALLER_MS_PER_BYTE
        return 0

    @override
    def close_notice(self, code: int) -> list[bytes]:
        return [encode_to_core(Failure(_reason_for_caller(code)))]


_CODEC = _Codec()


@define(eq=False)
class CallerLeg(CallerSide):
    """One call's WebSocket from AVR Core; made by `accept`, ended by `aclose`.

    Attributes:
        query: The query string as it came: the call's metadata and perhaps a token.
    """

    query: str = field(repr=False)
    _link: Link[ToCore] = field(repr=False)
    _stall_s: float

    @classmethod
    async def accept(
        cls,
        nursery: trio.Nursery,
        stream: trio.abc.Stream,
        *,
        stall_s: float = 5.0,
        fast: bool = True,
    ) -> Self:
        """Answer the WebSocket handshake.

        Args:
            nursery: Where the leg's own task lives. It has to outlive whatever uses
                the leg, or the closing handshake is cut off with it.
            stream: The socket, from the first byte of the request; the leg closes it.
            stall_s: For how long the peer may read nothing.
            fast: Whether messages take the fast path.

        Raises:
            LegClosed: There was no handshake, or none within 5 s.
        """
        bounds = Bounds(
            MAX_MESSAGE_BYTES,
            # A peer that stops reading is given up before more audio than this waits.
            max_audio_ms=stall_s * 1000,
            max_controls=_MAX_CONTROLS,
            receive_bytes=_RECEIVE_BYTES,
        )
        link = await accept_link(
            nursery, stream, codec=_CODEC, bounds=bounds, fast=fast
        )
        return cls(link.target.partition("?")[2], link, stall_s)

    @property
    @override
    def uuid(self) -> str | None:
        """The call id that a routing webhook may have put into the query string."""
        return parse_qs(self.query).get("uuid", [None])[0]

    @property
    @override
    def dropped_ms(self) -> float:
        """Agent audio that was dropped because the peer read too slowly."""
        return self._link.outbox.dropped_ms

    @override
    async def run(self, handle: Callable[[FromCore | BadMessage], None]) -> NoReturn:
        """Read until the leg ends; ``handle`` gets each message, or its fault.

        Raises:
            LegClosed: The peer closed, or the connection broke.
            PeerFault: A binary message (1003), or one over 64 KiB (1009), or bytes that
                break the protocol (1002, 1007).
        """
        try:
            await self._link.run(partial(read_together, handle), _refuse_binary)
        except LegClosed as closed:
            if self._link.overrun or self._link.broken:
                reason = _reason_for_caller(closed.code)
                raise PeerFault(closed.code, reason) from closed
            raise

    @override
    def post(self, *messages: ToCore) -> None:
        """Send soon, in order; an interruption overtakes the audio that waits.

        AVR Core would throw that audio away on seeing the interruption.
        """
        link = self._link
        for message in messages:
            if isinstance(message, Interruption):
                link.outbox.clear_audio()
            # AVR Core has no such messages: its calls are answered, and it hangs up.
            if not isinstance(message, Answer | HangUp):
                link.post(message)

    @override
    async def watch(self) -> NoReturn:
        """Wait until what is posted can no longer be sent.

        Raises:
            LegClosed: The socket is gone.
            PeerFault: The peer has not read for ``stall_s`` (1008). The audio that
                still waited is dropped, so that the failure message comes next.
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


def _refuse_binary(_: list[bytes]) -> None:
    raise PeerFault(1003, "a binary message; messages here are JSON text")


def read_together(
    handle: Callable[[FromCore | BadMessage], None], texts: list[bytes]
) -> None:
    """Handle messages that arrived together, or what is wrong with them, in order.

    Audio in a row is joined until it is 100 ms: a process that is late has less to do
    for each frame.

    Raises:
        PeerFault: One is over 64 KiB.
    """
    if len(texts) == 1:
        handle(_read(texts[0]))
        return
    audio = b""
    for text in texts:
        message = _read(text)
        pcm = message.pcm if isinstance(message, CallerAudio) else b""
        if audio and (not pcm or len(audio) >= _TOGETHER_BYTES):
            handle(CallerAudio(audio))
            audio = b""
        if pcm:
            audio += pcm
        else:
            handle(message)
    if audio:
        handle(CallerAudio(audio))


def _read(text: bytes) -> FromCore | BadMessage:
    if len(text) > MAX_MESSAGE_BYTES:
        raise PeerFault(TOO_BIG, _reason_for_caller(TOO_BIG))
    try:
        return decode_from_core(text)
    except BadMessage as fault:
        return fault


def _reason_for_caller(code: int) -> str:
    if code == TOO_BIG:
        return f"a message is longer than {MAX_MESSAGE_BYTES} bytes"
    return "what comes here is not what the WebSocket protocol allows"
