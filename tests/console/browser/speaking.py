"""What the browser's microphone hears: a caller with pauses, as a WAV file."""

import io
import wave
from typing import Final

from trio_sts.embedded.speech.voice import speak

_RATE_HZ: Final = 48_000
# Seconds of silence, and then words. An answer is waited for, and the second is talked over.
CALLER: Final = (
    (2.0, "what are your opening hours"),
    (7.5, "tell me a story"),
    (4.5, "what is your address"),
)


def caller_wav() -> bytes:
    """The caller of `CALLER`, 16 bit, mono, 48 kHz, with silence at the end."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE_HZ)
        for pause_s, words in CALLER:
            out.writeframes(bytes(2 * int(pause_s * _RATE_HZ)))
            out.writeframes(speak(words, rate_hz=_RATE_HZ))
        out.writeframes(bytes(2 * _RATE_HZ))
    return file.getvalue()
