"""A sound that our own ear takes for speech, and talk of it on the stage."""

from functools import cache
from math import cos, pi, sin

from trio_sts.audio.framing import FRAME_BYTES
from trio_sts.wire import avr

from .stage import Stage

_RATE = 8_000
_FRAME_S = 0.02
_HARMONICS = 14
_WORD_S = 0.8


def _swing(mean: float, by: float, times: int, at: float) -> float:
    """A value that swings so many times in a second."""
    return mean + by * sin(2 * pi * times * at)


def _sample(index: int) -> int:
    """A vowel whose pitch and first two formants move, as those of a speaker do."""
    at = index / _RATE
    # The phase of a pitch of 120 Hz that swings by 25 Hz, 3 times a second.
    phase = 2 * pi * 120 * at - 25 / 3 * cos(2 * pi * 3 * at)
    formants = _swing(500, 250, 4, at), _swing(1300, 400, 5, at)
    tone = sum(
        sin(n * phase) / (1 + min(abs(120 * n - f) for f in formants) / 80)
        for n in range(1, _HARMONICS)
    )
    # A pause after each word, or the noise floor would rise to it.
    return round(3_000 * tone) if at % 1 < _WORD_S else 0


@cache
def _second() -> bytes:
    samples = (max(-32_768, min(32_767, _sample(i))) for i in range(_RATE))
    return b"".join(s.to_bytes(2, "little", signed=True) for s in samples)


def speak(stage: Stage, seconds: float) -> None:
    """The caller's frames in real time, all of them speech."""
    _send(stage, seconds, _second())


def keep_silent(stage: Stage, seconds: float) -> None:
    """The caller's frames in real time, all of them silence, as AVR Core sends them."""
    _send(stage, seconds, bytes(FRAME_BYTES))


def _send(stage: Stage, seconds: float, pcm: bytes) -> None:
    for number in range(round(seconds / _FRAME_S)):
        start = number * FRAME_BYTES % len(pcm)
        stage.caller(avr.CallerAudio(pcm[start : start + FRAME_BYTES]))
        stage.advance(_FRAME_S)
