"""The filters' figures against scipy and float64; their streaming by Hypothesis."""

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from math import gcd, lcm
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.resample import Resampler, resample_whole, resampler

signal: Any = import_module("scipy.signal")  # scipy has no types
Samples = npt.NDArray[np.float64]

AMPLITUDE = 10_000.0
RATES_HZ = (8_000, 16_000, 24_000)


@frozen
class Way:
    """One direction, and what is asked of it: told here once more, by other words."""

    from_hz: int
    to_hz: int

    def begin(self) -> Resampler:
        return resampler(self.from_hz, self.to_hz)

    @property
    def is_narrow(self) -> bool:
        return min(self.from_hz, self.to_hz) == RATES_HZ[0]

    @property
    def flat_to_hz(self) -> int:
        return 3_000 if self.is_narrow else 7_000

    @property
    def edge_hz(self) -> int:
        return 3_400 if self.is_narrow else 7_200

    @property
    def stop_hz(self) -> int:
        return 4_600 if self.is_narrow else 8_800

    @property
    def unit_in(self) -> int:
        return self.from_hz // gcd(self.from_hz, self.to_hz)

    @property
    def unit_out(self) -> int:
        return self.to_hz // gcd(self.from_hz, self.to_hz)

    @property
    def grid_hz(self) -> int:
        return lcm(self.from_hz, self.to_hz)

    @property
    def half(self) -> int:
        """Taps on each side of the middle."""
        return {16_000: 29, 24_000: 44, 48_000: 65}[self.grid_hz]

    def images(self, hertz: float) -> set[float]:
        """Where else a tone comes back: mirrored at both rates."""
        copies = {abs(n * self.from_hz + s * hertz) for n in range(3) for s in (1, -1)}
        half = self.to_hz / 2
        folded = {abs((copy + half) % self.to_hz - half) for copy in copies}
        return folded - {hertz} if hertz < self.stop_hz else folded


WAYS = [Way(a, b) for a in RATES_HZ for b in RATES_HZ if a != b]
EACH = pytest.mark.parametrize("way", WAYS, ids=str)
ANY = st.sampled_from(WAYS)


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


def converted(way: Way, wave: Samples) -> Samples:
    return samples(way.begin().push(pcm(wave)))


