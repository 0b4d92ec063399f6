"""Cases of which nothing is demanded: what is hard for a detector."""

from collections.abc import Iterator
from itertools import cycle, islice
from typing import Final

import numpy as np
from attrs import frozen

from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.embedded.speech.voice import CALLERS

from .music import MUSIC
from .noise import coloured
from .nospeech import PIECE_SAMPLES
from .sound import Maker, Piece, at_dbov, to_pcm
from .spoken import NOISES, TEXTS, babble, spoken, trimmed, utterance
from .tones import OTHER_TONES, RINGBACK, dtmf, tone


@frozen
class _Speaker:
    kind: str
    level_dbov: float = -26
    voices: tuple[str, ...] = CALLERS
    pitch: float = 1
    snr_db: float = 20


_SPEAKERS: Final = (
    *(_Speaker(f"speech, {level} dBov", level) for level in (-36, -40, -45)),
    *(_Speaker(f"speech, {snr} dB over noise", snr_db=snr) for snr in (15, 10, 5)),
    _Speaker("whispering", voices=("en-us+whisper",)),
    _Speaker("child (pitch * 1.5)", voices=("en-us+f2",), pitch=1.5),
    _Speaker("low voice (pitch * 0.75)", voices=("en-us+m7",), pitch=0.75),
    _Speaker("croaking", voices=("en-us+croak",)),
)


def hard_cases(*, seed: int = 3, count: int = 40) -> Iterator[Piece]:
    """Quiet, odd and far speech, babble, tones in noise, loud music."""
    rng = np.random.default_rng(seed)
    for speaker in _SPEAKERS:
        yield from _utterances(rng, speaker, count)
    for level_dbov in (-40, -26):
        for number in range(count // 4):
            part = np.roll(babble(10 * SAMPLE_RATE_HZ), number * 7_919)
            part = at_dbov(part[:PIECE_SAMPLES], level_dbov)
            yield Piece(f"babble, {level_dbov} dBov", to_pcm(part))
    for snr_db in (20, 15):
        yield from _noisy_tones(rng, snr_db)
        yield from _pieces(rng, f"DTMF, {snr_db} dB over noise", dtmf, -20, snr_db)
    for level_dbov in (-36, -30, -20):
        for name, make in MUSIC.items():
            yield from _pieces(rng, f"{name}, {level_dbov} dBov", make, level_dbov)


def _utterances(
    rng: np.random.Generator, speaker: _Speaker, count: int
) -> Iterator[Piece]:
    for text, voice in islice(zip(cycle(TEXTS), cycle(speaker.voices)), count):
        yield utterance(
            rng,
            speaker.kind,
            trimmed(spoken(text, voice, 1.0, speaker.pitch)),
            NOISES["pink"],
            level_dbov=speaker.level_dbov,
            snr_db=speaker.snr_db,
            band=bool(rng.integers(2)),
        )


def _noisy_tones(rng: np.random.Generator, snr_db: float) -> Iterator[Piece]:
    for cadence in (*RINGBACK.values(), *OTHER_TONES.values()):
        level_dbov = float(rng.uniform(-30, -13))
        sound = at_dbov(tone(rng, cadence, PIECE_SAMPLES), level_dbov)
        sound += at_dbov(coloured(rng, PIECE_SAMPLES, 3), level_dbov - snr_db)
        yield Piece(f"tones, {snr_db} dB over noise", to_pcm(sound))


def _pieces(
    rng: np.random.Generator,
    kind: str,
    maker: Maker,
    level_dbov: float,
    snr_db: float = 40,
) -> Iterator[Piece]:
    for _ in range(8):
        sound = at_dbov(maker(rng, PIECE_SAMPLES), level_dbov)
        sound += at_dbov(coloured(rng, PIECE_SAMPLES, 3), level_dbov - snr_db)
        yield Piece(kind, to_pcm(sound))
