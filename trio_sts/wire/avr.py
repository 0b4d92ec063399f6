"""What a caller leg and the conversation exchange: AVR Core's messages, and a few more.

Audio is PCM16LE, mono, at the rate of the caller's line; a frame is 20 ms. AVR Core's is
8000 Hz: 160 samples, 320 bytes. Asterisk's own leg has messages that AVR Core does not
know: marks, a full queue, the answer of a call that is ringing.
"""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, frozen


@frozen
class Init:
    """The call begins: AVR Core's first message. ``uuid`` is as sent, unchecked."""

    uuid: object = None
    provider_config: Mapping[str, Any] | None = None


# Not frozen: it is made for every 20 ms of audio, and freezing doubles its cost.
@define
class CallerAudio:
    """The caller's voice: any whole number of samples, usually one frame."""

    pcm: bytes = field(repr=False)


@frozen
class DtmfDigit:
    """The caller pressed a key: one of ``0``-``9``, ``*``, ``#``, ``A``-``D``."""

    digit: str = field(repr=False)


@frozen
class UnknownFromCore:
    """A message type that this version does not know; it is ignored."""

    type: str


@frozen
class MarkPlayed:
    """The peer has played all that was sent before this mark."""

    mark: int


@frozen
class QueueFull:
    """The peer takes no more audio until `QueueFree`."""


@frozen
class QueueFree:
    """The peer takes audio again."""


DTMF_DIGITS = frozenset("0123456789*#ABCD")

FromCore = (
    Init
    | CallerAudio
    | DtmfDigit
    | UnknownFromCore
    | MarkPlayed
    | QueueFull
    | QueueFree
)


@frozen
class AgentAudio:
    """The agent's voice: whole frames; to AVR Core one WebSocket message per frame.

    ``mark`` is to be reported when all of it, and all before it, has been played; 0 is for
    none. One may come without audio.
    """

    pcm: bytes = field(repr=False)
    mark: int = 0


@frozen
class Interruption:
    """The caller barged in: the peer throws away every frame it has queued."""


@frozen
class Transcript:
    """A finished utterance, as AVR Core forwards it to its webhook."""

    role: Literal["user", "agent"]
    text: str = field(repr=False)


@frozen
class Failure:
    """What went wrong, in plain words; on the wire its type is ``error``."""

    message: str


@frozen
class Answer:
    """The call is answered: the caller, who has heard ringing, is through."""


@frozen
class HangUp:
    """The peer is to end its leg; what becomes of the caller is for the dialplan."""


ToCore = AgentAudio | Interruption | Transcript | Failure | Answer | HangUp


@frozen
class UnknownToCore:
    """A message type that our side of the wire does not have; a caller ignores it."""

    type: str
