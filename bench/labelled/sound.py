"""Pieces, and what all of them need: levels, rounding, lines.

Sound is 8 kHz, mono, float with full scale 1. Levels are RMS in dBov: 0 dBov is a square
wave at full scale (ITU-T G.100.1), a sine at full scale is -3 dBov.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from attrs import frozen

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.audio.g711 import Law

Sound = npt.NDArray[np.float64]
# Makes so many samples.
Maker = Callable[[np.random.Generator, int], Sound]


@frozen
class Piece:
    """Some seconds of a call.

    Attributes:
        kind: Its class in the table of results.
        pcm: PCM16LE, 8 kHz, mono.
        speech_ms: Where somebody speaks, begin and end; None where nobody does.
    """

    kind: str
    pcm: bytes
    speech_ms: tuple[float, float] | None = None

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / (2 * SAMPLE_RATE_HZ)


def rms(sound: Sound) -> float:
    """Root mean square; never zero."""
    return float(np.sqrt(np.mean(sound**2))) + 1e-12


def at_dbov(sound: Sound, level_dbov: float) -> Sound:
    """The same sound at another level."""
    return sound * (10 ** (level_dbov / 20) / rms(sound))


def to_pcm(sound: Sound) -> bytes:
    """Round to PCM16LE, clipped."""
    return np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes()


def coded(pcm: bytes, law: Law) -> bytes:
    """What a G.711 line makes of it."""
    return law.decode(law.encode(pcm))


def telephone_band(sound: Sound) -> Sound:
    """From 300 to 3400 Hz, a tenth of it 20 dB down on each side."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    low = 1 / (1 + (300 / np.maximum(hz, 1)) ** 8)
    high = 1 / (1 + (hz / 3400) ** 20)
    return np.fft.irfft(spectrum * np.sqrt(low * high), len(sound))
