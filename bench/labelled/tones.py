"""Tones of the network and of keys."""

from typing import Final

import numpy as np
from attrs import frozen

from trio_sts.audio.framing import SAMPLE_RATE_HZ

from .sound import Sound


@frozen
class Cadence:
    """A tone of the network: its frequencies, and on and off in seconds."""

    hz: tuple[float, ...]
    on_off_s: tuple[float, ...]


# ITU-T E.180, supplement 2: various tones used in national networks.
RINGBACK: Final = {
    "US": Cadence((440, 480), (2, 4)),
    "UK": Cadence((400, 450), (0.4, 0.2, 0.4, 2)),
    "DE": Cadence((425,), (1, 4)),
    "FR": Cadence((440,), (1.5, 3.5)),
    "ES": Cadence((425,), (1.5, 3)),
    "IT": Cadence((425,), (1, 4)),
    "JP": Cadence((384, 400, 416), (1, 2)),
    "AU": Cadence((375, 400, 425), (0.4, 0.2, 0.4, 2)),
    "IN": Cadence((375, 400, 425), (0.4, 0.2, 0.4, 2)),
    "BR": Cadence((425,), (1, 4)),
    "RU": Cadence((425,), (0.8, 3.2)),
    "CN": Cadence((450,), (1, 4)),
    "ZA": Cadence((383, 400, 417), (0.4, 0.2, 0.4, 2)),
}
OTHER_TONES: Final = {
    "dial US": Cadence((350, 440), (5, 0.2)),
    "dial DE": Cadence((425,), (5, 0.1)),
    "dial UK": Cadence((350, 450), (5, 0.1)),
    "dial FR": Cadence((440,), (5, 0.1)),
    "busy US": Cadence((480, 620), (0.5, 0.5)),
    "busy DE": Cadence((425,), (0.48, 0.48)),
    "busy UK": Cadence((400,), (0.375, 0.375)),
    "congestion US": Cadence((480, 620), (0.25, 0.25)),
    "congestion UK": Cadence((400,), (0.4, 0.35, 0.225, 0.525)),
    "call waiting": Cadence((440,), (0.3, 3)),
    "howler": Cadence((1400, 2060, 2450, 2600), (0.1, 0.1)),
    "answering machine": Cadence((1000,), (0.3, 2)),
    "fax CNG": Cadence((1100,), (0.5, 3)),
    "fax CED": Cadence((2100,), (3, 1)),
}


def tone(rng: np.random.Generator, cadence: Cadence, samples: int) -> Sound:
    """The tone with its cadence, begun somewhere in it."""
    t = np.arange(samples) / SAMPLE_RATE_HZ
    waves = [np.sin(2 * np.pi * hz * t + rng.uniform(0, 7)) for hz in cadence.hz]
    edges = np.cumsum(cadence.on_off_s)
    period_s = sum(cadence.on_off_s)
    at = np.mod(t + float(rng.uniform(0, period_s)), period_s)
    on = np.searchsorted(edges, at, side="right") % 2 == 0
    sound: Sound = sum(waves, np.zeros(samples)) * on
    return sound


def information_tone(rng: np.random.Generator, samples: int) -> Sound:
    """The special information tone: three tones of 330 ms, then a second of silence."""
    t = np.arange(samples) / SAMPLE_RATE_HZ + rng.uniform(0, 2)
    hz = np.array([950, 1400, 1800, 0, 0, 0])[(t / 0.33).astype(int) % 6]
    sound: Sound = np.sin(2 * np.pi * hz * t) * (hz > 0)
    return sound


def dtmf(rng: np.random.Generator, samples: int) -> Sound:
    """Digits of 50 to 150 ms with pauses of the same kind (ITU-T Q.23)."""
    sound = np.zeros(samples)
    at = 0
    while at < samples:
        length = int(rng.uniform(0.05, 0.15) * SAMPLE_RATE_HZ)
        t = np.arange(min(length, samples - at)) / SAMPLE_RATE_HZ
        low, high = (
            rng.choice([697, 770, 852, 941]),
            rng.choice([1209, 1336, 1477, 1633]),
        )
        twist = 10 ** (rng.uniform(-4, 4) / 20)
        sound[at : at + len(t)] = np.sin(2 * np.pi * low * t) + twist * np.sin(
            2 * np.pi * high * t
        )
        at += length + int(rng.uniform(0.04, 0.3) * SAMPLE_RATE_HZ)
    return sound
