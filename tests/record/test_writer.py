"""The thread that writes: what a slow, full or hanging disk costs."""

import errno
import gzip
import os
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from attrs import define, field
from structlog.testing import capture_logs
from typing_extensions import override

from trio_sts.record.writer import RecordFile, Writer


@define(eq=False)
class Hanging(RecordFile):
    """A file on a disk that answers when the test says so."""

    goes_on: threading.Event = field(factory=threading.Event)
    hangs: threading.Event = field(factory=threading.Event)

    @override
    def write(self, piece: bytes) -> None:
        self.hangs.set()
        self.goes_on.wait(60)
        super().write(piece)


async def closed(writer: Writer) -> None:
    with trio.fail_after(10):
        await writer.aclose()


async def test_pieces_are_members_of_one_file(tmp_path: Path) -> None:
    writer, file = Writer(gather_s=0), RecordFile(tmp_path / "a.call", "call-1")
    assert writer.write(file, b"one\n")
    assert writer.write(file, b"two\n")
    writer.close(file)
    await closed(writer)
    assert gzip.decompress(file.path.read_bytes()) == b"one\ntwo\n"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


async def test_what_waits_for_a_disk_that_hangs_is_bounded(tmp_path: Path) -> None:
    writer = Writer(most_bytes=100_000, gather_s=0)
    file = Hanging(tmp_path / "a.call", "call-1")
    other = RecordFile(tmp_path / "b.call", "call-2")
    with capture_logs() as lines:
        assert writer.write(file, b"first")
        file.hangs.wait(10)
        most, refused = 0, 0
        for _ in range(10_000):
            if not writer.write(other, bytes(1_000)):
                refused += 1
                break
            most = max(most, writer.waiting_bytes)
        assert refused
        assert most <= 100_000
        # A file that is refused is given up: that alone still waits for the disk.
        assert writer.waiting_bytes < 110_000
        file.goes_on.set()
        await closed(writer)
    assert gzip.decompress(file.path.read_bytes()) == b"first"
    told = [(line["event"], line["call_id"]) for line in lines]
    assert told == [("record ends here", "call-2")]


async def test_a_disk_that_hangs_does_not_hold_up_the_end(tmp_path: Path) -> None:
    writer, file = Writer(gather_s=0), Hanging(tmp_path / "a.call", "call-1")
    writer.write(file, b"first")
    file.hangs.wait(10)
    with trio.move_on_after(0.05) as bound:
        await writer.aclose()
    assert bound.cancelled_caught
    file.goes_on.set()
    await closed(writer)


@contextmanager
def full_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The disk takes so many writes whole, of the next one a part, and then none."""
    real = os.write
    left = writes

    def write(descriptor: int, data: bytes) -> int:
        nonlocal left
        left -= 1
        if left >= 0:
            return real(descriptor, data)
        if left == -1:
            return real(descriptor, data[:5])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("trio_sts.record.writer.os.write", write)
        yield


@pytest.mark.parametrize("writes", [0, 1, 2])
async def test_a_full_disk_leaves_whole_pieces_and_one_warning(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, file = Writer(gather_s=0), RecordFile(tmp_path / "a.call", "call-1")
    with capture_logs() as lines, full_after(writes, monkeypatch):
        for number in range(5):
            writer.write(file, b"%d\n" % number)
        writer.close(file)
        await closed(writer)
    told = [line for line in lines if line["event"] == "record ends here"]
    assert len(told) == 1
    packed = file.path.read_bytes()
    whole = gzip.decompress(packed) if packed else b""
    assert whole == b"".join(b"%d\n" % number for number in range(writes))


async def test_a_folder_that_is_gone_costs_the_file_with_one_warning(
    tmp_path: Path,
) -> None:
    writer, file = Writer(gather_s=0), RecordFile(tmp_path / "gone" / "a", "call-1")
    with capture_logs() as lines:
        for _ in range(3):
            writer.write(file, b"line\n")
        await closed(writer)
    assert [line["why"] for line in lines] == ["No such file or directory"]


async def test_a_fault_of_ours_costs_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(gather_s=0)
    one = RecordFile(tmp_path / "a.call", "call-1")
    other = RecordFile(tmp_path / "b.call", "call-2")
    with capture_logs() as lines:
        writer.write(one, "no bytes")  # type: ignore[arg-type] # that is the fault
        writer.write(other, b"line\n")
        await closed(writer)
    assert [line["event"] for line in lines] == ["record crashed", "record ends here"]
    assert gzip.decompress(other.path.read_bytes()) == b"line\n"


async def test_a_file_that_is_not_to_be_kept_is_removed(tmp_path: Path) -> None:
    writer, file = Writer(gather_s=0), RecordFile(tmp_path / "a.call", "call-1")
    writer.write(file, b"line\n")
    writer.remove(file)
    writer.write(file, b"late\n")
    await closed(writer)
    assert not os.listdir(tmp_path)
