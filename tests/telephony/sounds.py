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
_PIECE, _AROUND = RATE_HZ // 100, RATE_HZ * 120 // 1000
# Two pieces of noise that have nothing to do with each other are alike by 0.5 at most.
_THERE = 0.7
# What a phone lets through at least: it stretches some pieces when packets come late.
WHOLE, NOTHING = 0.7, 0.2


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


def pcm_for_phone(pcm: bytes) -> bytes:
    """PCM16LE of the model's rate as PCM16LE of the phone's."""
    return bytes(for_phone(pcm).astype("<i2").tobytes())


@frozen
class Heard:
    """What a recording has of a sound.

    Attributes:
        at: The place of its first sample.
        pieces: Which of its pieces of 10 ms are there.
    """

    at: int
    pieces: npt.NDArray[np.bool_]

    @property
    def part(self) -> float:
        """How much of it is there, of 1."""
        return float(self.pieces.mean())


def find(recording: Samples, sound: Samples) -> int:
    """Where a sound is most likely to begin."""
    size = 1 << (len(recording) + len(sound)).bit_length()
    product = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(sound, size))
    found = np.fft.irfft(product, size)[: max(1, len(recording) - len(sound) + 1)]
    return int(np.argmax(found))


def hear(recording: Samples, sound: Samples, by: slice | None = None) -> Heard:
    """Find a sound by a part of it, its middle if not given, and see what is there."""
    middle = slice(len(sound) // 4, len(sound) * 3 // 4)
    by = by or middle
    at = find(recording, sound[by]) - by.start
    return Heard(at, _likeness(recording, sound, at) > _THERE)


def _likeness(recording: Samples, sound: Samples, at: int) -> Samples:
    """The likeness of each 10 ms of a sound that should begin at ``at``.

    A phone plays a little later or sooner whenever packets were: each piece is looked for
    in 120 ms to either side.
    """
    number = len(sound) // _PIECE
    margin = 2 * len(sound) + 3 * _AROUND
    padded = np.pad(recording, margin)
    found = np.zeros(number)
    for n in range(number):
        piece = sound[n * _PIECE : (n + 1) * _PIECE]
        begins = margin + at + n * _PIECE
        near = padded[begins - _AROUND : begins + _AROUND + _PIECE]
        products = np.correlate(near, piece, "valid")
        energies = np.cumsum(np.concatenate([[0.0], near**2]))
        sizes = np.sqrt(energies[_PIECE:] - energies[:-_PIECE]) * np.linalg.norm(piece)
        found[n] = np.max(products / np.maximum(sizes, 1e-9))
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
