"""Music on hold, synthesised: instruments, chords, drums, and all of them."""

from typing import Final

import numpy as np

from trio_sts.audio.framing import SAMPLE_RATE_HZ

from .noise import coloured
from .sound import Maker, Sound, at_dbov

_HIGHEST_HZ: Final = 3_800
_SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
_CHORDS: Final = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14), (2, 5, 9))


def _note(
    rng: np.random.Generator,
    hz: float,
    samples: int,
    harmonics: Sound,
    *,
    decay_s: float,
    vibrato: float = 0.0,
) -> Sound:
    t = np.arange(samples) / SAMPLE_RATE_HZ
    sway = vibrato * np.sin(2 * np.pi * 5.5 * t + rng.uniform(0, 7))
    phase = 2 * np.pi * np.cumsum(hz * (1 + sway)) / SAMPLE_RATE_HZ
    sound = np.zeros(samples)
    for n, part in enumerate(harmonics, 1):
        if n * hz < _HIGHEST_HZ:
            sound += part * np.sin(n * phase + rng.uniform(0, 7))
    rise = np.minimum(1, t / 0.01)
    fall = np.minimum(1, (samples / SAMPLE_RATE_HZ - t) / 0.02)
    return sound * rise * fall * np.exp(-t / decay_s)


def _hz(semitones: float) -> float:
    return float(220 * 2 ** (semitones / 12))


def melody(
    rng: np.random.Generator,
    samples: int,
    *,
    vibrato: float = 0.0,
    decay_s: float = 2.0,
) -> Sound:
    """One voice of an instrument: notes of 120 to 600 ms."""
    sound, at, degree = np.zeros(samples), 0, 7
    harmonics = rng.uniform(0.1, 1, 8) / np.arange(1, 9)
    while at < samples:
        length = min(
            int(rng.choice([0.12, 0.2, 0.3, 0.6]) * SAMPLE_RATE_HZ), samples - at
        )
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, 14))
        hz = _hz(_SCALE[degree % 7] + 12 * (degree // 7))
        sound[at : at + length] += _note(
            rng, hz, length, harmonics, decay_s=decay_s, vibrato=vibrato
        )
        at += length
    return sound


def pads(rng: np.random.Generator, samples: int) -> Sound:
    """Long chords of strings with vibrato."""
    sound, at = np.zeros(samples), 0
    harmonics = 1 / np.arange(1, 11)
    while at < samples:
        length = min(int(rng.choice([1.0, 2.0]) * SAMPLE_RATE_HZ), samples - at)
        for step in _CHORDS[int(rng.integers(len(_CHORDS)))]:
            sound[at : at + length] += _note(
                rng, _hz(step), length, harmonics, decay_s=9, vibrato=0.004
            )
        at += length
    return sound


def drums(rng: np.random.Generator, samples: int) -> Sound:
    """Bass drum, snare and hi-hat at 100 beats a minute."""
    sound = np.zeros(samples)
    for beat, at in enumerate(range(0, samples - 2400, 2400)):
        t = np.arange(2400) / SAMPLE_RATE_HZ
        hat = coloured(rng, 2400, -6) * np.exp(-t / 0.02) * 0.1
        if beat % 2 == 0:
            hat += np.sin(2 * np.pi * (55 * t + 3 * (1 - np.exp(-t / 0.03)))) * np.exp(
                -t / 0.1
            )
        else:
            hat += coloured(rng, 2400, 1) * np.exp(-t / 0.06) * 0.5
        sound[at : at + 2400] += hat
    return sound


def band(rng: np.random.Generator, samples: int) -> Sound:
    """Melody, chords, bass and drums."""
    bass = melody(rng, samples, decay_s=0.4)
    slow = np.interp(np.arange(samples) / 2, np.arange(samples), bass)
    parts = (melody(rng, samples), pads(rng, samples), slow, drums(rng, samples))
    return sum((at_dbov(part, -20) for part in parts), np.zeros(samples))


MUSIC: Final[dict[str, Maker]] = {
    "melody": melody,
    "piano": lambda rng, n: melody(rng, n, decay_s=0.25),
    "violin": lambda rng, n: melody(rng, n, vibrato=0.01),
    "pads": pads,
    "band": band,
    "drums": drums,
}
