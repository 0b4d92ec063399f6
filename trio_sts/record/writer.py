"""One thread that writes all files of records: no call ever waits for a disk.

What waits for it is bounded in bytes. A file that cannot be written, or for which there
is no room, ends there, with one warning; the call goes on. Each piece is a gzip member
of its own, so that a file can be read to the last piece, whatever became of the process,
and no compressor is kept for a call.
"""

import os
import threading
import zlib
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

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

_log = structlog.get_logger()


@define(eq=False)
class RecordFile:
    """A file of a record's, as the writer knows it; all of it is done in the thread.

    Attributes:
        path: Where it is; it must not exist.
        call_id: For the log.
    """

    path: Path
    call_id: str
    _descriptor: int = -1
    _failed: bool = False
    _bytes: int = 0

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
            self._failed = True
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
    """

    most_bytes: int = MOST_BYTES
    gather_s: float = GATHER_S
    _jobs: deque[_Job] = field(factory=deque[_Job])
    _waiting_bytes: int = 0
    _changed: threading.Condition = field(factory=threading.Condition)
    _thread: threading.Thread | None = None
    _is_over: bool = False

    @property
    def waiting_bytes(self) -> int:
        """What waits to be written."""
        return self._waiting_bytes

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
        self._put(file, file.close)

    def remove(self, file: RecordFile) -> None:
        """Keep nothing of a file."""
        self._put(file, file.remove)

    async def aclose(self) -> None:
        """Write what waits; a disk that hangs is left to itself if this is cancelled."""
        with self._changed:
            self._is_over = True
            self._changed.notify()
        if self._thread is not None:
            await trio.to_thread.run_sync(self._thread.join, abandon_on_cancel=True)

    def _has_room(self, size: int) -> bool:
        return self._waiting_bytes + size + _JOB_BYTES <= self.most_bytes

    def _put(self, file: RecordFile, job: Callable[[], None], size: int = 0) -> bool:
        size += _JOB_BYTES
        # The lock is held for a few instructions, on this side and on the other.
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="records", daemon=True
                )
                self._thread.start()
            self._jobs.append((file, job, size))
            self._waiting_bytes += size
            if len(self._jobs) == 1:
                self._changed.notify()
        return True

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    if self._is_over:
                        return
                    self._changed.wait()
                if not self._is_over:
                    self._changed.wait(self.gather_s)
                jobs = [*self._jobs]
                self._jobs.clear()
            for file, job, size in jobs:
                _do(file, job)
                with self._changed:
                    self._waiting_bytes -= size


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
