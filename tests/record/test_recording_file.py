"""A recording on its way to the disk: by the passes of a core, through the writer."""

import os
import resource
import stat
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile  # pyright: ignore[reportMissingTypeStubs]
from structlog.testing import capture_logs
from typing_extensions import override

from trio_sts.conversation.commands import Command, ToCaller
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Finish, Tick
from trio_sts.record.recording import Recording
from trio_sts.record.recording_file import RecordingFile, WavFile
from trio_sts.record.records import Records
from trio_sts.record.writer import MOST_BYTES, RecordFile, Writer
from trio_sts.settings import Settings
from trio_sts.wire.avr import AgentAudio, CallerAudio, Interruption

_LEVEL = 7932
_FRAME = np.full(160, _LEVEL, "<i2").tobytes()
_TICK = Tick()


@asynccontextmanager
async def _writing(most_bytes: int = 300_000) -> AsyncGenerator[Writer]:
    """A writer; what it was given is on the disk at the end."""
    writer = Writer(MOST_BYTES + most_bytes, gather_s=0)
    yield writer
    await writer.aclose()


def _talk(
    file: RecordingFile, seconds: float, *, begin: float = 0.0, say: bytes = _FRAME
) -> None:
    """The caller talks, and the agent at the same time."""
    for n in range(round(seconds / 0.02)):
        now = begin + n * 0.02
        commands: list[Command] = [ToCaller(AgentAudio(say))]
        file.took(CallerAudio(_FRAME), now, commands)


async def test_a_call_is_in_its_file_when_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    async with _writing() as writer:
        file = RecordingFile(Recording(0.0), writer)
        file.took(_TICK, 0.0, [])
        file.begin(tmp_path, "call-1", "call")
        _talk(file, 3.0)
        # Cut where it was cut.
        file.took(_TICK, 3.0, [ToCaller(AgentAudio(_FRAME * 20))])
        file.took(_TICK, 3.1, [ToCaller(Interruption())])
        file.took(Finish(), 4.0, [])
        file.finish(9.0)
    samples, _ = soundfile.read(path, dtype="int16")
    assert len(samples) == 4 * 8000
    assert np.flatnonzero(samples[:, 0])[-1] == 3 * 8000 - 1
    assert np.flatnonzero(samples[:, 1])[-1] == round(3.12 * 8000) - 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # The sizes say so too.
    content = path.read_bytes()
    assert int.from_bytes(content[4:8], "little") == len(content) - 8


async def test_what_was_said_before_the_call_had_its_id_is_in_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "call.wav"
    async with _writing() as writer:
        file = RecordingFile(Recording(0.0), writer)
        _talk(file, 5.0)
        file.begin(tmp_path, "call-1", "call")
        _talk(file, 1.0, begin=5.0)
        file.took(Finish(), 6.0, [])
    samples, _ = soundfile.read(path, dtype="int16")
    assert np.all(samples[: 6 * 8000, 0] == _LEVEL)


def _kept(folder: Path) -> list[str]:
    return os.listdir(folder)


async def test_a_call_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    async with _writing() as writer:
        file = RecordingFile(Recording(0.0), writer)
        _talk(file, 5.0)
        file.took(Finish(), 5.0, [])
    assert not _kept(tmp_path)


async def test_nothing_is_left_of_a_call_that_is_not_to_be_kept(tmp_path: Path) -> None:
    async with _writing() as writer:
        file = RecordingFile(Recording(0.0), writer)
        file.begin(tmp_path, "call-1", "call")
        _talk(file, 3.0)
        file.discard()
        _talk(file, 3.0, begin=3.0)
        file.took(Finish(), 6.0, [])
        file.finish(6.0)
    assert not _kept(tmp_path)


async def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"somebody's")
    with capture_logs() as lines:
        async with _writing() as writer:
            file = RecordingFile(Recording(0.0), writer)
            file.begin(tmp_path, "call-1", "call")
            _talk(file, 3.0)
            file.took(Finish(), 3.0, [])
    assert path.read_bytes() == b"somebody's"
    assert [line["log_level"] for line in lines] == ["warning"]


