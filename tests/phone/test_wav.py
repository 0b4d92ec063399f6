import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from trio_sts.phone.resample import resample
from trio_sts.phone.wav import BadWav, Recorder, decode_wav, read_wav

Wave = NDArray[np.float64]
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
RATES = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]


def sine(hz: float, rate_hz: int, seconds: float = 0.5) -> Wave:
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    return 0.5 * np.sin(2 * np.pi * hz * time_s)


def written(samples: Wave, bits: int) -> bytes:
    """Samples of -1 to 1 as the bytes of a data chunk."""
    if bits == 8:
        return np.rint(samples * 127 + 128).astype(np.uint8).tobytes()
    wide = np.rint(samples * (2 ** (bits - 1) - 1)).astype("<i4")
    columns: NDArray[np.uint8] = wide[:, np.newaxis].view(np.uint8)
    return columns[:, : bits // 8].tobytes()


def riff(
    data: bytes, rate_hz: int, *, kind: int = PCM, bits: int = 16, channels: int = 1
) -> bytes:
    frame_bytes = channels * bits // 8
    fields = (kind, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, bits)
    fmt = struct.pack("<HHIIHH", *fields)
    if kind == EXTENSIBLE:
        fmt += struct.pack("<HHIH14x", 22, bits, 0, PCM)
    chunks = b"".join(
        name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for name, body in [(b"LIST", b"odd"), (b"fmt ", fmt), (b"data", data)]
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


SHORT_FORMAT = b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\x01\0\x01\0" + b"data\x02\0\0\0\0\0"


def heard(content: bytes) -> Wave:
    return np.frombuffer(decode_wav(content), "<i2") / 32768


def test_telephone_audio_passes_bit_for_bit() -> None:
    pcm = np.arange(-32768, 32768, 7, dtype="<i2").tobytes()
    assert decode_wav(riff(pcm, 8000)) == pcm


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_voice_keeps_its_pitch_loudness_and_place_at_any_rate(rate_hz: int) -> None:
    samples = heard(riff(written(sine(1000, rate_hz), 16), rate_hz))
    assert len(samples) == pytest.approx(4000, abs=1)
    middle = slice(100, 3900)
    error = samples[middle] - sine(1000, 8000)[middle]
    # Not late, not louder: what differs is 50 dB below the tone.
    assert np.abs(error).max() < 0.5 / 300


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("hz", [4600, 5000, 7000])
def test_what_a_telephone_cannot_carry_is_gone(rate_hz: int, hz: int) -> None:
    samples = resample(sine(hz, rate_hz), rate_hz, 8000)[100:-100]
    assert np.sqrt(np.mean(samples**2)) < 0.5 * 10 ** (-60 / 20)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_the_telephone_band_is_flat(rate_hz: int) -> None:
    for hz in (200, 1700, 3000, 3400):
        samples = resample(sine(hz, rate_hz), rate_hz, 8000)[200:-200]
        gain = np.sqrt(np.mean(samples**2)) / (0.5 / np.sqrt(2))
        assert 20 * np.log10(gain) == pytest.approx(0, abs=0.5 if hz < 3400 else 3)


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("kind", [PCM, EXTENSIBLE])
def test_every_sample_width_sounds_the_same(bits: int, kind: int) -> None:
    tone = sine(700, 8000)
    samples = heard(riff(written(tone, bits), 8000, bits=bits, kind=kind))
    assert np.abs(samples - tone).max() < 1 / 100


def test_float_is_read_and_what_is_too_loud_is_limited() -> None:
    tone = 3 * sine(700, 8000)
    tone[7] = np.nan
    content = riff(tone.astype("<f4").tobytes(), 8000, kind=FLOAT, bits=32)
    samples = heard(content)
    assert samples.max() == pytest.approx(1, abs=1e-4)
    assert samples[7] == 0
    assert np.abs(samples[10:] - np.clip(tone, -1, 1)[10:]).max() < 1e-4


def test_stereo_is_mixed() -> None:
    both = np.stack([sine(500, 8000), np.zeros(4000)], axis=1).ravel()
    samples = heard(riff(written(both, 16), 8000, channels=2))
    assert np.abs(samples - sine(500, 8000) / 2).max() < 1e-3


def test_a_file_that_was_cut_short_is_played_as_far_as_it_goes() -> None:
    whole = riff(written(sine(500, 8000), 16), 8000)
    assert len(decode_wav(whole[:-4001])) == 3998


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "RIFF"),
        (b"ID3 and then a song", "RIFF"),
        (b"RIFF\0\0\0\0WAVE", "no format"),
        (SHORT_FORMAT, "format is cut short"),
        (riff(b"", 8000), "no samples"),
        (riff(b"\0" * 64, 8000, kind=7, bits=8), "encoding 7 with 8 bits"),
        (riff(b"\0" * 64, 8000, bits=12), "encoding 1 with 12 bits"),
        (riff(b"\0" * 64, 8000, channels=6), "6 channels"),
        (riff(b"\0" * 64, 8000, channels=0), "0 channels"),
        (riff(b"\0" * 64, 4000), "4000 Hz"),
        (riff(b"\0" * 64, 0), "0 Hz"),
    ],
)
def test_anything_else_is_refused_with_the_reason(content: bytes, told: str) -> None:
    with pytest.raises(BadWav, match=told):
        decode_wav(content)


@settings(deadline=None)
@given(st.binary(max_size=80), st.integers(0, 120))
def test_any_damage_gives_samples_or_a_reason(junk: bytes, at: int) -> None:
    good = riff(written(sine(500, 16_000, 0.01), 16), 16_000)
    try:
        pcm = decode_wav(good[:at] + junk + good[at + len(junk) :])
    except BadWav:
        return
    assert pcm
    assert len(pcm) % 2 == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 3000), st.sampled_from([*RATES, 8008]))
def test_a_recording_lasts_as_long_as_before(count: int, rate_hz: int) -> None:
    samples = resample(np.ones(count), rate_hz, 8000)
    assert len(samples) == -(-count * 8000 // rate_hz)
    assert np.isfinite(samples).all()


def test_a_missing_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadWav, match="No such file"):
        read_wav(tmp_path / "nothing.wav")


def test_a_recording_is_a_stereo_file_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    left = np.arange(160, dtype="<i2")
    recorder = Recorder.open(path)
    for _ in range(3):
        recorder.write(left.tobytes(), (-left).tobytes())
    recorder.close()
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 480)
        both = np.frombuffer(file.readframes(480), "<i2").reshape(-1, 2)
    assert np.array_equal(both[:, 0], np.tile(left, 3))
    assert np.array_equal(both[:, 1], np.tile(-left, 3))
    # It can be played to an agent again: both sides in one.
    assert read_wav(path) == bytes(960)
