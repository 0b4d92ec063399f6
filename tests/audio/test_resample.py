"""The filter's figures against scipy and float64; its streaming by Hypothesis."""

from collections.abc import Callable, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.resample import Resampler, resampler

signal: Any = import_module("scipy.signal")  # scipy has no types
Samples = npt.NDArray[np.float64]
Make = Callable[[], Resampler]

LOW_HZ, HIGH_HZ = 8_000, 24_000
AMPLITUDE = 10_000.0


def upsampler() -> Resampler:
    return resampler(LOW_HZ, HIGH_HZ)


def downsampler() -> Resampler:
    return resampler(HIGH_HZ, LOW_HZ)


DIRECTIONS = [
    pytest.param(upsampler, LOW_HZ, HIGH_HZ, id="up"),
    pytest.param(downsampler, HIGH_HZ, LOW_HZ, id="down"),
]
BOTH = pytest.mark.parametrize(("make", "rate_hz", "to_hz"), DIRECTIONS)
EITHER = st.sampled_from([upsampler, downsampler])


def pcm(samples: Samples) -> bytes:
    return np.round(samples).astype("<i2").tobytes()


def samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def sine(hertz: float, rate_hz: int, amplitude: float = AMPLITUDE) -> Samples:
    wave: Samples = np.sin(2 * np.pi * hertz * np.arange(rate_hz) / rate_hz)
    return amplitude * wave


