"""Speech that can be counted: each word is a voice with a mark of its own in it.

The voice is what the relay's own detector takes for speech. The mark is a sine above
it, whose frequency says which word this is; whoever hears the audio can tell the words
that arrived, and in how many pieces.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.peers.voice import voice

Samples = NDArray[np.int16]

CALLER_HZ: Final = 8000
MODEL_HZ: Final = 24_000
FRAME_MS: Final = 20
WORD_MS: Final = 240
PAUSE_MS: Final = 60
# 14 words; neighbours are two bins of a frame's spectrum apart.
_FIRST_HZ, _APART_HZ, WORDS = 1950, 100, 14
_VOICE_PART, _MARK_PEAK = 0.5, 4500
# Of what is above the voice, so much is the mark's, or it is none.
_CLEAR: Final = 0.5
_ABOVE_VOICE_HZ, _HIGHEST_HZ = 1850, 3500
LOUD_RMS: Final = 500.0

# What the agent says, by its frequency at the caller's ear.
ANSWER_HZ, END_HZ, GREETING_HZ = 700, 1100, 900
_AGENT_PEAK: Final = 8000


@cache
def word(number: int) -> bytes:
    """A word and the pause behind it: PCM16LE at 8 kHz.

    Args:
        number: Which of `WORDS`.
    """
    spoken = np.frombuffer(voice(WORD_MS), dtype=np.int16) * _VOICE_PART
    mark = _sine(_FIRST_HZ + number * _APART_HZ, WORD_MS, CALLER_HZ, _MARK_PEAK)
    return _pcm(spoken + mark) + bytes(PAUSE_MS * CALLER_HZ // 1000 * 2)


@cache
def agent(hz: int, ms: int) -> bytes:
    """What the agent says: PCM16LE at 24 kHz."""
    return _pcm(_sine(hz, ms, MODEL_HZ, _AGENT_PEAK))


def words_in(pcm: bytes | bytearray, rate_hz: int) -> dict[int, int]:
    """How many milliseconds of which words there are in the audio."""
    found: dict[int, int] = {}
    for mark in marks_in(pcm, rate_hz):
        if mark is not None:
            found[mark] = found.get(mark, 0) + FRAME_MS
    return found


def marks_in(pcm: bytes | bytearray, rate_hz: int) -> Iterator[int | None]:
    """The word of each frame of 20 ms, or None."""
    for frame in _frames(pcm, rate_hz):
        yield mark_of(frame, rate_hz)


def mark_of(frame: Samples, rate_hz: int) -> int | None:
    """The word whose mark is in a frame of 20 ms, if one is."""
    if rms(frame) < LOUD_RMS:
        return None
    bins = np.abs(np.fft.rfft(frame * np.hanning(len(frame)))) ** 2
    hz_per_bin = rate_hz / len(frame)
    first, last = round(_ABOVE_VOICE_HZ / hz_per_bin), round(_HIGHEST_HZ / hz_per_bin)
    high = bins[first:last]
    peak = int(high.argmax())
    near = high[max(peak - 1, 0) : peak + 2]
    if near.sum() < _CLEAR * high.sum():
        return None
    # Between two bins: where the energy around the peak is centred.
    hz = float((near * np.arange(peak - 1, peak - 1 + len(near))).sum() / near.sum())
    number = round(((first + hz) * hz_per_bin - _FIRST_HZ) / _APART_HZ)
    return number if 0 <= number < WORDS else None


def pitch_hz(frame: Samples, rate_hz: int) -> float:
    """The frequency of a frame's strongest sine."""
    bins = np.abs(np.fft.rfft(frame * np.hanning(len(frame))))
    return float(bins.argmax()) * rate_hz / len(frame)


def rms(frame: Samples) -> float:
    """The level of a frame."""
    return float(np.sqrt(np.mean(frame.astype(np.float64) ** 2))) if len(frame) else 0.0


def _frames(pcm: bytes | bytearray, rate_hz: int) -> Iterator[Samples]:
    size = rate_hz * FRAME_MS // 1000
    samples = np.frombuffer(bytes(pcm[: len(pcm) // 2 * 2]), dtype=np.int16)
    for start in range(0, len(samples) - size + 1, size):
        yield samples[start : start + size]


def _sine(hz: int, ms: int, rate_hz: int, peak: float) -> NDArray[Any]:
    times = np.arange(ms * rate_hz // 1000) / rate_hz
    return peak * np.sin(2 * np.pi * hz * times)


def _pcm(samples: NDArray[Any]) -> bytes:
    return np.clip(np.round(samples), -32_768, 32_767).astype("<i2").tobytes()
