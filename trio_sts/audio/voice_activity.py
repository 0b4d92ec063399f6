"""Voice activity detection: does the caller speak now?

A frame of 20 ms is *evidence* of speech if all of this holds. Everything is computed at
4 kHz, where the voice's pitch and first two formants are, and most noise is not. A caller
at 16 or 24 kHz is brought there by the means of two or three samples: what that folds back
from above 6 kHz falls by 8 dB and more, and it is no voice.

- It is loud: above -36 dBov, and 9 dB above the noise floor. The floor follows the level
  downwards within some frames, upwards at 6.7 dB/s (as minimum statistics do, Martin
  2001, in its simplest form).
- It is voiced: the normalised cross-correlation of the last 30 ms with what was 2.5 to
  14 ms before (400 to 70 Hz) reaches 0.5 (Talkin, "A robust algorithm for pitch
  tracking", 1995). Noise of any colour that a line has, clicks and hiss are not.
- It changes: those correlations, as one curve over the lag, differ by 0.055 in the mean
  from those of 20 ms before, and the Bhattacharyya coefficient of the two spectra is at
  most 0.97. Pitch and formants of a speaker move all the time; hum, a note, a chord and
  a tone stay.
- It is rich: what remains of the spectrum (Hann, 32 ms) without its two strongest peaks,
  times the change, is 0.006, in this frame and in the one before. Ringback, dial
  tone, busy tone and DTMF are one or two sines (ITU-T E.180, Q.23), also at the edges of
  their cadences, where they change.

Evidence adds 3 to a score (2 below -32 dBov), any other frame takes 1 away. Speech begins
at 6 of at most 12 and ends below 3: two or three frames of evidence close together are
needed, and it goes on for up to 180 ms after the last.

Whispering has no voice and is not detected. A single loud singing voice may be taken for
a speaker; music at -40 dBov is below the level that counts, and so is speech below some
-42 dBov (P.56 levels of telephone speech are -36 to -16 dBov).

Why our own: on the labelled set of ``bench/labelled`` webrtcvad (mode 3, 8 frames in a row)
finds speech in more than half of what is none, in all DTMF and nearly all ringback, at
3.6 us a frame; Silero's model needs onnxruntime or torch. This takes 0.2 us for a quiet
frame and 1.3 us for speech, and ``python -m bench.voice_activity`` shows what it detects.
"""

from array import array
from functools import cache
from math import cos, pi, sin
from typing import Final

from attrs import define, field, setters

from .engine import detect_speech, thin
from .framing import FRAME_BYTES, FRAME_MS, SAMPLE_RATE_HZ

BATCH_MS: Final = 100
_BATCH_BYTES: Final = BATCH_MS // FRAME_MS * FRAME_BYTES

# Sizes of portable_vad.py's state and spectrum; the engines refuse any other.
STATE_BYTES: Final = 528
_SPECTRUM: Final = 128
_BINS: Final = range(2, _SPECTRUM // 2)
_TABLE_SCALE: Final = 4096


@cache
def spectrum_table() -> bytes:
    """Cosines, then sines, of each bin under a Hann window, as the engines take them.

    The window is symmetric, so only a half is kept; its middle comes first.
    """
    half = _SPECTRUM // 2
    window = [0.5 - 0.5 * cos(2 * pi * n / _SPECTRUM) for n in range(half)]
    rows = array("h")
    for bin_ in _BINS:
        rows.append(_TABLE_SCALE * (-1) ** bin_)
        for n in range(1, half):
            rows.append(_scaled(window[n] * cos(2 * pi * bin_ * n / _SPECTRUM)))
    for bin_ in _BINS:
        rows.append(0)
        for n in range(1, half):
            rows.append(_scaled(window[n] * sin(2 * pi * bin_ * n / _SPECTRUM)))
    return rows.tobytes()


def _scaled(value: float) -> int:
    return round(value * _TABLE_SCALE)


def _ratio_to_ours(rate_hz: int) -> int:
    return rate_hz // SAMPLE_RATE_HZ


# Converted once: a hook on each assignment costs more than the assignments do.
@define(on_setattr=setters.NO_OP)
class VoiceActivityDetector:
    """One stream of caller audio.

    It is analysed 100 ms at a time: the result is the same for any chunk size.

    Args:
        rate_hz: The stream's: 8, 16 or 24 kHz.
    """

    _ratio: int = field(
        default=SAMPLE_RATE_HZ, converter=_ratio_to_ours, alias="rate_hz"
    )
    _state: bytearray = field(factory=lambda: bytearray(STATE_BYTES), repr=False)
    _kept: list[bytes] = field(factory=list[bytes], repr=False)
    _kept_bytes: int = 0

    def feed(self, pcm: bytes) -> bytes:
        """Take more of the stream.

        Args:
            pcm: PCM16LE, mono; any number of bytes.

        Returns:
            One byte for each frame of 20 ms that was analysed by this call, in order:
            1 if there is speech in it, else 0. Less than 100 ms wait for the next call.
        """
        self._kept.append(pcm)
        self._kept_bytes += len(pcm)
        batch_bytes = _BATCH_BYTES * self._ratio
        if self._kept_bytes < batch_bytes:
            return b""
        pcm = b"".join(self._kept)
        rest_bytes = self._kept_bytes = len(pcm) % batch_bytes
        if rest_bytes:
            self._kept = [pcm[-rest_bytes:]]
            pcm = pcm[:-rest_bytes]
        else:
            self._kept.clear()
        return self.judge(pcm if self._ratio == 1 else thin(pcm, self._ratio))

    def judge(self, pcm: bytes) -> bytes:
        """The verdicts on the next whole 100 ms, as `feed` tells them.

        Args:
            pcm: The stream's next 100 ms, or some times as much, at 8 kHz.
        """
        return detect_speech(pcm, self._state, spectrum_table())

    @property
    def waiting_ms(self) -> float:
        """How much of the stream was taken and not analysed yet."""
        return self._kept_bytes * FRAME_MS / (FRAME_BYTES * self._ratio)