def taps_of(way: Way) -> Samples:
    """The filter itself on its grid, measured: what it answers to single loud samples."""
    taps = np.zeros(2 * way.grid_hz // 100)
    for place in range(way.unit_in):
        impulse = np.zeros(40 * way.unit_in)
        impulse[place] = 32_767
        for at, answer in enumerate(converted(way, impulse) / 32_767):
            # Outputs stand at the end of what they are made of.
            since = at * way.unit_in + way.unit_in - 1 - place * way.unit_out
            if since < 0:
                assert answer == 0
            else:
                taps[since] = answer
    return taps


def designed(way: Way) -> Samples:
    """The same filter as its description says, by numpy and scipy."""
    ratio = max(way.unit_in, way.unit_out)
    window = signal.get_window(
        ("kaiser", 6.9 if way.grid_hz == 24_000 else 6.8),
        2 * way.half + 1,
        fftbins=False,
    )
    taps: Samples = np.sinc(np.arange(-way.half, way.half + 1) / ratio) * window
    phases = way.unit_out if way.unit_out > 1 else way.unit_in
    for phase in range(phases):
        taps[phase::phases] *= way.unit_out / phases / taps[phase::phases].sum()
    return taps


def chunked(stream: Resampler, pcm: bytes, cuts: Sequence[int]) -> bytes:
    edges = [0, *sorted(cut % (len(pcm) + 1) for cut in cuts), len(pcm)]
    return b"".join(stream.push(pcm[a:b]) for a, b in pairwise(edges))


@EACH
@pytest.mark.parametrize("part", [0.01, 0.1, 0.33, 0.67, 1])
def test_speech_keeps_its_level(way: Way, part: float) -> None:
    hertz = part * way.flat_to_hz
    wave = converted(way, sine(hertz, way.from_hz))
    assert abs(level_db(wave, way.to_hz, hertz)) < 0.5


@EACH
def test_the_edge_of_the_band_is_kept(way: Way) -> None:
    wave = converted(way, sine(way.edge_hz, way.from_hz))
    assert -3 < level_db(wave, way.to_hz, way.edge_hz) < 0.5


@EACH
@pytest.mark.parametrize("part", [0.1, 0.2, 0.33, 0.67, 0.9, 1])
def test_images_stay_below_60_db(way: Way, part: float) -> None:
    hertz = part * way.edge_hz
    wave = converted(way, sine(hertz, way.from_hz))
    for image in way.images(hertz):
        assert level_db(wave, way.to_hz, image) < -60


@pytest.mark.parametrize("way", [w for w in WAYS if w.from_hz > w.to_hz], ids=str)
@pytest.mark.parametrize("part", [0, 0.02, 0.1, 0.3, 0.6, 0.99])
def test_aliases_stay_below_60_db(way: Way, part: float) -> None:
    hertz = way.stop_hz + part * (way.from_hz / 2 - way.stop_hz)
    wave = converted(way, sine(hertz, way.from_hz))
    for alias in way.images(hertz):
        assert level_db(wave, way.to_hz, alias) < -60


@EACH
def test_the_whole_stop_band_holds(way: Way) -> None:
    hertz, response = signal.freqz(
        taps_of(way) / way.unit_out, worN=8192, fs=way.grid_hz
    )
    level = 20 * np.log10(np.abs(response) + 1e-12)
    # An impulse is answered in whole numbers: that noise alone is at -75 dB.
    assert level[hertz >= way.stop_hz].max() < -60
    assert np.abs(level[hertz <= way.flat_to_hz]).max() < 0.5
    assert level[hertz <= way.edge_hz].min() > -3


@EACH
def test_the_delay_is_below_two_milliseconds_and_the_same_for_all_tones(
    way: Way,
) -> None:
    taps = taps_of(way)
    middle = int(np.argmax(np.abs(taps)))
    assert middle == way.half
    assert 0 < (middle - (way.unit_in - 1)) / way.grid_hz <= 0.002
    around = taps[: 2 * middle + 1]
    assert not taps[2 * middle + 1 :].any()
    assert np.abs(around - around[::-1]).max() <= 1.5 / 32_767


@EACH
def test_the_samples_are_those_of_an_independent_convolution(way: Way) -> None:
    noise = np.random.default_rng(7).normal(0, 4_000, 3_000)
    whole = samples(pcm(noise))
    wanted = signal.upfirdn(designed(way), whole, up=way.unit_out)
    got = converted(way, noise)
    assert len(got) == len(whole) * way.to_hz // way.from_hz
    wanted = wanted[way.unit_in - 1 :: way.unit_in][: len(got)]
    assert np.abs(got - wanted).max() <= 0.51


@EACH
def test_the_samples_are_near_those_of_a_fourier_transform(way: Way) -> None:
    """Of noise that is within the band, so that no two filters differ in it."""
    rng, size = np.random.default_rng(5), way.from_hz // 2
    spectrum = np.fft.rfft(rng.normal(0, 5_000, size))
    spectrum[np.fft.rfftfreq(size, 1 / way.from_hz) > way.flat_to_hz] = 0
    noise = samples(pcm(np.fft.irfft(spectrum, size)))
    wanted = signal.resample(noise, size * way.to_hz // way.from_hz)
    got = samples(resample_whole(pcm(noise), way.from_hz, way.to_hz))
    error = (got - wanted)[500:-500]
    assert len(got) == len(wanted)
    assert 20 * np.log10(np.std(wanted) / np.std(error)) > 45


@pytest.mark.parametrize(
    ("way", "first", "each", "of"),
    [
        (Way(8_000, 24_000), 44, 3, 1),
        (Way(8_000, 16_000), 29, 2, 1),
        (Way(16_000, 24_000), 32, 3, 2),
    ],
    ids=str,
)
def test_upwards_samples_at_the_same_time_are_the_callers_own(
    way: Way, first: int, each: int, of: int
) -> None:
    noise = samples(pcm(np.random.default_rng(8).normal(0, 9_000, 800)))
    got = converted(way, noise)[first::each]
    assert np.array_equal(got, noise[::of][: len(got)])


@EACH
@pytest.mark.parametrize("offset", [-32_768, -1, 1, 99, 32_767])
def test_a_constant_stays_constant(way: Way, offset: int) -> None:
    got = converted(way, np.full(900, float(offset)))
    assert set(got[90:].tolist()) == {float(offset)}


@EACH
def test_loud_input_saturates_and_does_not_wrap(way: Way) -> None:
    square = np.sign(sine(217, way.from_hz) + 0.5)
    quiet = converted(way, square * 8_000)
    loud = converted(way, np.where(square > 0, 32_767.0, -32_768.0))
    steady = np.abs(quiet) > 1_000
    assert not (quiet[steady] * loud[steady] < 0).any()
    assert loud.max() == 32_767
    assert loud.min() == -32_768


@EACH
def test_digital_silence_stays_digital_silence(way: Way) -> None:
    stream = way.begin()
    silence = bytes(way.from_hz * 2 // 50)
    for _ in range(5):
        assert stream.push(silence) == bytes(way.to_hz * 2 // 50)
    assert stream.flush() == b""


@EACH
def test_after_a_loud_sound_silence_is_exact_within_four_milliseconds(
    way: Way,
) -> None:
    stream = way.begin()
    stream.push(pcm(sine(1_000, way.from_hz, 32_000)))
    ringing = stream.push(bytes(way.from_hz * 2 // 250))
    assert any(ringing)
    after = stream.push(bytes(way.from_hz * 2 // 50))
    assert after == bytes(len(after))


@given(way=ANY, pcm=st.binary(max_size=900), cuts=st.lists(st.integers(0, 900)))
def test_the_samples_do_not_depend_on_the_chunks(
    way: Way, pcm: bytes, cuts: list[int]
) -> None:
    whole = way.begin()
    pieces = way.begin()
    assert chunked(pieces, pcm, cuts) == whole.push(pcm)
    assert pieces.flush() == whole.flush()


@EACH
@pytest.mark.parametrize("size", [1, 2, 3, 7, 319, 320, 4_800, 4_801])
def test_long_input_gives_the_same_as_its_pieces(way: Way, size: int) -> None:
    noise = pcm(np.random.default_rng(9).normal(0, 9_000, 6_000).clip(-32768, 32767))
    whole = way.begin().push(noise)
    assert chunked(way.begin(), noise, range(0, len(noise), size)) == whole


@given(way=ANY, pcm=st.binary(min_size=2, max_size=300))
def test_flush_completes_the_last_sound_and_begins_anew(way: Way, pcm: bytes) -> None:
    stream = way.begin()
    got = stream.push(pcm)
    tail = stream.flush()
    whole_bytes = pcm[: len(pcm) // 2 * 2]
    longer = way.begin().push(whole_bytes + bytes(1_200))
    assert (got + tail).rstrip(b"\0") == longer.rstrip(b"\0")
    assert len(tail) <= 2 * way.to_hz * 3.75 / 1_000
    assert stream == way.begin()


@given(way=ANY, count=st.integers(0, 700))
def test_no_sample_is_lost_or_made_up(way: Way, count: int) -> None:
    got = way.begin().push(bytes(2 * count))
    assert len(got) == count // way.unit_in * way.unit_out * 2


@EACH
def test_a_stream_keeps_less_than_200_bytes(way: Way) -> None:
    stream = way.begin()
    for size in (0, 1, 2, 5, 4_801):
        stream.push(b"\1" * size)
        assert len(stream._kept) < 200  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("way", [w for w in WAYS if w.from_hz < w.to_hz], ids=str)
def test_a_tone_goes_both_ways_with_little_noise(way: Way) -> None:
    tone = sine(1_000, way.from_hz)
    back = converted(Way(way.to_hz, way.from_hz), converted(way, tone))
    # Up and down on the grid, which is no whole number of samples.
    delay = (2 * way.half - (way.unit_in - 1) - (way.unit_out - 1)) / way.unit_out
    time_s = (np.arange(len(back)) - delay) / way.from_hz
    wanted = AMPLITUDE * np.sin(2 * np.pi * 1_000 * time_s)
    error = (back - wanted)[100:]
    assert 20 * np.log10(AMPLITUDE / np.sqrt(2) / np.sqrt((error**2).mean())) > 70


@EACH
def test_a_whole_sound_is_as_long_as_it_was_and_in_step(way: Way) -> None:
    sound = np.concatenate([sine(700, way.from_hz), np.zeros(way.from_hz // 2)])
    got = samples(resample_whole(pcm(sound) + b"\x55", way.from_hz, way.to_hz))
    assert len(got) == way.to_hz * 3 // 2
    wanted = sine(700, way.to_hz)
    assert np.abs(got[: len(wanted)] - wanted)[100:-100].max() <= 2
    # Nothing of its end is left for another sound.
    assert not got[way.to_hz + way.to_hz // 100 :].any()


@given(way=ANY, count=st.integers(0, 200))
def test_a_whole_sound_of_any_length_is_as_long_at_least(way: Way, count: int) -> None:
    got = resample_whole(bytes(2 * count), way.from_hz, way.to_hz)
    assert 0 <= len(got) // 2 - count * way.to_hz / way.from_hz < 1


def test_a_sound_that_has_the_rate_is_left_as_it_is() -> None:
    assert resample_whole(b"\1\2\3\4\5", 16_000, 16_000) == b"\1\2\3\4"


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(8_000, 8_000), (8_000, 48_000), (44_100, 8_000), (0, 8_000), (8_000, 0)],
)
def test_other_rates_are_refused(from_hz: int, to_hz: int) -> None:
    with pytest.raises(ValueError, match="only between 8000, 16000 and 24000"):
        resampler(from_hz, to_hz)
