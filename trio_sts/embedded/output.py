"""An answer cut into what the deltas of a response carry."""

from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from trio_sts.audio.formats import AudioFormat, encoder

from .content import SpokenWord
from .speech.voice import Speech, say

_DELTA_MS: Final = 250
# The transcript runs this far ahead of the audio.
_TRANSCRIPT_LEAD_MS: Final = 500
_RATES_HZ: Final = {"pcm": 24_000, "pcmu": 8000, "pcma": 8000}
_BYTES_PER_MS: Final = {"pcm": 48, "pcmu": 8, "pcma": 8}


@frozen
class Delta:
    """A piece of audio, and the words that are sent before it."""

    text: str = field(repr=False)
    audio: bytes = field(repr=False)
    end_ms: int


@frozen
class Rendered:
    """A spoken answer in the session's format."""

    speech: Speech
    words: tuple[SpokenWord, ...] = field(repr=False)
    deltas: tuple[Delta, ...] = field(repr=False)
    complete: bool


def render(
    text: str,
    *,
    voice: str,
    speed: float,
    audio_format: AudioFormat,
    longest_ms: int | None = None,
    odd_bytes: bool = False,
) -> Rendered:
    """Speak a text and cut it into deltas; this takes tens of ms of computing.

    Args:
        text: What to say.
        voice: Of the Realtime API's names.
        speed: 1.0 is ordinary.
        audio_format: The session's output format.
        longest_ms: Where ``max_output_tokens`` ends it.
        odd_bytes: Cut at odd bytes, which divides samples.
    """
    speech = say(text, voice=voice, rate_hz=_RATES_HZ[audio_format], speed=speed)
    audio = speech.pcm
    if audio_format != "pcm":
        audio = encoder(audio_format).encode(audio)
    per_ms = _BYTES_PER_MS[audio_format]
    complete = longest_ms is None or speech.duration_ms <= longest_ms
    if longest_ms is not None:
        audio = audio[: longest_ms * per_ms]
    step = _DELTA_MS * per_ms - int(odd_bytes)
    texts = list(_texts(speech))
    deltas: list[Delta] = []
    for first in range(0, len(audio), step):
        piece = audio[first : first + step]
        due_ms = first // per_ms + _TRANSCRIPT_LEAD_MS
        ready = [part for at_ms, part in texts if at_ms <= due_ms]
        del texts[: len(ready)]
        deltas.append(Delta("".join(ready), piece, (first + len(piece)) // per_ms))
    return Rendered(speech, _words(speech), tuple(deltas), complete)


def _texts(speech: Speech) -> Iterator[tuple[int, str]]:
    """The text word by word, each with what follows it, and when it begins."""
    ends = [word.first for word in speech.words[1:]] + [len(speech.text)]
    first = 0
    for word, end in zip(speech.words, ends, strict=False):
        yield word.at_ms, speech.text[first:end]
        first = end


def _words(speech: Speech) -> tuple[SpokenWord, ...]:
    nexts = [word.at_ms for word in speech.words[1:]] + [speech.duration_ms]
    return tuple(
        SpokenWord(word.end, (word.at_ms + next_ms) / 2)
        for word, next_ms in zip(speech.words, nexts, strict=False)
    )
