"""What agent and caller sound like: sentences made by espeak-ng, at any rate."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from attrs import field, frozen

from .espeak import Word, espeak
from .rates import from_pcm, resample, to_pcm

# The agent's voices under the Realtime API's names, no two alike.
AGENTS: Final[Mapping[str, str]] = {
    "alloy": "en-us+f4",
    "ash": "en-us+m2",
    "ballad": "gmw/en-GB-x-rp+m5",
    "cedar": "en-us+m4",
    "coral": "gmw/en-GB-x-rp+f4",
    "echo": "en-us+m7",
    "marin": "en-us+f3",
    "sage": "gmw/en-GB-x-rp+f3",
    "shimmer": "en-us+f5",
    "verse": "gmw/en-GB-x-rp+m7",
}
# Voices that the embedded model's ears were tried with, over the telephone's band.
CALLERS: Final = ("en-us+klatt", "en-us+f1", "en-us+f2", "en-us+f5", "en-us+m1")

WORDS_PER_MINUTE: Final = 140
# A sentence kept is at most 1 MB: 20 s at 24 kHz.
_KEPT_SENTENCES = 24
_LONGEST_TEXT = 2000
# espeak-ng speaks at nearly full scale; a telephone does not.
_GAIN = 0.7


@frozen
class Speech:
    """A spoken text.

    Attributes:
        text: What was said.
        pcm: PCM16LE, mono.
        rate_hz: Its rate.
        words: Where each word begins, in order.
    """

    text: str = field(repr=False)
    pcm: bytes = field(repr=False)
    rate_hz: int
    words: tuple[Word, ...] = field(repr=False)

    @property
    def duration_ms(self) -> int:
        """How long it lasts."""
        return len(self.pcm) // 2 * 1000 // self.rate_hz


def speak(text: str, *, voice: str = CALLERS[0], rate_hz: int = 8000) -> bytes:
    """Say a text, as a caller does into a telephone.

    Args:
        text: What to say; cut at 2000 characters.
        voice: One of `CALLERS`, a name of `AGENTS`, or any voice of espeak-ng.
        rate_hz: The rate of the result.

    Returns:
        PCM16LE, mono.

    Raises:
        SpeechMissing: The extra ``trio-sts[demo]`` is not installed.
        ValueError: There is no such voice.
    """
    return say(text, voice=voice, rate_hz=rate_hz).pcm


@lru_cache(maxsize=_KEPT_SENTENCES)
def say(text: str, *, voice: str, rate_hz: int, speed: float = 1.0) -> Speech:
    """As `speak`, with the time of every word; ``speed`` 1 is 140 words a minute."""
    text = text[:_LONGEST_TEXT]
    engine = espeak()
    pcm, words = engine.synthesise(
        text,
        voice=AGENTS.get(voice, voice),
        words_per_minute=round(WORDS_PER_MINUTE * speed),
    )
    samples = resample(from_pcm(pcm) * _GAIN, engine.rate_hz, rate_hz)
    return Speech(text, to_pcm(samples), rate_hz, words)
