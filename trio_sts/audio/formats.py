"""Between caller-side PCM and the audio formats of the model leg.

Formats are named as in the settings: ``pcm`` is PCM16LE at 24 kHz, ``pcmu`` and
``pcma`` are G.711 mu-law and A-law at 8 kHz. The caller side is PCM16LE at the line's
rate: 8, 16 or 24 kHz. Where both rates are the same, nothing is resampled.
"""

from collections.abc import Callable
from typing import Final, Literal, Protocol

from attrs import define, frozen

from .framing import SAMPLE_BYTES, SAMPLE_RATE_HZ
from .g711 import A_LAW, MU_LAW, Law
from .resample import Resampler, resampler

AudioFormat = Literal["pcm", "pcmu", "pcma"]

# A sample is two bytes of PCM, one of G.711.
CALLER_MS_PER_BYTE: Final = 1 / 16
_MS_PER_BYTE: Final[dict[AudioFormat, float]] = {
    "pcm": 1 / 48,
    "pcmu": 1 / 8,
    "pcma": 1 / 8,
}
_PCM_RATE_HZ: Final = 24_000
_G711_RATE_HZ: Final = 8_000


class Encoder(Protocol):
    """The caller's voice for the model, one continuous stream."""

    def encode(self, pcm: bytes, /) -> bytes:
        """Convert whole samples of PCM16LE at the caller's rate.

        Of frames of 20 ms nothing is held back, nor of anything at 8 kHz; else up to two
        samples.
        """
        ...


class Decoder(Protocol):
    """The agent's voice for the caller, one stream for each item."""

    def decode(self, model_bytes: bytes, /) -> bytes:
        """Convert any number of bytes; what fills no sample is kept for the next call.

        Returns:
            PCM16LE at the caller's rate: whole samples, as many as last the same time.
        """
        ...

    def flush(self) -> bytes:
        """End the item.

        Returns:
            Its last sound, at most 3.75 ms, which where something is resampled come on
            top of the item's own length. The next ``decode`` begins a new item.
        """
        ...


@frozen
class _Encoder:
    encode: Callable[[bytes], bytes]


@frozen
class _Decoder:
    decode: Callable[[bytes], bytes]
    flush: Callable[[], bytes]


def _unchanged(pcm: bytes) -> bytes:
    return pcm


def _no_tail() -> bytes:
    return b""


@define
class _SamePcm:
    """24 kHz on both sides."""

    _odd: bytes = b""

    def decode(self, model_bytes: bytes, /) -> bytes:
        if self._odd:
            model_bytes = self._odd + model_bytes
            self._odd = b""
        if len(model_bytes) % SAMPLE_BYTES:
            self._odd = model_bytes[-1:]
            return model_bytes[:-1]
        return model_bytes

    def flush(self) -> bytes:
        self._odd = b""
        return b""


@frozen
class _ToG711:
    """From a caller at a higher rate."""

    _law: Law
    _resampler: Resampler

    def encode(self, pcm: bytes, /) -> bytes:
        return self._law.encode(self._resampler.push(pcm))


@frozen
class _FromG711:
    """To a caller at a higher rate."""

    _law: Law
    _resampler: Resampler

    def decode(self, model_bytes: bytes, /) -> bytes:
        return self._resampler.push(self._law.decode(model_bytes))

    def flush(self) -> bytes:
        return self._resampler.flush()


def ms_per_byte(audio_format: AudioFormat) -> float:
    """The duration of a byte of the model's audio, in ms."""
    return _MS_PER_BYTE[audio_format]


_LAWS: Final = {"pcmu": MU_LAW, "pcma": A_LAW}
# At 8 kHz on both sides: a stream of G.711 has no memory, so one is enough for all.
_ENCODERS: Final = {name: _Encoder(law.encode) for name, law in _LAWS.items()}
_DECODERS: Final = {name: _Decoder(law.decode, _no_tail) for name, law in _LAWS.items()}


def encoder(audio_format: AudioFormat, caller_rate_hz: int = SAMPLE_RATE_HZ) -> Encoder:
    """An encoder for one call.

    The first one that resamples builds its filter, up to half a millisecond.

    Raises:
        ValueError: The caller's rate is none of 8, 16 and 24 kHz.
    """
    if audio_format == "pcm":
        if caller_rate_hz == _PCM_RATE_HZ:
            return _Encoder(_unchanged)
        return _Encoder(resampler(caller_rate_hz, _PCM_RATE_HZ).push)
    if caller_rate_hz == _G711_RATE_HZ:
        return _ENCODERS[audio_format]
    narrowing = resampler(caller_rate_hz, _G711_RATE_HZ)
    return _ToG711(_LAWS[audio_format], narrowing)


def decoder(audio_format: AudioFormat, caller_rate_hz: int = SAMPLE_RATE_HZ) -> Decoder:
    """A decoder for one item; otherwise as for `encoder`."""
    if audio_format == "pcm":
        if caller_rate_hz == _PCM_RATE_HZ:
            return _SamePcm()
        stream = resampler(_PCM_RATE_HZ, caller_rate_hz)
        return _Decoder(stream.push, stream.flush)
    if caller_rate_hz == _G711_RATE_HZ:
        return _DECODERS[audio_format]
    return _FromG711(_LAWS[audio_format], resampler(_G711_RATE_HZ, caller_rate_hz))
