"""What machines that listen make of speech: its words, and whether it is any."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np

from trio_sts.audio.framing import FRAME_BYTES, SAMPLE_RATE_HZ
from trio_sts.embedded.brain.grammar import build, sentences
from trio_sts.embedded.brain.numbers import DIGITS
from trio_sts.embedded.speech.extras import require
from trio_sts.embedded.speech.rates import from_pcm
from trio_sts.embedded.speech.recogniser import recogniser
from trio_sts.embedded.speech.voice import speak

from .distortion import Samples

_NUMBERS: Final = 9
_DIGITS_EACH: Final = 4
# An odd number, so that each says sentences and numbers. Others of espeak-ng's breathe,
# differently in each process, or have peaks that clip at a telephone's levels.
VOICES: Final = ("en-us+f1", "en-us+m1", "en-us", "en-us+m4", "en-us+m3")
_PAUSE_MS: Final = 300
# What the embedded model's turn detection has at threshold 0.5.
_VAD_MODE: Final = 1


def utterances() -> tuple[str, ...]:
    """Sentences that the embedded model understands, every second one with a number.

    Numbers are the harder half: nothing in a sentence tells what digit comes next.
    """
    drawn = np.random.default_rng(0).integers(0, 10, (_NUMBERS, _DIGITS_EACH))
    rows: list[list[int]] = drawn.tolist()
    numbers = [" ".join(DIGITS[digit] for digit in row) for row in rows]
    known = sentences()[::2]
    return tuple(
        text
        for pair in zip(known, (f"my number is {n}" for n in numbers), strict=False)
        for text in pair
    )


def spoken(texts: Sequence[str], rate_hz: int = SAMPLE_RATE_HZ) -> Iterator[Samples]:
    """Each text, by several callers in turn, between two pauses of 300 ms."""
    for text, voice in zip(texts, cycle(VOICES), strict=False):
        pcm = speak(text, voice=voice, rate_hz=rate_hz)
        yield np.pad(from_pcm(pcm), rate_hz * _PAUSE_MS // 1_000)


def understood(pcm8k: bytes) -> str:
    """What the embedded model's recogniser hears."""
    ears = recogniser()
    return ears.hear(pcm8k, build((), ears.knows))


def word_errors(said: str, heard: str) -> int:
    """The fewest words to put in, leave out or replace that make one of the other."""
    wanted = heard.split()
    row = list(range(len(wanted) + 1))
    for count, word in enumerate(said.split(), start=1):
        before, row = row, [count]
        for at, other in enumerate(wanted):
            row.append(
                min(before[at] + (word != other), before[at + 1] + 1, row[-1] + 1)
            )
    return row[-1]


def judged_otherwise(pcm8k: bytes, other: bytes) -> float:
    """The share of frames that are speech in one and none in the other.

    The detector is WebRTC's; it judges each recording from its beginning.
    """
    ours, others = _judged(pcm8k), _judged(other)
    return sum(a != b for a, b in zip(ours, others, strict=True)) / len(ours)


def _judged(pcm8k: bytes) -> list[bool]:
    detector: Any = require("webrtcvad").Vad(_VAD_MODE)
    starts = range(0, len(pcm8k) - FRAME_BYTES + 1, FRAME_BYTES)
    return [
        bool(detector.is_speech(pcm8k[at : at + FRAME_BYTES], SAMPLE_RATE_HZ))
        for at in starts
    ]
