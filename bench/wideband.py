"""Lines at every rate: what a format leaves of them, and what our own ear makes of them."""

from typing import Final

import numpy as np

from trio_sts.audio.formats import AudioFormat
from trio_sts.audio.framing import SAMPLE_RATE_HZ
from trio_sts.audio.resample import resample_whole
from trio_sts.audio.voice_activity import VoiceActivityDetector
from trio_sts.embedded.speech.rates import from_pcm

from .distortion import (
    Samples,
    segmental_snr_db,
    telephone_band,
    through,
    wide_band,
)

RATES_HZ: Final = (8_000, 16_000, 24_000)


def added_db(audio_format: AudioFormat, pcm: bytes, rate_hz: int) -> tuple[float, ...]:
    """Segmental SNR of a call there and back.

    Returns:
        In the telephone's band and, where the line has one, in the wide band; nothing
        where no sample is changed.
    """
    came, went = from_pcm(pcm), through(audio_format, pcm, rate_hz)
    if np.array_equal(came, np.rint(went)):
        return ()
    bands: list[tuple[Samples, Samples]] = [
        (telephone_band(came, rate_hz), telephone_band(went, rate_hz))
    ]
    if rate_hz > SAMPLE_RATE_HZ:
        bands.append((wide_band(came, rate_hz), wide_band(went, rate_hz)))
    return tuple(segmental_snr_db(*band, rate_hz) for band in bands)


def ear_differs(pcm: bytes, rate_hz: int) -> float:
    """The share of frames that our own ear judges otherwise than in the same at 8 kHz."""
    heard = VoiceActivityDetector(rate_hz).feed(pcm)
    narrow = resample_whole(pcm, rate_hz, SAMPLE_RATE_HZ)
    reference = VoiceActivityDetector().feed(narrow)
    return sum(a != b for a, b in zip(heard, reference, strict=True)) / len(heard)