@contextmanager
def _small_disk(size: int) -> Generator[None]:
    """No file may be longer: a write beyond it fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_costs_the_file_with_one_warning(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    with capture_logs() as lines, _small_disk(40_001):
        async with _writing() as writer:
            file = RecordingFile(Recording(0.0), writer)
            file.begin(tmp_path, "call-1", "call")
            _talk(file, 30.0)
            file.took(Finish(), 30.0, [])
    assert [line["event"] for line in lines] == ["record ends here"]
    # What was written is read to its last sample.
    samples, _ = soundfile.read(path, dtype="int16")
    assert path.stat().st_size == 40_001
    assert len(samples) == (40_001 - 94) // 2


async def test_a_disk_that_hangs_keeps_nobody_and_what_waits_is_bounded(
    tmp_path: Path,
) -> None:
    hangs = threading.Event()

    class Hanging(RecordFile):
        @override
        def write(self, piece: bytes) -> None:
            hangs.wait(60)

    with capture_logs() as lines:
        async with _writing() as writer:
            writer.write(Hanging(tmp_path / "other", "call-2"), b"line")
            file = RecordingFile(Recording(0.0), writer)
            file.begin(tmp_path, "call-1", "call")
            for n in range(60):
                _talk(file, 1.0, begin=n)
                # Its end is told on top of that.
                assert writer.waiting_bytes <= 302_000
            # What is left is for others.
            call_file = RecordFile(tmp_path / "call.call", "call-1")
            assert writer.write(call_file, b"line")
            file.took(Finish(), 60.0, [])
            hangs.set()
    assert len(lines) == 1
    samples, _ = soundfile.read(tmp_path / "call.wav", dtype="int16")
    assert 8 * 8000 < len(samples) < 20 * 8000


async def test_a_caller_who_floods_is_not_kept_for_a_second(tmp_path: Path) -> None:
    recording = Recording(0.0)
    async with _writing() as writer:
        file = RecordingFile(recording, writer)
        file.begin(tmp_path, "call-1", "call")
        _talk(file, 2.0)
        for _ in range(5000):
            file.took(CallerAudio(_FRAME * 5), 2.0, [])
            assert recording.waiting_bytes <= 80_000 + 5 * 160
        file.took(Finish(), 2.0, [])
    assert os.stat(tmp_path / "call.wav").st_size < 40_000


def test_the_file_on_the_disk_can_be_read_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    file = WavFile(path, "call-1")
    for n in range(1, 5):
        file.write(b"\x80\xff" * 800)
        samples, _ = soundfile.read(path, dtype="int16")
        assert len(samples) == n * 800
    file.close()
    assert len(soundfile.read(path)[0]) == 3200


@pytest.mark.parametrize("piece", [b"", b"\x80\xff"])
def test_a_removed_file_is_gone_whatever_comes_after(
    tmp_path: Path, piece: bytes
) -> None:
    file = WavFile(tmp_path / "call.wav", "call-1")
    file.write(b"\x80\xff")
    file.remove()
    file.write(piece)
    file.close()
    assert not _kept(tmp_path)


async def test_a_call_is_recorded_at_the_rate_of_its_line(tmp_path: Path) -> None:
    settings = Settings(api_key="key", record_dir=tmp_path, record_audio=True)
    records = Records(settings)
    for rate_hz in (8_000, 24_000):
        file = records.recording(Rules(caller_rate_hz=rate_hz), 0.0)
        assert file is not None
        file.begin(tmp_path, "call-1", f"call-{rate_hz}")
        frame = np.full(rate_hz // 50, _LEVEL, "<i2").tobytes()
        for n in range(100):
            file.took(CallerAudio(frame), n * 0.02, [ToCaller(AgentAudio(frame))])
        file.took(Finish(), 2.0, [])
    await records.aclose()
    narrow, wide = (
        soundfile.read(tmp_path / f"call-{rate_hz}.wav", dtype="int16")[0]
        for rate_hz in (8_000, 24_000)
    )
    assert len(narrow) == len(wide) == 2 * 8_000
    # But for the steps at the begin and the end.
    assert np.array_equal(narrow[200:-30], wide[200:-30])
