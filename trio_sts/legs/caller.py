"""The caller leg: AVR Core's WebSocket, in typed messages."""

from functools import partial
from typing import Final, NoReturn, Self

import trio
from attrs import define
from typing_extensions import override

from trio_sts.audio.formats import CALLER_MS_PER_BYTE
from trio_sts.errors import BadMessage, PeerFault
from trio_sts.wire.avr import AgentAudio, Answer, Failure, FromCore, HangUp, ToCore
from trio_sts.wire.avr_codec import decode_from_core, encode_frames, encode_to_core

from .accepted import (
    AcceptedLeg,
    Handle,
    caller_bounds,
    join_audio,
    reason_for_caller,
    refuse_too_big,
)
from .handshake import accept_link
from .leg import ServerCodec

_RECEIVE_BYTES: Final = 512
# Audio that arrived together is joined until it is 100 ms.
_TOGETHER_BYTES: Final = 1_600


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
        return [encode_to_core(Failure(reason_for_caller(code)))]


_CODEC: Final = _Codec()


@define(eq=False)
class CallerLeg(AcceptedLeg):
    """One call's WebSocket from AVR Core; made by `accept`, ended by `aclose`."""

    # AVR Core has no such messages: its calls are answered, and it hangs up.
    not_sent = (Answer, HangUp)

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
        bounds = caller_bounds(stall_s, _RECEIVE_BYTES)
        link = await accept_link(
            nursery, stream, codec=_CODEC, bounds=bounds, fast=fast
        )
        return cls(link.target.partition("?")[2], link, stall_s)

    @override
    async def run(self, handle: Handle) -> NoReturn:
        """Read until the leg ends; ``handle`` gets each message, or its fault.

        Raises:
            LegClosed: The peer closed, or the connection broke.
            PeerFault: A binary message (1003), or one over 64 KiB (1009), or bytes that
                break the protocol (1002, 1007).
        """
        await self._read(partial(read_together, handle), _refuse_binary)


def _refuse_binary(_: list[bytes]) -> None:
    raise PeerFault(1003, "a binary message; messages here are JSON text")


def read_together(handle: Handle, texts: list[bytes]) -> None:
    """Handle messages that arrived together, or what is wrong with them, in order.

    Audio in a row is joined until it is 100 ms.

    Raises:
        PeerFault: One is over 64 KiB.
    """
    if len(texts) == 1:
        handle(_decode(texts[0]))
    else:
        join_audio(handle, map(_decode, texts), _TOGETHER_BYTES)


def _decode(text: bytes) -> FromCore | BadMessage:
    refuse_too_big(text)
    try:
        return decode_from_core(text)
    except BadMessage as fault:
        return fault
