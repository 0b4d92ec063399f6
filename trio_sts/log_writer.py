"""Writing log lines without waiting: a reader that has stopped must not stop the calls."""

import atexit
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

# What may wait for a reader. Lines beyond it are dropped and counted.
WAITING_BYTES = 4 * 1024 * 1024
_FLUSH_S = 0.5


class LogWriter:
    """Takes lines on any thread and writes them on one of its own.

    A pipe that nobody reads blocks whoever writes to it. A log that cannot be written at
    all, because its reader is gone or the disk is full, is lost; calls go on.
    """

    def __init__(self, file: BinaryIO, dropped: Callable[[int], bytes]) -> None:
        """Begin to write to ``file``; ``dropped`` makes the line about lost ones."""
        self._put = _putter(file)
        self._dropped_line = dropped
        self._change = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._writing = False
        self._pid = 0
        self._closed = False

    def as_factory(self, *_: object) -> "LogWriter":
        """Return itself: structlog asks for a logger at each first use."""
        return self

    def msg(self, line: bytes) -> None:
        """Have a line written soon; never waits for the reader."""
        if self._pid != os.getpid():
            self._begin()
        with self._change:
            if self._bytes + len(line) > WAITING_BYTES:
                self._dropped += 1
                return
            if self._dropped:
                self._append(self._dropped_line(self._dropped))
                self._dropped = 0
            self._append(line)
            self._change.notify_all()

    debug = info = warning = error = critical = exception = msg

    def flush(self) -> None:
        """Wait until what was taken is written; not longer than half a second."""
        with self._change:
            if self._pid == os.getpid():
                self._change.wait_for(self._is_idle, _FLUSH_S)

    def close(self) -> None:
        """Write what was taken, as `flush` does, and end the thread."""
        self.flush()
        with self._change:
            self._closed = True
            self._change.notify_all()

    def _is_idle(self) -> bool:
        return not self._waiting and not self._writing

    def _append(self, line: bytes) -> None:
        self._waiting.append(line + b"\n")
        self._bytes += len(line) + 1

    def _begin(self) -> None:
        """Start the thread of this process: a fork leaves it behind."""
        self._pid = os.getpid()
        self._change = threading.Condition()
        self._waiting.clear()
        self._bytes, self._writing = 0, False
        threading.Thread(target=self._write, name="log", daemon=True).start()
        atexit.register(self.flush)

    def _write(self) -> None:
        while True:
            with self._change:
                self._writing = False
                self._change.notify_all()
                self._change.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                lines = b"".join(self._waiting)
                self._waiting.clear()
                self._writing = True
            # OSError: nobody reads any more. ValueError: the file is closed.
            with suppress(OSError, ValueError):
                self._put(lines)
            with self._change:
                self._bytes -= len(lines)


def _putter(file: BinaryIO) -> Callable[[bytes], object]:
    """Return what writes to ``file``.

    To its descriptor, if it has one: Python locks a buffered file while it writes, and
    cannot end while a thread holds the lock of standard output.
    """
    try:
        descriptor = file.fileno()
    except OSError:  # it has none
        return file.write
    file.flush()

    def put(lines: bytes) -> None:
        view = memoryview(lines)
        start = 0
        while start < len(view):
            end = _whole_lines(lines, start)
            start += os.write(descriptor, view[start:end])

    return put


def _whole_lines(lines: bytes, start: int) -> int:
    """To where one write may go: it ends with a line, and is no longer than `PIPE_BUF`.

    Several processes may write to one pipe. Such writes are never mixed by the system;
    a single line that is longer may be, where the reader is slow.
    """
    end = lines.rfind(b"\n", start, start + select.PIPE_BUF)
    if end < 0:
        end = lines.find(b"\n", start)
    return len(lines) if end < 0 else end + 1
