"""The caller's end of a call's WebSocket: AVR Core's here, Asterisk's in `asterisk`.

A call is the same at both: a slot every 20 ms, in which the caller says something and
hears something. How that is said on the wire is what a peer knows, and nothing else.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from attrs import define, field

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.errors import BadMessage
from trio_sts.wire.avr import (
    AgentAudio,
    CallerAudio,
    DtmfDigit,
    FromCore,
    Init,
    ToCore,
    UnknownToCore,
)
from trio_sts.wire.avr_codec import decode_to_core, encode_from_core

from .playback import Playback

# Its own limit is unknown; a frame is 500 bytes, a transcript a few thousand.
_MAX_MESSAGE_BYTES: Final = 1024 * 1024

# Text is str, a binary message is bytes. It never blocks: what does not fit is dropped.
Post = Callable[[str | bytes], None]
Told = ToCore | UnknownToCore | BadMessage


class Peer(Protocol):
    """Who holds the caller's end of the WebSocket.

    Attributes:
        rate_hz: Of PCM16LE, both ways.
        playback: What becomes of the agent's audio.
        subprotocol: What the service must agree to speak, or "".
        max_message_bytes: A longer message ends the call, with code 1009.
        awaits_answer: The caller hears ringing until the service answers.
        has_dialplan: The call goes on somewhere when the service has left it.
    """

    @property
    def rate_hz(self) -> int: ...  # noqa: D102
    @property
    def playback(self) -> Playback: ...  # noqa: D102
    @property
    def subprotocol(self) -> str: ...  # noqa: D102
    @property
    def max_message_bytes(self) -> int: ...  # noqa: D102
    @property
    def awaits_answer(self) -> bool: ...  # noqa: D102
    @property
    def has_dialplan(self) -> bool: ...  # noqa: D102

    def query(self, uuid: str) -> Mapping[str, str]:
        """What stands in the URL before the call's metadata."""
        ...

    def begin(self, uuid: str) -> None:
        """The WebSocket is open: post what comes first."""
        ...

    def say(self, pcm: bytes) -> None:
        """Post what the caller says in this slot: one frame."""
        ...

    def press(self, digit: str) -> None:
        """Post a key."""
        ...

    def take(self, message: str | bytes) -> Told | None:
        """Take a message of the service's; audio goes to the playback.

        Returns:
            What the call has to know of it; None if that is nothing.
        """
        ...

    def tick(self) -> None:
        """A slot begins: what is before its frame in the queue is due."""
        ...


PeerFactory = Callable[[Post], Peer]


@define(eq=False)
class AvrCore:
    """AVR Core: messages are JSON, audio is 8000 Hz, the call is up when it comes."""

    _post: Post
    playback: Playback = field(factory=Playback)

    rate_hz = SAMPLE_RATE_HZ
    subprotocol = ""
    max_message_bytes = _MAX_MESSAGE_BYTES
    awaits_answer = False
    has_dialplan = False

    def query(self, uuid: str) -> Mapping[str, str]:
        """Nothing: the call's id is in ``init``."""
        del uuid
        return {}

    def begin(self, uuid: str) -> None:
        """Post ``init``."""
        self._send(Init(uuid))

    def say(self, pcm: bytes) -> None:
        """One message a frame."""
        self._send(CallerAudio(pcm))

    def press(self, digit: str) -> None:
        """Post the key; the audio goes on meanwhile."""
        self._send(DtmfDigit(digit))

    def take(self, message: str | bytes) -> Told | None:
        """Every message is text: a binary one is junk even if it is JSON."""
        if isinstance(message, bytes):
            return BadMessage("a binary message")
        try:
            told = decode_to_core(message)
        except BadMessage as fault:
            return fault
        if isinstance(told, AgentAudio):
            self.playback.push(told.pcm)
            return None
        return told

    def tick(self) -> None:
        """Nothing but frames is in its queue."""

    def _send(self, message: FromCore) -> None:
        self._post(encode_from_core(message).decode())
