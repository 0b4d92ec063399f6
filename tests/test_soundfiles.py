"""The operator's sound files: what is read, and what is refused in words."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from numpy.typing import NDArray

from trio_sts.settings import Sound, load
from trio_sts.soundfiles import BadSound, decode_sound, read_sound

TONE_HZ = 440


def tone(rate_hz: int, seconds: float = 1.0, channels: int = 1) -> NDArray[np.float64]:
    times = np.arange(round(rate_hz * seconds)) / rate_hz
    wave = 0.5 * np.sin(2 * np.pi * TONE_HZ * times)
    return np.column_stack([wave] * channels)


def written(
    samples: NDArray[np.float64], rate_hz: int, subtype: str, form: str = "WAV"
) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, subtype=subtype, format=form)
    return file.getvalue()


def loudest_hz(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2")
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum)) * 8000 / len(samples)


@pytest.mark.parametrize(
    ("rate_hz", "subtype", "channels"),
    [
        (8000, "PCM_16", 1),
        (8000, "ULAW", 1),
        (8000, "ALAW", 1),
        (11_025, "PCM_U8", 1),
        (16_000, "PCM_24", 2),
        (44_100, "PCM_32", 2),
        (48_000, "FLOAT", 6),
        (96_000, "DOUBLE", 1),
    ],
)
def test_any_usual_wav_becomes_telephone_audio(
    rate_hz: int, subtype: str, channels: int
) -> None:
    content = written(tone(rate_hz, channels=channels), rate_hz, subtype)
    pcm = decode_sound(content)
    assert len(pcm) == pytest.approx(16_000, abs=600)
    assert loudest_hz(pcm) == pytest.approx(TONE_HZ, abs=2)
    peak = np.abs(np.frombuffer(pcm, "<i2")).max()
    assert peak == pytest.approx(16_384, rel=0.05)


def test_a_file_that_is_too_loud_is_clipped_and_never_wraps() -> None:
    loud = written(tone(8000) * 4, 8000, "FLOAT")
    samples = np.frombuffer(decode_sound(loud), "<i2").astype(int)
    assert np.abs(np.diff(samples)).max() < 40_000


def test_numbers_that_are_none_are_silence() -> None:
    broken = np.full((800, 1), np.nan)
    assert decode_sound(written(broken, 8000, "FLOAT")) == bytes(1600)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no sound file"),
        (b"RIFF\x04\x00\x00\x00WAVE", "no sound file"),
        (b"hello, this is text", "no sound file"),
        (written(tone(8000, 0.0), 8000, "PCM_16"), "no sound in it"),
        (written(tone(8000, 601.0), 8000, "ULAW"), "longer than 600 s"),
        (written(tone(8000, 0.1, 9), 8000, "PCM_16"), "9 channels"),
    ],
)
def test_what_cannot_be_played_says_why(content: bytes, why: str) -> None:
    with pytest.raises(BadSound, match=why):
        decode_sound(content)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none", Path("n" * 300)):
        with pytest.raises(BadSound):
            read_sound(path)


def test_a_setting_holds_the_sound_that_its_file_held(tmp_path: Path) -> None:
    file = tmp_path / "sorry.wav"
    file.write_bytes(written(tone(16_000), 16_000, "PCM_16"))
    environ = {"OPENAI_API_KEY": "key", "STS_APOLOGY": str(file)}
    settings, warnings = load(environ, None, strict=True)
    assert warnings == ()
    assert settings.apology == Sound(file, read_sound(file))
    assert len(repr(settings.apology)) < 200
