"""Utterances as callers say them: many voices, speeds and pitches, and noise below."""

from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice, product
from typing import Final

import numpy as np

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.audio.g711 import A_LAW, MU_LAW, Law
from trio_sts.embedded.speech.voice import AGENTS, CALLERS, say

from .noise import coloured, hum
from .sound import Maker, Piece, Sound, at_dbov, coded, rms, telephone_band, to_pcm

_SNR_DB: Final = 20.0
_LEAST_UTTERANCE_S: Final = 0.4
_AROUND_S: Final = 1.0
# A part of an utterance this far below its loudest is silence (for its begin and end).
_TRIM_DB: Final = 35.0
_BLOCK: Final = 80


# What the demo's caller says, and what people say to an agent on the telephone.
TEXTS: Final = (
    "what are your opening hours",
    "what is the weather like today",
    "tell me about your company",
    "what is your address",
    "thank you goodbye",
    "hello",
    "yes please",
    "no thank you",
    "six",
    "yes",
    "operator",
    "are you still there",
    "my number is four seven one one",
    "I would like to speak to somebody please",
    "just a moment",
    "that is correct",
    "Thursday at half past three",
    "can you repeat that",
    "excuse me",
    "stop",
)
SPEEDS: Final = (0.8, 1.0, 1.3)
# Played back at another rate: pitch and formants change together, as between people.
PITCHES: Final = (0.88, 1.0, 1.12, 1.25)
LANGUAGES: Final = {
    "de": ("guten Tag", "ich möchte einen Termin vereinbaren", "nein danke"),
    "fr": ("bonjour", "je voudrais prendre rendez-vous", "non merci"),
    "es": ("buenos días", "quisiera hacer una reserva", "muchas gracias"),
}


@cache
def babble(samples: int) -> Sound:
    """Seven people at once."""
    rng = np.random.default_rng(77)
    voices = [*CALLERS, "en-us+m3", "en-us+f3"]
    total = np.zeros(samples)
    for number, voice in enumerate(voices):
        long = " and ".join(rng.permutation(np.array(TEXTS)).tolist())
        one = spoken(long, voice, 1.0 + 0.05 * number, 1.0)
        total += at_dbov(np.resize(one, samples), -20)
    return total / rms(total)


NOISES: Final[dict[str, Maker]] = {
    "white": lambda rng, n: coloured(rng, n, 0),
    "pink": lambda rng, n: coloured(rng, n, 3),
    "brown": lambda rng, n: coloured(rng, n, 6),
    "hum": lambda rng, n: at_dbov(hum(rng, n), 0) + 0.5 * coloured(rng, n, 3),
    "babble": lambda rng, n: np.roll(
        babble(10 * SAMPLE_RATE_HZ), int(rng.integers(80_000))
    )[:n],
}


def spoken(text: str, voice: str, speed: float, pitch: float) -> Sound:
    """One voice, without noise, at espeak-ng's own level."""
    speech = say(text, voice=voice, rate_hz=SAMPLE_RATE_HZ, speed=speed)
    sound: Sound = np.frombuffer(speech.pcm, "<i2") / 32768
    if pitch == 1:
        return sound
    at = np.arange(0, len(sound) - 1, pitch)
    # Cubic would be finer; what linear adds is 30 dB down.
    shifted: Sound = np.interp(at, np.arange(len(sound)), sound)
    return shifted


def trimmed(sound: Sound) -> Sound:
    """Without the silence at both ends."""
    blocks = sound[: len(sound) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    level = np.sqrt(np.mean(blocks**2, axis=1))
    loud = np.flatnonzero(level > level.max() * 10 ** (-_TRIM_DB / 20))
    return sound[loud[0] * _BLOCK : (loud[-1] + 1) * _BLOCK]


def utterance(
    rng: np.random.Generator,
    kind: str,
    speech: Sound,
    noise: Maker,
    *,
    level_dbov: float,
    snr_db: float = _SNR_DB,
    band: bool = False,
    law: Law | None = None,
) -> Piece:
    """Speech with noise below it, and a second of the noise before and after."""
    around = int(_AROUND_S * SAMPLE_RATE_HZ)
    speech = at_dbov(speech, level_dbov)
    sound = at_dbov(noise(rng, len(speech) + 2 * around), level_dbov - snr_db)
    sound[around : around + len(speech)] += speech
    pcm = to_pcm(telephone_band(sound) if band else sound)
    begin_ms = around / SAMPLE_RATE_HZ * 1000
    end_ms = begin_ms + len(speech) / SAMPLE_RATE_HZ * 1000
    return Piece(kind, coded(pcm, law) if law else pcm, (begin_ms, end_ms))


def utterances(count: int, *, seed: int = 1) -> Iterator[Piece]:
    """Utterances of 400 ms and more: all noises, voices, speeds, pitches and codecs."""
    rng = np.random.default_rng(seed)
    voices = [
        *CALLERS,
        *CALLERS,
        *AGENTS.values(),
        "en-us+m3",
        "en-gb-scotland",
        "en-us",
    ]
    chosen: list[tuple[str, str]] = list(product(TEXTS, voices))
    chosen += [(text, v) for v, texts in LANGUAGES.items() for text in texts * 3]
    order: list[int] = rng.permutation(len(chosen)).tolist()

    def spoken_now() -> Iterator[Sound]:
        for text, voice in (chosen[index] for index in cycle(order)):
            speed, pitch = float(rng.choice(SPEEDS)), float(rng.choice(PITCHES))
            speech = trimmed(spoken(text, voice, speed, pitch))
            if len(speech) >= _LEAST_UTTERANCE_S * SAMPLE_RATE_HZ:
                yield speech

    for name, speech in islice(zip(cycle(NOISES), spoken_now()), count):
        yield utterance(
            rng,
            f"speech in {name}",
            speech,
            NOISES[name],
            level_dbov=float(rng.uniform(-32, -16)),
            band=bool(rng.integers(2)),
            law=(None, MU_LAW, A_LAW)[int(rng.integers(3))],
        )
