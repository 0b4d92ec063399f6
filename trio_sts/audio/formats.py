"""Between caller-side PCM and the audio formats of the model leg.

Formats are named as in the settings: ``pcm`` is PCM16LE at 24 kHz, ``pcmu`` and
``pcma`` are G.711 mu-law and A-law at 8 kHz, which cost no resampling. The caller side is
PCM16LE at 8 kHz always.
"""

from collections.abc import Callable
from typing import Final, Literal, Protocol

from attrs import define, frozen

from .g711 import A_LAW, MU_LAW, Law
from .resample import Resampler, downsampler, upsampler

AudioFormat = Literal["pcm", "pcmu", "pcma"]

# A sample is two bytes of PCM, one of G.711.
CALLER_MS_PER_BYTE: Final = 1 / 16
_MS_PER_BYTE: Final[dict[AudioFormat, float]] = {
    "pcm": 1 / 48,
    "pcmu": 1 / 8,
    "pcma": 1 / 8,
}


class Encoder(Protocol):
    """The caller's voice for the model, one continuous stream."""

    def encode(self, pcm8k: bytes, /) -> bytes:
        """Convert whole samples of PCM16LE, 8 kHz; nothing is held back."""
        ...


class Decoder(Protocol):
    """The agent's voice for the caller, one stream for each item."""

    def decode(self, model_bytes: bytes) -> bytes:
        """Convert any number of bytes; an odd one is kept for the next call.

        Returns:
            PCM16LE, 8 kHz: whole samples, for ``pcm`` a third as many as came in.
        """
        ...

    def flush(self) -> bytes:
        """End the item.

        Returns:
            Its last sound, at most 3.75 ms, which for ``pcm`` come on top of the
            item's own length. The next ``decode`` begins a new item.
        """
        ...


@frozen
class _PcmEncoder:
    encode: Callable[[bytes], bytes]


@define
class _PcmDecoder:
    _down: Resampler

    def decode(self, model_bytes: bytes) -> bytes:
        return self._down.push(model_bytes)

    def flush(self) -> bytes:
        return self._down.flush()


@frozen
class _G711:
    """Both ways: without memory, a stream has no state and no tail."""

    _law: Law

    def encode(self, pcm8k: bytes) -> bytes:
        return self._law.encode(pcm8k)

    def decode(self, model_bytes: bytes) -> bytes:
        return self._law.decode(model_bytes)

    def flush(self) -> bytes:
        return b""


def ms_per_byte(audio_format: AudioFormat) -> float:
    """The duration of a byte of the model's audio, in ms."""
    return _MS_PER_BYTE[audio_format]


_G711_FORMATS: Final = {"pcmu": _G711(MU_LAW), "pcma": _G711(A_LAW)}


def encoder(audio_format: AudioFormat) -> Encoder:
    """An encoder for one call.

    The first one for ``pcm`` builds the filter, some milliseconds: make one when the
    process starts.
    """
    if audio_format == "pcm":
        return _PcmEncoder(upsampler().push)
    return _G711_FORMATS[audio_format]


def decoder(audio_format: AudioFormat) -> Decoder:
    """A decoder for one item; as for ``encoder``, the first for ``pcm`` takes longer."""
    if audio_format == "pcm":
        return _PcmDecoder(downsampler())
    return _G711_FORMATS[audio_format]
