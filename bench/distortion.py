"""What a format does to the samples of a telephone's speech, in decibels."""

import math
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from trio_sts.audio.formats import AudioFormat, decoder, encoder
from trio_sts.audio.framing import FRAME_MS, SAMPLE_RATE_HZ
from trio_sts.embedded.speech.rates import from_pcm, to_pcm

Samples: TypeAlias = NDArray[np.float64]

_FULL_SCALE: Final = 32_768.0
# ITU-T G.712: what a telephone channel carries whole, and how far it carries a rest.
_BAND_HZ: Final = (300, 3_400)
_SKIRTS_HZ: Final = (100, 4_000)
# ITU-T G.722: what a wideband channel carries.
_WIDE_BAND_HZ: Final = (50, 7_000)
# A frame this far below the loudest is a pause, in power.
_PAUSE: Final = 1e-3
# The power of rounding to whole samples: less noise than that cannot be told.
_ROUNDING: Final = 1 / 12
# Of a sample at any line's rate: all filters' delays are whole numbers of these.
_STEPS: Final = 3
_IMPULSE: Final = 16_000
_IMPULSE_AT: Final = 400


def through(
    audio_format: AudioFormat, pcm: bytes, rate_hz: int = SAMPLE_RATE_HZ
) -> Samples:
    """Speech as the model's side has it, brought back to the rate of the caller's line.

    Returns:
        As many samples as came in, in step with them: the filters' delay, which is no
        whole number of samples, is taken out again.
    """
    heard = from_pcm(_there_and_back(audio_format, pcm, rate_hz))
    late = _delay_samples(audio_format, rate_hz)
    return (_earlier(heard, late) if late else heard)[: len(pcm) // 2]


def telephone_line(samples: Samples) -> Samples:
    """Speech as a telephone line lets it pass: 300 to 3400 Hz, with soft edges.

    Without the rest beyond them the recogniser would miss what no line takes from it.
    """
    return _filtered(samples, _BAND_HZ, _SKIRTS_HZ)


def telephone_band(samples: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> Samples:
    """What is between 300 and 3400 Hz, where distortion is measured, and no more."""
    return _filtered(samples, _BAND_HZ, _BAND_HZ, rate_hz)


def wide_band(samples: Samples, rate_hz: int) -> Samples:
    """What is between 50 and 7000 Hz, the band of a wideband telephone."""
    return _filtered(samples, _WIDE_BAND_HZ, _WIDE_BAND_HZ, rate_hz)


def level_dbov(samples: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> float:
    """The level while somebody speaks, below a square wave of full scale."""
    power = _frames(samples, rate_hz)
    return _decibels(float(np.mean(power[_active(power)])) / _FULL_SCALE**2)


def at_level(samples: Samples, dbov: float, rate_hz: int = SAMPLE_RATE_HZ) -> Samples:
    """The same speech at another level.

    Raises:
        ValueError: It would be clipped there.
    """
    louder: Samples = samples * 10 ** ((dbov - level_dbov(samples, rate_hz)) / 20)
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


def segmental_snr_db(
    reference: Samples, heard: Samples, rate_hz: int = SAMPLE_RATE_HZ
) -> float:
    """The mean over the frames of 20 ms in which somebody speaks of each one's SNR.

    Unlike the SNR of the whole it hears the noise of quiet syllables, which loud ones
    do not mask.
    """
    power = _frames(reference, rate_hz)
    noise = np.maximum(_ROUNDING, _frames(heard - reference, rate_hz))
    active = _active(power)
    return float(np.mean(10 * np.log10(power[active] / noise[active])))


@cache
def _delay_samples(audio_format: AudioFormat, rate_hz: int) -> float:
    """Both filters' delay: the centre of what they make of an impulse."""
    impulse = np.zeros(2 * _IMPULSE_AT)
    impulse[_IMPULSE_AT] = _IMPULSE
    # A-law has no zero: its silence would count.
    answer, silence = (
        from_pcm(_there_and_back(audio_format, to_pcm(sent), rate_hz))[: len(sent)]
        for sent in (impulse, np.zeros(len(impulse)))
    )
    answer -= silence
    centre = float(np.arange(len(answer)) @ answer / answer.sum())
    return round((centre - _IMPULSE_AT) * _STEPS) / _STEPS


def _there_and_back(audio_format: AudioFormat, pcm: bytes, rate_hz: int) -> bytes:
    back = decoder(audio_format, rate_hz)
    return back.decode(encoder(audio_format, rate_hz).encode(pcm)) + back.flush()


def _earlier(samples: Samples, by: float) -> Samples:
    size = _size(samples)
    turn = np.exp(2j * np.pi * np.fft.rfftfreq(size) * by)
    return np.fft.irfft(np.fft.rfft(samples, size) * turn, size)


def _filtered(
    samples: Samples,
    band_hz: tuple[int, int],
    ends_hz: tuple[int, int],
    rate_hz: int = SAMPLE_RATE_HZ,
) -> Samples:
    """All of the band, nothing beyond the ends, and between them half a cosine."""
    size = _size(samples)
    hertz = np.fft.rfftfreq(size, 1 / rate_hz)
    (lowest, highest), (low_end, high_end) = band_hz, ends_hz
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


def _frames(samples: Samples, rate_hz: int) -> Samples:
    """The power of each whole frame."""
    size = rate_hz * FRAME_MS // 1_000
    whole = len(samples) // size
    frames = samples[: whole * size].reshape(whole, size)
    power: Samples = np.mean(frames**2, axis=1)
    return power


def _active(power: Samples) -> NDArray[np.bool_]:
    active: NDArray[np.bool_] = power > _PAUSE * power.max()
    return active


def _decibels(power: float) -> float:
    return 10 * math.log10(power)
