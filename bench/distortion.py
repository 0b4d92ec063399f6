"""What a format does to the samples of a telephone's speech, in decibels."""

import math
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trio_sts.audio.formats import AudioFormat, decoder, encoder
from trio_sts.audio.framing import FRAME_SAMPLES, SAMPLE_RATE_HZ
from trio_sts.embedded.speech.rates import from_pcm, to_pcm

Samples: TypeAlias = NDArray[np.float64]

_FULL_SCALE: Final = 32_768.0
# ITU-T G.712: what a telephone channel carries whole, and how far it carries a rest.
_BAND_HZ: Final = (300, 3_400)
_SKIRTS_HZ: Final = (100, 4_000)
# A frame this far below the loudest is a pause, in power.
_PAUSE: Final = 1e-3
# The power of rounding to whole samples: less noise than that cannot be told.
_ROUNDING: Final = 1 / 12
_MODEL_RATIO: Final = 3  # the model's rate to the telephone's
_IMPULSE: Final = 16_000
_IMPULSE_AT: Final = 400


def through(audio_format: AudioFormat, pcm8k: bytes) -> Samples:
    """Speech as the model's side has it, brought back to 8 kHz.

    Returns:
        As many samples as came in, in step with them: the filters' delay, which is no
        whole number of samples, is taken out again.
    """
    heard = from_pcm(_there_and_back(audio_format, pcm8k))
    late = _delay_samples(audio_format)
    return (_earlier(heard, late) if late else heard)[: len(pcm8k) // 2]


def telephone_line(samples: Samples) -> Samples:
    """Speech as a telephone line lets it pass: 300 to 3400 Hz, with soft edges.

    Without the rest beyond them the recogniser would miss what no line takes from it.
    """
    return _filtered(samples, _SKIRTS_HZ)


def telephone_band(samples: Samples) -> Samples:
    """What is between 300 and 3400 Hz, where distortion is measured, and no more."""
    return _filtered(samples, _BAND_HZ)


def level_dbov(samples: Samples) -> float:
    """The level while somebody speaks, below a square wave of full scale."""
    power = _frames(samples)
    return _decibels(float(np.mean(power[_active(power)])) / _FULL_SCALE**2)


def at_level(samples: Samples, dbov: float) -> Samples:
    """The same speech at another level.

    Raises:
        ValueError: It would be clipped there.
    """
    louder: Samples = samples * 10 ** ((dbov - level_dbov(samples)) / 20)
    if np.abs(louder).max() >= _FULL_SCALE:
        raise ValueError("speech is clipped at this level")
    return louder


def with_noise(samples: Samples, snr_db: float) -> Samples:
    """Speech with even noise of a telephone line, the same at each call."""
    noise = np.random.default_rng(0).normal(0, 1, len(samples))
    power = 10 ** ((level_dbov(samples) - snr_db) / 10) * _FULL_SCALE**2
    shaped = telephone_line(noise)
    return samples + shaped * math.sqrt(power / float(np.mean(shaped**2)))


def snr_db(reference: Samples, heard: Samples) -> float:
    """Power of the reference over that of the difference, of the whole recording."""
    noise = max(_ROUNDING, float(np.mean((heard - reference) ** 2)))
    return _decibels(float(np.mean(reference**2)) / noise)


def segmental_snr_db(reference: Samples, heard: Samples) -> float:
    """The mean over the frames of 20 ms in which somebody speaks of each one's SNR.

    Unlike the SNR of the whole it hears the noise of quiet syllables, which loud ones
    do not mask.
    """
    power = _frames(reference)
    noise = np.maximum(_ROUNDING, _frames(heard - reference))
    active = _active(power)
    return float(np.mean(10 * np.log10(power[active] / noise[active])))


@cache
def _delay_samples(audio_format: AudioFormat) -> float:
    """Both filters' delay: the centre of what they make of an impulse.

    They are symmetrical, so it is a whole number at the model's rate.
    """
    impulse = np.zeros(2 * _IMPULSE_AT)
    impulse[_IMPULSE_AT] = _IMPULSE
    answer = from_pcm(_there_and_back(audio_format, to_pcm(impulse)))
    centre = float(np.arange(len(answer)) @ answer / answer.sum())
    return round((centre - _IMPULSE_AT) * _MODEL_RATIO) / _MODEL_RATIO


def _there_and_back(audio_format: AudioFormat, pcm8k: bytes) -> bytes:
    back = decoder(audio_format)
    return back.decode(encoder(audio_format).encode(pcm8k)) + back.flush()


def _earlier(samples: Samples, by: float) -> Samples:
    size = _size(samples)
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(size) * by)
    return np.fft.irfft(np.fft.rfft(samples, size) * turn, size)


def _filtered(samples: Samples, ends_hz: tuple[int, int]) -> Samples:
    """All of the band, nothing beyond the ends, and between them half a cosine."""
    size = _size(samples)
    hertz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    (lowest, highest), (low_end, high_end) = _BAND_HZ, ends_hz
    inside = np.interp(
        hertz,
        [np.nextafter(low_end, 0), lowest, highest, np.nextafter(high_end, np.inf)],
        [0, 1, 1, 0],
    )
    gain = np.sin(np.pi / 2 * inside) ** 2
    return np.fft.irfft(np.fft.rfft(samples, size) * gain, size)[: len(samples)]


def _size(samples: Samples) -> int:
    """A power of two that has room for all: other lengths may take very long."""
    return 1 << len(samples).bit_length()


def _frames(samples: Samples) -> Samples:
    """The power of each whole frame."""
    whole = len(samples) // FRAME_SAMPLES
    frames = samples[: whole * FRAME_SAMPLES].reshape(whole, FRAME_SAMPLES)
    power: Samples = np.mean(frames**2, axis=1)
    return power


def _active(power: Samples) -> NDArray[np.bool_]:
    active: NDArray[np.bool_] = power > _PAUSE * power.max()
    return active


def _decibels(power: float) -> float:
    return 10 * math.log10(power)
