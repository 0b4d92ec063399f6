"""Sounds that are found again in a phone's recording, and what is found of them."""

from functools import cache

import numpy as np
import numpy.typing as npt
import soxr  # pyright: ignore[reportMissingTypeStubs]
from attrs import frozen

from .phones import RATE_HZ, Samples

MODEL_HZ = 24_000
# What a narrow line carries, and a wide one.
NARROW_HZ, WIDE_HZ = (300, 3300), (300, 7000)
_PEAK = 12_000
_LOUD = 300
_PIECE, _AROUND = RATE_HZ // 100, RATE_HZ * 80 // 1000
# Two pieces of noise that have nothing to do with each other are alike by 0.5 at most.
HEARD = 0.7


@cache
def noise(ms: int, seed: int, band_hz: tuple[int, int] = NARROW_HZ) -> bytes:
    """Noise of a band that is like no other: PCM16LE at `MODEL_HZ`."""
    number = MODEL_HZ * ms // 1000
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(number))
    at_hz = np.fft.rfftfreq(number, 1 / MODEL_HZ)
    spectrum[(at_hz < band_hz[0]) | (at_hz > band_hz[1])] = 0
    samples = np.fft.irfft(spectrum, number)
    scaled = samples / float(np.abs(samples).max()) * _PEAK
    return bytes(scaled.astype("<i2").tobytes())


def for_phone(pcm: bytes, rate_hz: int = MODEL_HZ) -> Samples:
    """PCM16LE as the samples of a phone's recording."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    heard: Samples = soxr.resample(samples, rate_hz, RATE_HZ)
    return heard


@frozen
class Found:
    """Where a sound is in a recording.

    Attributes:
        at: The place of its first sample.
        likeness: The correlation there: 1 for the same up to loudness.
    """

    at: int
    likeness: float


def find(recording: Samples, sound: Samples) -> Found:
    """Where a sound is most likely to be."""
    size = 1 << (len(recording) + len(sound)).bit_length()
    product = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(sound, size))
    found = np.fft.irfft(product, size)[: max(1, len(recording) - len(sound) + 1)]
    at = int(np.argmax(found))
    return Found(at, alike(recording[at : at + len(sound)], sound))


def alike(one: Samples, other: Samples) -> float:
    """The correlation of two pieces; 0 if one is silent or short."""
    if len(one) != len(other):
        return 0.0
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / size if size > 0 else 0.0


def likeness(recording: Samples, sound: Samples, at: int, window: int) -> Samples:
    """The correlation of each window of a sound that begins at ``at`` in a recording."""
    whole = len(sound) // window
    return np.array(
        [
            alike(
                recording[at + n * window : at + (n + 1) * window],
                sound[n * window : (n + 1) * window],
            )
            for n in range(whole)
        ]
    )


def pieces(recording: Samples, sound: Samples, at: int) -> Samples:
    """The likeness of each 10 ms of a sound that should begin at ``at``.

    A phone plays a little later or sooner whenever packets were: each piece is looked for
    in 80 ms to either side.
    """
    number = len(sound) // _PIECE
    padded = np.pad(recording, (_AROUND, _AROUND + len(sound)))
    found = np.zeros(number)
    for n in range(number):
        piece = sound[n * _PIECE : (n + 1) * _PIECE]
        begins = at + n * _PIECE
        near = padded[max(0, begins) : begins + 2 * _AROUND + _PIECE]
        windows = np.lib.stride_tricks.sliding_window_view(near, _PIECE)
        sizes = np.linalg.norm(windows, axis=1) * np.linalg.norm(piece)
        found[n] = np.max(windows @ piece / np.maximum(sizes, 1e-9))
    return found


def loud(samples: Samples) -> npt.NDArray[np.intp]:
    """The places of the samples that can be heard."""
    return np.flatnonzero(np.abs(samples) > _LOUD)


def energy(samples: Samples, band_hz: tuple[int, int]) -> float:
    """How much of a recording's energy is in a band, of 1."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    at_hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    inside = (at_hz >= band_hz[0]) & (at_hz <= band_hz[1])
    return float(power[inside].sum() / max(power.sum(), 1e-9))
