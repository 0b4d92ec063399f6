"""The caller leg: AVR Core's WebSocket, in typed messages."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn, Self
from urllib.parse import parse_qs

import trio
from attrs import define, field
from trio_websocket import ConnectionClosed

from trio_sts.errors import BadMessage, LegClosed, PeerFault
from trio_sts.wire.avr import (
    AgentAudio,
    CallerAudio,
    Failure,
    FromCore,
    Interruption,
    ToCore,
)
from trio_sts.wire.avr_codec import decode_from_core, encode_frames, encode_to_core
from trio_sts.wire.metadata import clean_metadata

from .last_words import TOO_BIG
from .link import Link, Wrap, accept_link, as_it_is
from .outbox import Outbox

MAX_MESSAGE_BYTES = 64 * 1024
# Words to the caller: a call has a few in a minute, and each is a transcript at most.
_MAX_CONTROLS = 256
# Audio that arrived together is joined until it is 100 ms.
_TOGETHER_BYTES = 1_600
_BYTES_PER_MS = 16


@define(eq=False)
class CallerLeg:
    """One call's WebSocket from AVR Core; made by `accept`, ended by `aclose`.

    Attributes:
        path: The path of the request, without its query string.
        query: The query string as it came: the call's metadata and perhaps a token.
    """

    path: str = field(repr=False)
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
        wrap: Wrap = as_it_is,
        fast: bool = True,
    ) -> Self:
        """Answer the WebSocket handshake.

        Args:
            nursery: Where the leg's own task lives. It has to outlive whatever uses
                the leg, or the closing handshake is cut off with it.
            stream: The socket, from the first byte of the request; the leg closes it.
            stall_s: For how long the peer may read nothing.
            wrap: What is put between the socket and the WebSocket library.
            fast: Whether text takes the fast path.

        Raises:
            LegClosed: There was no handshake, or none within 5 s.
        """
        link = await accept_link(
            nursery,
            stream,
            # A peer that stops reading is given up before more audio than this waits.
            outbox=Outbox(
                _audio_ms, max_audio_ms=stall_s * 1000, max_controls=_MAX_CONTROLS
            ),
            texts=_texts,
            words=_words,
            max_bytes=MAX_MESSAGE_BYTES,
            wrap=wrap,
            fast=fast,
        )
        path, _, query = link.target.partition("?")
        return cls(path, query, link, stall_s)

    @property
    def uuid(self) -> str | None:
        """The call id that a routing webhook may have put into the query string."""
        return parse_qs(self.query).get("uuid", [None])[0]

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the query string says about the call, cleaned and without a token."""
        return clean_metadata(self.query)

    @property
    def dropped_ms(self) -> float:
        """Agent audio that a slow peer has lost so far."""
        return self._link.outbox.dropped_ms

    async def run(self, handle: Callable[[FromCore | BadMessage], None]) -> NoReturn:
        """Read until the leg ends; ``handle`` gets each message, or its fault.

        Raises:
            LegClosed: The peer closed, or the connection broke.
            PeerFault: A binary message (1003), or one over 64 KiB (1009), or bytes that
                break the protocol (1002, 1007).
        """
        try:
            await self._link.run(partial(read_together, handle), _refuse_binary)
        except ConnectionClosed as exc:
            raise self._ended() from exc
        raise AssertionError("only an error ends the reading")

    def _ended(self) -> LegClosed | PeerFault:
        why = self._link.why
        if self._link.overrun or self._link.broken:
            return PeerFault(why.code, _told(why.code))
        return why

    def post(self, *messages: ToCore) -> None:
        """Send soon, in order; an interruption overtakes the audio that waits.

        AVR Core would throw that audio away on seeing the interruption.
        """
        outbox = self._link.outbox
        for message in messages:
            if isinstance(message, Interruption):
                outbox.clear_audio()
            self._link.post(message)

    async def write(self) -> NoReturn:
        """Watch over the sending of what was posted.

        Raises:
            LegClosed: The socket is gone.
            PeerFault: The peer has not read for ``stall_s`` (1008). The audio that
                still waited is dropped, so that words about it come next.
        """
        outbox = self._link.outbox
        await outbox.stuck(self._stall_s)
        if outbox.closed:
            raise self._link.why
        outbox.clear_audio()
        raise PeerFault(1008, "what is sent here is not being read")

    async def aclose(self, code: int, reason: str = "") -> None:
        """Send what is posted, close with this code, and close the socket.

        Waits for the peer to read and to answer: the caller bounds it. The socket is
        closed however this ends, and nothing but a cancellation is raised.
        """
        await self._link.aclose(code, reason)


def _audio_ms(message: ToCore) -> float:
    return len(message.pcm) / _BYTES_PER_MS if isinstance(message, AgentAudio) else 0


def _texts(message: ToCore) -> list[bytes]:
    if isinstance(message, AgentAudio):
        return encode_frames(message.pcm)
    return [encode_to_core(message)]


def _refuse_binary(_: bytes) -> None:
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
        raise _too_big()
    try:
        return decode_from_core(text)
    except BadMessage as fault:
        return fault


def _too_big() -> PeerFault:
    return PeerFault(TOO_BIG, _told(TOO_BIG))


def _told(code: int) -> str:
    if code == TOO_BIG:
        return f"a message is longer than {MAX_MESSAGE_BYTES} bytes"
    return "what comes here is not what the WebSocket protocol allows"


def _words(code: int) -> bytes:
    return encode_to_core(Failure(_told(code)))
