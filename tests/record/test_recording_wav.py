"""The head of a recording, judged by a library that reads WAV files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from trio_sts.audio.g711 import MU_LAW
from trio_sts.record.recording_wav import wav_head

_SAMPLES = 24_000


def _audio() -> tuple[bytes, bytes]:
    """Two channels of mu-law, and what they are as PCM."""
    at = np.arange(_SAMPLES)
    left = (9000 * np.sin(at * 0.3)).astype("<i2").tobytes()
    right = (500 * np.sin(at * 0.1)).astype("<i2").tobytes()
    codes = np.empty((_SAMPLES, 2), np.uint8)
    for side, pcm in enumerate((left, right)):
        codes[:, side] = np.frombuffer(MU_LAW.encode(pcm), np.uint8)
    return codes.tobytes(), MU_LAW.decode(codes.tobytes())


@pytest.mark.parametrize("samples", [_SAMPLES, None])
def test_a_finished_file_and_one_that_was_never_finished_are_read_whole(
    tmp_path: Path, samples: int | None
) -> None:
    codes, pcm = _audio()
    path = tmp_path / "call.wav"
    path.write_bytes(wav_head(samples) + codes)
    read, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 8000
    assert read.shape == (_SAMPLES, 2)
    assert read.tobytes() == pcm
    info = soundfile.info(path)
    assert (info.format, info.subtype) == ("WAV", "ULAW")


@pytest.mark.parametrize("cut_bytes", [1, 2, 1000, 2 * _SAMPLES])
def test_a_file_that_was_cut_anywhere_is_read_to_its_end(
    tmp_path: Path, cut_bytes: int
) -> None:
    codes, pcm = _audio()
    path = tmp_path / "call.wav"
    path.write_bytes(wav_head() + codes[: len(codes) - cut_bytes])
    read, _ = soundfile.read(path, dtype="int16")
    whole = (2 * _SAMPLES - cut_bytes) // 2
    assert len(read) == whole
    assert read.tobytes() == pcm[: whole * 4]


def test_sizes_are_right(tmp_path: Path) -> None:
    codes, _ = _audio()
    content = wav_head(_SAMPLES) + codes
    assert int.from_bytes(content[4:8], "little") == len(content) - 8
    fact = content.index(b"fact")
    assert int.from_bytes(content[fact + 8 : fact + 12], "little") == _SAMPLES
    assert content[content.index(b"fmt ") + 8] == 7
    assert len(wav_head()) == len(wav_head(_SAMPLES))


def test_what_is_longer_than_its_sizes_can_say_is_read_whole(tmp_path: Path) -> None:
    # 75 hours; the disk keeps none of it.
    samples = (1 << 31) + 8000
    head = wav_head(samples)
    path = tmp_path / "call.wav"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2 * samples)
    with soundfile.SoundFile(path) as file:
        assert file.frames == samples
        file.seek(samples - 10)
        assert len(file.read(dtype="int16")) == 10