def level_db(wave: Samples, rate_hz: int, hertz: float) -> float:
    """The level of one frequency, 0 dB for a sine of ``AMPLITUDE``; the ends left out."""
    middle = wave[rate_hz // 10 : -rate_hz // 10]
    window = np.blackman(len(middle))
    turn = np.exp(-2j * np.pi * hertz * np.arange(len(middle)) / rate_hz)
    found = 2 * abs((middle * window * turn).sum()) / window.sum()
    return float(20 * np.log10(found / AMPLITUDE + 1e-12))


def converted(make: Make, wave: Samples) -> Samples:
    return samples(make().push(pcm(wave)))


def taps_of(make: Make) -> Samples:
    """The filter itself, measured: what it answers to single loud samples."""
    if make is upsampler:
        impulse = np.array([32_767.0, *[0] * 40])
        return converted(make, impulse) / 32_767
    phases: list[Samples] = []
    for place in range(3):
        impulse = np.zeros(120)
        impulse[2 - place] = 32_767
        phases.append(converted(make, impulse) / 32_767)
    return np.ravel(np.column_stack(phases))


def chunked(resampler: Resampler, pcm: bytes, cuts: Sequence[int]) -> bytes:
    edges = [0, *sorted(cut % (len(pcm) + 1) for cut in cuts), len(pcm)]
    return b"".join(resampler.push(pcm[a:b]) for a, b in pairwise(edges))


@BOTH
@pytest.mark.parametrize("hertz", [60, 300, 1000, 2000, 3000])
def test_speech_keeps_its_level(
    make: Make, rate_hz: int, to_hz: int, hertz: int
) -> None:
    wave = converted(make, sine(hertz, rate_hz))
    assert abs(level_db(wave, to_hz, hertz)) < 0.5


@BOTH
def test_the_edge_of_the_telephone_band_is_kept(
    make: Make, rate_hz: int, to_hz: int
) -> None:
    wave = converted(make, sine(3400, rate_hz))
    assert -3 < level_db(wave, to_hz, 3400) < 0.5


@pytest.mark.parametrize("hertz", [300, 600, 1000, 2000, 3000, 3400])
def test_images_stay_below_60_db(hertz: int) -> None:
    wave = converted(upsampler, sine(hertz, LOW_HZ))
    for image in (8_000 - hertz, 8_000 + hertz):
        assert level_db(wave, HIGH_HZ, image) < -60


@pytest.mark.parametrize("hertz", [4600, 4700, 5000, 6000, 7500, 9000, 11_000, 11_900])
def test_aliases_stay_below_60_db(hertz: int) -> None:
    wave = converted(downsampler, sine(hertz, HIGH_HZ))
    alias = abs((hertz + 4_000) % 8_000 - 4_000)
    assert level_db(wave, LOW_HZ, alias) < -60


@BOTH
def test_the_whole_stop_band_holds(make: Make, rate_hz: int, to_hz: int) -> None:
    gain = 1 if make is downsampler else 1 / 3
    hertz, response = signal.freqz(taps_of(make) * gain, worN=8192, fs=HIGH_HZ)
    level = 20 * np.log10(np.abs(response) + 1e-12)
    # An impulse is answered in whole numbers: that noise alone is at -75 dB.
    assert level[hertz >= 4_600].max() < -60
    assert np.abs(level[hertz <= 3_000]).max() < 0.5


@BOTH
def test_the_delay_is_below_two_milliseconds_and_the_same_for_all_tones(
    make: Make, rate_hz: int, to_hz: int
) -> None:
    taps = taps_of(make)
    middle = int(np.argmax(np.abs(taps)))
    ahead = 0 if make is upsampler else 2  # taps_of counts from the unit's last sample
    assert 0 < (middle - ahead) / HIGH_HZ <= 0.002
    around = taps[: 2 * middle + 1]
    assert np.abs(around - around[::-1]).max() <= 1.5 / 32_767


@BOTH
def test_the_samples_are_those_of_an_independent_convolution(
    make: Make, rate_hz: int, to_hz: int
) -> None:
    noise = np.random.default_rng(7).normal(0, 4_000, 3_000)
    whole = samples(pcm(noise))
    taps: Samples = np.sinc(np.arange(-44, 45) / 3) * signal.get_window(
        ("kaiser", 6.9), 89, fftbins=False
    )
    for phase in range(3):
        taps[phase::3] /= taps[phase::3].sum()
    if make is upsampler:
        wanted = signal.upfirdn(taps, whole, up=3)[: 3 * len(whole)]
    else:
        wanted = np.convolve(whole, taps / 3)[2 : len(whole) : 3]
    got = converted(make, noise)
    assert len(got) == len(whole) * to_hz // rate_hz
    assert np.abs(got - wanted).max() <= 0.51


def test_upwards_every_third_sample_is_the_callers_own() -> None:
    noise = samples(pcm(np.random.default_rng(8).normal(0, 9_000, 800)))
    got = converted(upsampler, noise)
    # 44 samples of delay: two beyond 14 whole samples of the caller's.
    assert np.array_equal(got[44::3], noise[: len(got[44::3])])


@BOTH
@pytest.mark.parametrize("offset", [-32_768, -1, 1, 99, 32_767])
def test_a_constant_stays_constant(
    make: Make, rate_hz: int, to_hz: int, offset: int
) -> None:
    got = converted(make, np.full(900, float(offset)))
    assert set(got[90:].tolist()) == {float(offset)}


@BOTH
def test_loud_input_saturates_and_does_not_wrap(
    make: Make, rate_hz: int, to_hz: int
) -> None:
    square = np.sign(sine(217, rate_hz) + 0.5)
    quiet = converted(make, square * 8_000)
    loud = converted(make, np.where(square > 0, 32_767.0, -32_768.0))
    steady = np.abs(quiet) > 1_000
    assert not (quiet[steady] * loud[steady] < 0).any()
    assert loud.max() == 32_767
    assert loud.min() == -32_768


@BOTH
def test_digital_silence_stays_digital_silence(
    make: Make, rate_hz: int, to_hz: int
) -> None:
    resampler = make()
    silence = bytes(rate_hz * 2 // 50)
    for _ in range(5):
        assert resampler.push(silence) == bytes(to_hz * 2 // 50)
    assert resampler.flush() == b""


@BOTH
def test_after_a_loud_sound_silence_is_exact_within_four_milliseconds(
    make: Make, rate_hz: int, to_hz: int
) -> None:
    resampler = make()
    resampler.push(pcm(sine(1_000, rate_hz, 32_000)))
    ringing = resampler.push(bytes(rate_hz * 2 // 250))
    assert any(ringing)
    after = resampler.push(bytes(rate_hz * 2 // 50))
    assert after == bytes(len(after))


@given(make=EITHER, pcm=st.binary(max_size=900), cuts=st.lists(st.integers(0, 900)))
def test_the_samples_do_not_depend_on_the_chunks(
    make: Make, pcm: bytes, cuts: list[int]
) -> None:
    whole = make()
    pieces = make()
    assert chunked(pieces, pcm, cuts) == whole.push(pcm)
    assert pieces.flush() == whole.flush()


@BOTH
@pytest.mark.parametrize("size", [1, 2, 3, 7, 319, 320, 4_800, 4_801])
def test_long_input_gives_the_same_as_its_pieces(
    make: Make, rate_hz: int, to_hz: int, size: int
) -> None:
    noise = pcm(np.random.default_rng(9).normal(0, 9_000, 6_000).clip(-32768, 32767))
    assert chunked(make(), noise, range(0, len(noise), size)) == make().push(noise)


@given(make=EITHER, pcm=st.binary(min_size=2, max_size=300))
def test_flush_completes_the_last_sound_and_begins_anew(make: Make, pcm: bytes) -> None:
    resampler = make()
    got = resampler.push(pcm) + resampler.flush()
    whole_bytes = pcm[: len(pcm) // 2 * 2]
    longer = make().push(whole_bytes + bytes(1_200))
    assert got.rstrip(b"\0") == longer.rstrip(b"\0")
    assert resampler == make()


@given(make=EITHER, count=st.integers(0, 700))
def test_no_sample_is_lost_or_made_up(make: Make, count: int) -> None:
    got = make().push(bytes(2 * count))
    assert len(got) == (6 * count if make is upsampler else count // 3 * 2)


def test_a_tone_goes_both_ways_with_little_noise() -> None:
    tone = sine(1_000, LOW_HZ)
    back = converted(downsampler, converted(upsampler, tone))
    # 44 samples up and 42 down at 24 kHz are no whole number of 8 kHz samples.
    time_s = (np.arange(len(back)) - (44 + 42) / 3) / LOW_HZ
    wanted = AMPLITUDE * np.sin(2 * np.pi * 1_000 * time_s)
    error = (back - wanted)[100:]
    assert 20 * np.log10(AMPLITUDE / np.sqrt(2) / np.sqrt((error**2).mean())) > 70
