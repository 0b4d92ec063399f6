"""Removing what is kept of a caller: rows, files, and what waits to be delivered."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import orjson
from attrs import define, field

from trio_sts.callstore.numbers import number_key
from trio_sts.callstore.store import CallStore
from trio_sts.delivery.archive import store_spool, webhook_spool
from trio_sts.delivery.spool import Spool, all_entries, id_of
from trio_sts.record.finished_call import FinishedCall
from trio_sts.settings import Settings

# Who called is noted when the call begins.
_FIRST_LINES = 50
_CALL_FILES, _TRANSCRIPTS = "*.call", "*.jsonl"


@define
class Kept:
    """What is kept of one number.

    Attributes:
        key: The number as it is compared.
        called: Whether calls to the number are its, too.
        rows: Its calls in the store.
        spooled: Files of entries that wait for the store or for the webhook.
        files: Call files, recordings and transcripts.
        missing: Files that a row names and that are not here.
        failed: What could not be removed, and why.
    """

    key: str = field(repr=False)
    called: bool
    rows: list[FinishedCall] = field(factory=list[FinishedCall])
    spooled: list[Path] = field(factory=list[Path])
    files: set[Path] = field(factory=set[Path])
    missing: set[str] = field(factory=set[str])
    failed: list[str] = field(factory=list[str])
    _ids: set[str] = field(factory=set[str])
    _uuids: set[str] = field(factory=set[str])

    def __bool__(self) -> bool:
        return bool(self.rows or self.spooled or self.files)

    def matches(self, call: Mapping[str, Any]) -> bool:
        """Whether a call's numbers are this one."""
        names = ("caller", "called") if self.called else ("caller",)
        given = (call.get(name) for name in names)
        return self.key in {number_key(each) for each in given if isinstance(each, str)}

    def add(self, uuid: str, entry_id: str, paths: Iterable[str | None]) -> None:
        """One of its calls, and the files that are known of it."""
        self._uuids.add(uuid)
        self._ids.add(entry_id)
        for path in paths:
            if path is not None:
                found = [each for each in _family(Path(path)) if each.is_file()]
                self.files.update(found)
                if not found:
                    self.missing.add(path)

    def is_known(self, entry_id: str) -> bool:
        """Whether an entry is of one of its calls."""
        return entry_id in self._ids

    def is_named(self, path: Path) -> bool:
        """Whether a file's name has the id of one of its calls at its end."""
        _, _, uuid = path.stem.partition("-")
        return uuid in self._uuids


def look_up(
    settings: Settings, store: CallStore | None, number: str, *, called: bool
) -> Kept:
    """Find everything that is kept of a number, and remove nothing.

    Raises:
        ValueError: There is nothing left of the number without signs.
        StoreAway: The store cannot be asked.
    """
    key = number_key(number)
    if key is None:
        raise ValueError("no number")
    kept = Kept(key, called)
    if store is not None:
        kept.rows = store.of_number(number, called=called)
    for call in kept.rows:
        files = call.files
        paths = (files.call, files.recording, files.transcript)
        kept.add(call.uuid, call.id, paths)
    _look_in_spools(settings, kept)
    call_files = _files(settings.record_dir, _CALL_FILES)
    for path in call_files:
        noted = numbers_in(path)
        if noted is not None and kept.matches(noted):
            kept.add(str(noted.get("call", "")), "", [str(path)])
    for path in call_files + _files(settings.transcript_dir, _TRANSCRIPTS):
        if kept.is_named(path):
            kept.files.update(_family(path))
    return kept


def remove(store: CallStore | None, kept: Kept) -> int:
    """Remove what was found; rows last, and only if their files are gone.

    Returns:
        How many rows were removed.

    Raises:
        StoreAway: The store cannot be asked.
    """
    for path in [*kept.spooled, *sorted(kept.files)]:
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            kept.failed.append(f"{path}: {exc.strerror}")
    if store is None or kept.failed:
        return 0
    return store.remove([call.id for call in kept.rows])


def _look_in_spools(settings: Settings, kept: Kept) -> None:
    """The store's first: its entries tell the ids of those of the webhook."""
    waiting = [*_entries(store_spool(settings)), *_entries(webhook_spool(settings))]
    for path, call in waiting:
        if kept.matches(call) or kept.is_known(id_of(path)):
            files = call.get("files")
            paths = cast("dict[str, str | None]", files or {}).values()
            kept.add(str(call.get("uuid", "")), id_of(path), paths)
            kept.spooled.append(path)


def _entries(spool: Spool | None) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The files of a spool, and the call in each, in either sink's form."""
    for path in () if spool is None else all_entries(spool.root):
        try:
            body: Any = orjson.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(body, dict):
            entry = cast("dict[str, Any]", body)
            call: Any = entry.get("data", entry)
            if isinstance(call, dict):
                yield path, cast("dict[str, Any]", call)


def numbers_in(path: Path) -> Mapping[str, Any] | None:
    """Who called and who was called, as a call file notes it; None if it does not."""
    try:
        with gzip.open(path, "rb") as file:
            first: Any = orjson.loads(file.readline())
            for _ in range(_FIRST_LINES):
                line: Any = orjson.loads(file.readline())
                if line.get("note") == "numbers":
                    return {**line, "call": first.get("call")}
    except (OSError, EOFError, zlib.error, ValueError, AttributeError):
        return None
    return None


def _family(path: Path) -> list[Path]:
    """A file and those beside it of the same name: a recording is one of them."""
    if not path.parent.is_dir():
        return []
    stem = path.stem
    return [
        each
        for each in path.parent.iterdir()
        if each.stem == stem and each.is_file() and not each.is_symlink()
    ]


def _files(folder: Path | None, pattern: str) -> list[Path]:
    return [] if folder is None else sorted(folder.glob(pattern))
