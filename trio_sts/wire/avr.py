"""The messages between AVR Core and an STS service.

Audio is PCM16LE, 8000 Hz, mono; a frame is 20 ms, 160 samples, 320 bytes.
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


DTMF_DIGITS = frozenset("0123456789*#ABCD")

FromCore = Init | CallerAudio | DtmfDigit | UnknownFromCore


@frozen
class AgentAudio:
    """The agent's voice: whole frames of 320 bytes, one WebSocket message per frame."""

    pcm: bytes = field(repr=False)


@frozen
class Interruption:
    """The caller barged in: AVR Core throws away every frame it has queued."""


@frozen
class Transcript:
    """A finished utterance, as AVR Core forwards it to its webhook."""

    role: Literal["user", "agent"]
    text: str = field(repr=False)


@frozen
class Failure:
    """What went wrong, in plain words; on the wire its type is ``error``."""

    message: str


ToCore = AgentAudio | Interruption | Transcript | Failure


@frozen
class UnknownToCore:
    """A message type that our side of the wire does not have; a caller ignores it."""

    type: str
