import os
import resource
import stat
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from structlog.testing import capture_logs

from trio_sts.record.transcript import TranscriptFile


def entries(folder: Path) -> list[dict[str, Any]]:
    (path,) = folder.iterdir()
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_every_entry_is_in_the_file_before_the_next_thing_happens(
    tmp_path: Path,
) -> None:
    record = TranscriptFile.open(tmp_path, "call-1")
    record.write("utterance", {"role": "user", "text": "grüß Gott"})
    (entry,) = entries(tmp_path)
    record.close()
    assert entry["kind"] == "utterance"
    assert entry["text"] == "grüß Gott"
    assert datetime.fromisoformat(entry["time"]).tzinfo is not None


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        TranscriptFile.open(tmp_path, "call-1").close()
    finally:
        os.umask(old)
    (path,) = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_call_id_that_comes_back_gets_a_file_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        TranscriptFile.open(tmp_path, "..").close()
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_folder_nothing_is_kept() -> None:
    record = TranscriptFile.open(None, "call-1")
    record.write("utterance", {"text": "hello"})
    record.close()


def test_a_folder_that_is_gone_costs_the_transcript_and_not_the_call(
    tmp_path: Path,
) -> None:
    with capture_logs() as lines:
        record = TranscriptFile.open(tmp_path / "gone", "call-1")
    record.write("utterance", {"text": "hello"})
    assert [line["log_level"] for line in lines] == ["warning"]


def test_a_disk_that_is_full_ends_the_transcript_with_one_warning() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, capture_logs() as lines:
        record = TranscriptFile(full)
        record.write("utterance", {"text": "hello"})
        record.write("utterance", {"text": "hello again"})
    assert [line["event"] for line in lines] == ["transcript ends here"]


@contextmanager
def full_after_300_bytes() -> Generator[None]:
    """Let files grow to 300 bytes: then a write takes a part, and the next one fails.

    It holds for every file of the process, the one that the tests' report goes to too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_nearly_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    record = TranscriptFile.open(tmp_path, "call-1")
    with capture_logs() as lines, full_after_300_bytes():
        for number in range(20):
            record.write("utterance", {"text": f"number {number}"})
    record.close()

    (path,) = tmp_path.iterdir()
    assert path.read_bytes().endswith(b"\n")
    kept = [entry["text"] for entry in entries(tmp_path)]
    assert kept == [f"number {number}" for number in range(len(kept))]
    assert len(kept) > 1
    assert [line["event"] for line in lines] == ["transcript ends here"]
