"""The espeak-ng library through ctypes: a sentence in, samples and word times out.

Numbers and structures are those of espeak-ng's ``speak_lib.h``.
"""

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from attrs import frozen

from .extras import SpeechMissing, require

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples come through the callback
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: or missing data ends the process
_UTF8 = 1
_POS_CHARACTER = 1
_PARAMETER_RATE = 1
_EVENT_LIST_END = 0
_EVENT_WORD = 1


class _Id(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event)
)


@frozen
class Word:
    """Where a word stands in the text, and when it begins in the audio."""

    first: int
    end: int
    at_ms: int


class Espeak:
    """The one espeak-ng of this process; its state is global, so it is locked."""

    def __init__(self) -> None:
        """Load the library and its voices.

        Raises:
            SpeechMissing: The extra is not installed, or its data cannot be read.
        """
        loader = require("espeakng_loader")
        self._lock = threading.Lock()
        self._samples = bytearray()
        self._words: list[Word] = []
        self._library = ctypes.CDLL(loader.get_library_path())
        data = str(loader.get_data_path())
        self.rate_hz: int = self._library.espeak_Initialize(
            _SYNCHRONOUS, 0, data.encode(), _DONT_EXIT
        )
        if self.rate_hz <= 0:
            reason = f"espeak-ng cannot read its data in {data}"
            raise SpeechMissing(reason)
        self._callback = _Callback(self._collect)  # kept: the library calls it
        self._library.espeak_SetSynthCallback(self._callback)

    def synthesise(
        self, text: str, *, voice: str, words_per_minute: int
    ) -> tuple[bytes, tuple[Word, ...]]:
        """Speak a text.

        Args:
            text: What to say.
            voice: An espeak-ng voice with an optional variant, as in ``en-us+f2``.
            words_per_minute: 80 to 450.

        Returns:
            PCM16LE at ``rate_hz`` and the words in order.

        Raises:
            ValueError: There is no such voice.
        """
        encoded = text.encode()
        with self._lock:
            self._samples.clear()
            self._words.clear()
            if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
                reason = f"espeak-ng has no voice {voice!r}"
                raise ValueError(reason)
            self._library.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
            self._library.espeak_Synth(
                ctypes.c_char_p(encoded),
                ctypes.c_size_t(len(encoded) + 1),
                0,
                _POS_CHARACTER,
                0,
                _UTF8,
                None,
                None,
            )
            return bytes(self._samples), tuple(self._words)

    def _collect(self, samples: int | None, count: int, events: Any) -> int:
        if samples and count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        index = 0
        while events[index].type != _EVENT_LIST_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                first = event.text_position - 1
                self._words.append(
                    Word(first, first + event.length, event.audio_position)
                )
            index += 1
        return 0


def _once() -> Callable[[], Espeak]:
    lock = threading.Lock()
    made: list[Espeak] = []

    def get() -> Espeak:
        with lock:
            if not made:
                made.append(Espeak())
            return made[0]

    return get


espeak = _once()
