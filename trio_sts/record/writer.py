"""One thread that writes all files of records: no call ever waits for a disk.

What waits for it is bounded in bytes. A file that cannot be written, or for which there
is no room, ends there, with one warning; the call goes on. Each piece is a gzip member
of its own, so that a file can be read to the last piece, whatever became of the process,
and no compressor is kept for a call.
"""

import os
import threading
import zlib
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Literal

import structlog
import trio
from attrs import define, field

# Of all calls together: half a minute of 500 calls.
MOST_BYTES: Final = 16 * 1024 * 1024
# Lines of many calls are written in one go; with what a line waits for in its call this
# makes less than a second.
GATHER_S: Final = 0.1
# A window of 2 KiB: a larger one costs more to set up than it saves.
_LEVEL, _WINDOW, _MEMORY = 1, 16 + 11, 4
# What a job takes beside its bytes.
_JOB_BYTES: Final = 512

FileResult = Literal["written", "lost"]

_log = structlog.get_logger()


@define(eq=False)
class RecordFile:
    """A file of a record's, as the writer knows it; all of it is done in the thread.

    Attributes:
        path: Where it is; it must not exist.
        call_id: For the log.
        lost: Whether a part of it could not be written.
    """

    path: Path
    call_id: str
    _descriptor: int = -1
    _failed: bool = False
    _bytes: int = 0
    lost: bool = field(default=False, init=False)

    def write(self, piece: bytes) -> None:
        """Add a piece; what a full disk has taken in part is taken back.

        The first one makes the file, readable by its owner alone.
        """
        if self._failed:
            return
        if self._descriptor < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, mode=0o600)
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY)
        packed = packer.compress(piece) + packer.flush()
        written = os.write(self._descriptor, packed)
        if written < len(packed):
            os.ftruncate(self._descriptor, self._bytes)
            self.fail("no space for the next lines")
        else:
            self._bytes += written

    def fail(self, why: str | None) -> None:
        """No more is written; that is told once."""
        if not self._failed:
            self._failed = self.lost = True
            _log.warning("record ends here", why=why, call_id=self.call_id)
        self.close()

    def close(self) -> None:
        """Let the file go."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def remove(self) -> None:
        """Keep nothing of it."""
        self._failed = True
        self.close()
        with suppress(FileNotFoundError):
            self.path.unlink()


_Job = tuple[RecordFile, Callable[[], None], int]


@define(eq=False)
class Writer:
    """The thread, and what waits for it.

    It begins with the first job. It is no child that is waited for: a disk that hangs
    keeps neither a call nor the end of the process.

    Attributes:
        most_bytes: What may wait.
        gather_s: How long it gathers what is to be written.
        results: How many files were written whole, and how many were not.
    """

    most_bytes: int = MOST_BYTES
    gather_s: float = GATHER_S
    results: Counter[FileResult] = field(factory=Counter[FileResult])
    # No lock is taken for a job: a deque's ends are safe, each sum is one thread's own, and
    # the event is set where it is not, which is ten times a second at most.
    _jobs: deque[_Job] = field(factory=deque[_Job])
    _put_bytes: int = 0
    _done_bytes: int = 0
    _some: threading.Event = field(factory=threading.Event)
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    @property
    def waiting_bytes(self) -> int:
        """What waits to be written."""
        return self._put_bytes - self._done_bytes

    def write(self, file: RecordFile, piece: bytes, *, spare_bytes: int = 0) -> bool:
        """Add a piece to a file.

        Args:
            file: The file.
            piece: What is added.
            spare_bytes: So much room is left to others.

        Returns:
            False if there is no room for it: the file ends there, and is not to be given
            to this writer any more.
        """
        if not self._has_room(len(piece) + spare_bytes):
            self._put(file, lambda: file.fail("the disk is too slow"))
            return False
        return self._put(file, lambda: file.write(piece), len(piece))

    def close(self, file: RecordFile) -> None:
        """No more is written to a file."""
        self._put(file, partial(self._close, file))

    def remove(self, file: RecordFile) -> None:
        """Keep nothing of a file."""
        self._put(file, file.remove)

    async def aclose(self) -> None:
        """Write what waits; a disk that hangs is left to itself if this is cancelled."""
        self._over.set()
        self._some.set()
        if self._thread is not None:
            await trio.to_thread.run_sync(self._thread.join, abandon_on_cancel=True)

    def _close(self, file: RecordFile) -> None:
        file.close()
        if not file.lost:
            self.results["written"] += 1

    def _has_room(self, size: int) -> bool:
        return self.waiting_bytes + size + _JOB_BYTES <= self.most_bytes

    def _put(self, file: RecordFile, job: Callable[[], None], size: int = 0) -> bool:
        size += _JOB_BYTES
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="records", daemon=True
            )
            self._thread.start()
        self._put_bytes += size
        self._jobs.append((file, job, size))
        if not self._some.is_set():
            self._some.set()
        return True

    def _run(self) -> None:
        while self._jobs or not self._over.is_set():
            self._some.wait()
            # What comes from here on sets it again.
            self._some.clear()
            self._over.wait(self.gather_s)
            while self._jobs:
                file, job, size = self._jobs.popleft()
                was_lost = file.lost
                _do(file, job)
                if file.lost and not was_lost:
                    self.results["lost"] += 1
                self._done_bytes += size


def _do(file: RecordFile, job: Callable[[], None]) -> None:
    try:
        job()
    except OSError as exc:
        with suppress(OSError):
            file.fail(exc.strerror)
    # A fault of ours costs this file, and not those of all calls after it.
    except Exception:  # noqa: BLE001
        _log.exception("record crashed", call_id=file.call_id)
        with suppress(OSError):
            file.fail("a fault of this program")
