"""What was said: PocketSphinx with a grammar, made for the telephone's band."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .extras import require
from .rates import from_pcm, to_pcm

_MODEL_HZ: Final = 16_000
_FRAMES_PER_S = 100
_FRAME = _MODEL_HZ // _FRAMES_PER_S
# A turn's last 20 s: decoding takes about a tenth of the time of the audio.
_LONGEST_BYTES = 20 * 8000 * 2
_SHORTEST_BYTES = 8000 * 2 // 10
# The acoustic model was trained on the full band. Above 4 kHz a telephone sends
# nothing, whose logarithm is far from all it has seen: images of the linear
# interpolation and a noise floor at -58 dBFS fill the gap.
_FLOOR_RMS = 40.0
# Loud frames that the best sentence leaves unexplained mean it was another sentence.
_LOUD = 0.15
_UNEXPLAINED = 0.25
_KEPT_GRAMMARS = 8
# Against short digits that are heard into long ones: tried from 1e-6 to 0.65, the
# library's default. With "batch" a turn is normalised by itself: what one call said
# before, or another call, does not change what is heard.
_WORD_PENALTY = 0.005


class Recogniser:
    """One decoder for the process; a grammar is compiled once and kept for a while."""

    def __init__(self) -> None:
        """Load the English acoustic model and dictionary, a quarter of a second.

        Raises:
            SpeechMissing: The extra ``trio-sts[demo]`` is not installed.
        """
        sphinx = require("pocketsphinx")
        self._lock = threading.Lock()
        self._decoder: Any = sphinx.Decoder(
            lm=None,
            loglevel="FATAL",
            samprate=_MODEL_HZ,
            cmn="batch",
            wip=_WORD_PENALTY,
        )
        self._grammars: OrderedDict[str, str] = OrderedDict()
        self._compiled = 0

    def knows(self, word: str) -> bool:
        """Whether a word is in the dictionary."""
        with self._lock:
            return self._decoder.lookup_word(word) is not None

    def hear(self, pcm8k: bytes, grammar: str) -> str:
        """Recognise one turn.

        Args:
            pcm8k: PCM16LE, 8 kHz; its last 20 s count.
            grammar: JSGF with one public rule.

        Returns:
            The words in lower case; empty if it is none of the grammar's sentences.
        """
        if len(pcm8k) < _SHORTEST_BYTES:
            return ""
        audio = _widen(pcm8k[-_LONGEST_BYTES:])
        with self._lock:
            self._use(grammar)
            self._decoder.start_utt()
            self._decoder.process_raw(to_pcm(audio), full_utt=True)
            self._decoder.end_utt()
            best = self._decoder.hyp()
            if best is None:
                return ""
            segments = [
                (str(part.word), int(part.start_frame), int(part.end_frame))
                for part in self._decoder.seg()
            ]
        return str(best.hypstr) if _explained(audio, segments) else ""

    def _use(self, grammar: str) -> None:
        if grammar not in self._grammars:
            self._compiled += 1
            name = f"grammar{self._compiled}"
            self._decoder.add_jsgf_string(name, grammar.encode())
            self._grammars[grammar] = name
        self._grammars.move_to_end(grammar)
        self._decoder.activate_search(self._grammars[grammar])
        if len(self._grammars) > _KEPT_GRAMMARS:
            _, oldest = self._grammars.popitem(last=False)
            self._decoder.remove_search(oldest)


def _widen(pcm8k: bytes) -> NDArray[np.float64]:
    samples = from_pcm(pcm8k)
    count = len(samples)
    doubled = np.interp(np.arange(2 * count) / 2, np.arange(count), samples)
    # The same noise each time: the same audio always gives the same words.
    return doubled + np.random.default_rng(0).normal(0, _FLOOR_RMS, 2 * count)


def _explained(
    audio: NDArray[np.float64], segments: list[tuple[str, int, int]]
) -> bool:
    """Whether the words cover what is loud, rather than calling it a pause."""
    frames = len(audio) // _FRAME
    energy = np.sqrt(
        np.mean(audio[: frames * _FRAME].reshape(frames, _FRAME) ** 2, axis=1)
    )
    loud = energy > _LOUD * energy.max(initial=0.0)
    spoken = np.zeros(frames, dtype=np.bool_)
    for word, first, last in segments:
        if not word.startswith(("<", "[", "+")):
            spoken[first : last + 1] = True
    missed = int(np.count_nonzero(loud & ~spoken))
    return missed <= _UNEXPLAINED * int(np.count_nonzero(loud))


def _once() -> Callable[[], Recogniser]:
    lock = threading.Lock()
    made: list[Recogniser] = []

    def get() -> Recogniser:
        with lock:
            if not made:
                made.append(Recogniser())
            return made[0]

    return get


recogniser = _once()
