"""What a line carries while nobody speaks."""

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import Final

import numpy as np

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.audio.g711 import A_LAW, MU_LAW

from .music import MUSIC
from .noise import clicks, coloured, comfort_noise, hum, level_jumps, with_line_noise
from .sound import Maker, Piece, Sound, at_dbov, coded, to_pcm
from .tones import OTHER_TONES, RINGBACK, dtmf, information_tone, tone

PIECE_SAMPLES: Final = 6 * SAMPLE_RATE_HZ
_ROUNDS: Final = 6


def non_speech(seconds: float = 600, *, seed: int = 2) -> Iterator[Piece]:
    """Pieces of 6 s of every class in turn, a third of them as they are, mu-law, A-law."""
    rng = np.random.default_rng(seed)
    laws = cycle((None, MU_LAW, A_LAW))
    for (kind, make), law in zip(cycle(_makers()), laws):
        if seconds <= 0:
            return
        pcm = to_pcm(make(rng, PIECE_SAMPLES))
        yield Piece(kind, coded(pcm, law) if law else pcm)
        seconds -= PIECE_SAMPLES / SAMPLE_RATE_HZ


def _makers() -> list[tuple[str, Maker]]:
    makers = [("ringback", _signal(partial(_tone, name))) for name in RINGBACK]
    makers += [("other tones", _signal(partial(_tone, name))) for name in OTHER_TONES]
    makers += [("other tones", _signal(information_tone)), ("silence", _silence)]
    return makers + _one_round() * _ROUNDS


def _one_round() -> list[tuple[str, Maker]]:
    makers = [("line noise", _line_noise(slope_db)) for slope_db in (0, 3, 6)]
    makers += [("hum", _at(partial(hum, mains_hz=hz), (-50, -25))) for hz in (50, 60)]
    makers += [("comfort noise", comfort_noise)] * 2
    makers += [("noise floor +20 dB", level_jumps)]
    makers += [("DTMF", _signal(dtmf)), ("clicks", _at(clicks, (-40, -30)))]
    makers += [("music, -40 dBov", _at(make, (-40, -40))) for make in MUSIC.values()]
    return makers


def _tone(name: str, rng: np.random.Generator, samples: int) -> Sound:
    return tone(rng, (RINGBACK | OTHER_TONES)[name], samples)


def _silence(rng: np.random.Generator, samples: int) -> Sound:  # noqa: ARG001 - a Maker
    return np.zeros(samples)


def _line_noise(slope_db: float) -> Maker:
    def make(rng: np.random.Generator, samples: int) -> Sound:
        return at_dbov(coloured(rng, samples, slope_db), float(rng.uniform(-65, -35)))

    return make


def _signal(maker: Maker) -> Maker:
    """At the usual levels of signals."""
    return _at(maker, (-30, -13))


def _at(maker: Maker, level_dbov: tuple[float, float]) -> Maker:
    """At a level of this range, with the noise of a line."""

    def make(rng: np.random.Generator, samples: int) -> Sound:
        sound = at_dbov(maker(rng, samples), float(rng.uniform(*level_dbov)))
        return with_line_noise(rng, sound, float(rng.uniform(-70, -50)))

    return make
