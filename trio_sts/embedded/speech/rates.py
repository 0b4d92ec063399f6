"""Resampling of whole sentences: exact in length, by the discrete Fourier transform."""

import numpy as np
from numpy.typing import NDArray

# Silence on both sides: the transform takes a sentence for a loop, and its ends ring.
_MARGIN_S = 0.02


def resample(
    samples: NDArray[np.float64], from_hz: int, to_hz: int
) -> NDArray[np.float64]:
    """Change the rate of a whole recording, without delay, by cutting its spectrum.

    Returns:
        As many samples at ``to_hz`` as last the same time, rounded to a whole one.
    """
    if from_hz == to_hz or not len(samples):
        return samples
    margin = int(_MARGIN_S * from_hz)
    padded = np.pad(samples, (margin, margin))
    wanted = round(len(padded) * to_hz / from_hz)
    spectrum = np.fft.rfft(padded)
    kept = np.zeros(wanted // 2 + 1, dtype=np.complex128)
    bins = min(len(spectrum), len(kept))
    kept[:bins] = spectrum[:bins]
    result = np.fft.irfft(kept, wanted) * (wanted / len(padded))
    first = round(_MARGIN_S * to_hz)
    return result[first : first + round(len(samples) * to_hz / from_hz)]


def to_pcm(samples: NDArray[np.float64]) -> bytes:
    """PCM16LE of samples; what is too loud is clipped."""
    return np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes()


def from_pcm(pcm: bytes) -> NDArray[np.float64]:
    """Samples of PCM16LE; an odd last byte is left out."""
    whole = len(pcm) // 2 * 2
    return np.frombuffer(pcm[:whole], dtype="<i2").astype(np.float64)
