"""Entries that wait for a sink, as files: one for each, whole or not there at all.

::

    <folder>/<sink>/<one for each process>/<milliseconds>-<id>.json

A process holds a lock on its own folder for as long as it lives, so that another one takes
over the entries of those that have ended, and of no other. Everything here blocks.
"""

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from attrs import define, field, frozen

_LOCK = "lock"
_ENDING = ".json"
# What may be on disk for one sink. A call is some kilobytes, with a long transcript 300.
MOST_BYTES = 256 * 1024 * 1024


class SpoolFull(OSError):
    """There is as much in the spool as may be."""

    def __init__(self) -> None:
        super().__init__(None, "as much is spooled as may be")


@frozen
class Spooled:
    """An entry in a file.

    Attributes:
        id: The entry's.
        created_ms: When it was made, in milliseconds since 1970.
        path: The file.
        body: What is in it.
    """

    id: str
    created_ms: int
    path: Path
    body: bytes = field(repr=False)


@define(eq=False)
class Spool:
    """The files of one sink; every method raises `OSError` where the disk does."""

    root: Path
    most_bytes: int = MOST_BYTES
    _own: Path | None = None
    _lock: int = -1
    _bytes: int = 0

    def write(self, entry_id: str, created_ms: int, body: bytes) -> Path:
        """Keep an entry; when this returns a crash of the process does not lose it.

        Raises:
            SpoolFull: There is too much already.
        """
        if self._bytes + len(body) > self.most_bytes:
            raise SpoolFull
        folder = self._open()
        path = folder / f"{created_ms:015}-{entry_id}{_ENDING}"
        part = folder / f".{entry_id}"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
            part.replace(path)
        except OSError:
            with suppress(OSError):
                part.unlink()
            raise
        self._bytes += len(body)
        return path

    def remove(self, path: Path) -> None:
        """An entry is not needed any more; it may be gone already."""
        with suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            self._bytes = max(self._bytes - size, 0)

    def load(self, known: Collection[str], most: int) -> list[Spooled]:
        """The oldest entries of this process that are not among the known ones."""
        if self._own is None:
            return []
        found: list[Spooled] = []
        for path in entries(self._own):
            if len(found) == most:
                break
            entry_id = id_of(path)
            if entry_id not in known:
                with suppress(FileNotFoundError, ValueError):
                    created_ms = int(path.name.partition("-")[0])
                    found.append(Spooled(entry_id, created_ms, path, path.read_bytes()))
        return found

    def take_over(self) -> int:
        """Take the entries of processes that have ended; how many there were."""
        taken = 0
        if not self.root.is_dir():
            return 0
        for folder in _folders(self.root):
            if folder == self._own:
                continue
            try:
                lock = os.open(folder / _LOCK, os.O_RDWR)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                taken += self._move_from(folder)
            except BlockingIOError:
                # It lives.
                continue
            except FileNotFoundError:
                # Between the two steps another process has taken over the folder, with
                # the lock's file: several begin at once.
                continue
            finally:
                os.close(lock)
        return taken

    def close(self) -> None:
        """Let the next process have what is left."""
        if self._own is None:
            return
        with suppress(OSError):
            if not entries(self._own):
                (self._own / _LOCK).unlink()
                self._own.rmdir()
        os.close(self._lock)
        self._own, self._lock = None, -1

    def _open(self) -> Path:
        """This process's own folder, locked before others can see it."""
        if self._own is not None and self._own.is_dir():
            return self._own
        # The folder above the two is the operator's: a disk may not be mounted.
        self.root.parent.mkdir(mode=0o700, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)
        name = uuid4().hex
        new, own = self.root / f".{name}", self.root / name
        new.mkdir(mode=0o700)
        lock = os.open(new / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        new.rename(own)
        if self._lock >= 0:
            # Somebody has removed the folder that we had.
            os.close(self._lock)
        self._own, self._lock, self._bytes = own, lock, 0
        return own

    def _move_from(self, folder: Path) -> int:
        taken = 0
        for path in entries(folder):
            own = self._open()
            size = path.stat().st_size
            path.rename(own / path.name)
            self._bytes += size
            taken += 1
        for rest in folder.iterdir():
            rest.unlink()
        folder.rmdir()
        return taken


def entries(folder: Path) -> list[Path]:
    """The files of a process's folder, the oldest first."""
    return sorted(path for path in folder.iterdir() if path.suffix == _ENDING)


def all_entries(root: Path) -> Iterator[Path]:
    """The files of all processes, those that live too."""
    if root.is_dir():
        for folder in _folders(root):
            with suppress(FileNotFoundError):
                yield from entries(folder)


def id_of(path: Path) -> str:
    """The id of the entry in a file."""
    return path.stem.partition("-")[2]


def _folders(root: Path) -> list[Path]:
    return sorted(
        path for path in root.iterdir() if path.is_dir() and path.name[0] != "."
    )
