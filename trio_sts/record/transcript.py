"""One JSON Lines file per call: who said what, which tools ran, how it ended."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson
import structlog
from attrs import define, field

_log = structlog.get_logger()


@define(eq=False)
class TranscriptFile:
    """The record of one call; without a folder it keeps nothing.

    Every entry reaches the operating system before `write` returns, so that a crash
    loses nothing. The entries are few and small: writing them delays no call. A
    folder that fails in mid-call ends the transcript, with one warning, not the call.
    """

    _file: BinaryIO | None = field(default=None, repr=False)
    _path: Path | None = field(default=None, repr=False)
    _bytes: int = 0

    @classmethod
    def open(cls, folder: Path | None, uuid: str) -> Self:
        """Begin the record of a call, readable by its owner only.

        Args:
            folder: Where the files are kept; None keeps no record.
            uuid: The call id, fit for a file name; a repeated one gets a new file.
        """
        if folder is None:
            return cls()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path = folder / f"{stamp}-{uuid}.jsonl"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            descriptor = os.open(path, flags, mode=0o600)
        except OSError as exc:
            _log.warning("no transcript of this call", why=exc.strerror)
            return cls()
        return cls(os.fdopen(descriptor, "wb", buffering=0), path)

    @property
    def path(self) -> Path | None:
        """Where it is, as an absolute path; None if nothing is kept."""
        return None if self._path is None else self._path.absolute()

    def write(self, kind: str, fields: dict[str, Any]) -> None:
        """Add one entry with the time of day, in UTC."""
        if self._file is None:
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"time": time, "kind": kind, **fields}
        try:
            line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        except (TypeError, ValueError, OverflowError):
            self._end("an entry that cannot be written")
            return
        try:
            written = self._file.write(line)
            if written != len(line):
                # A nearly full disk takes a part of it: no half line may stay.
                self._file.truncate(self._bytes)
                self._end("no space for the next entry")
            self._bytes += len(line)
        except OSError as exc:
            self._end(exc.strerror)

    def _end(self, why: str | None) -> None:
        _log.warning("transcript ends here", why=why)
        self.close()

    def discard(self) -> None:
        """Keep nothing of this call after all: what was written is removed."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
            self._path = None
        self.close()

    def close(self) -> None:
        """End the record."""
        file, self._file = self._file, None
        if file is not None:
            # A disk that is away may say so only now.
            with suppress(OSError):
                file.close()
