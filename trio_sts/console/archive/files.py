"""Calls by their call files: the first and the last line of each, as the list shows them."""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import define, field, frozen

from trio_sts.callstore.numbers import number_key
from trio_sts.callstore.store import Wanted
from trio_sts.console.json import as_object
from trio_sts.record.callfile import SUFFIX
from trio_sts.record.finished_call import Files, FinishedCall, Wait
from trio_sts.record.prices import Cost
from trio_sts.record.recording_file import SUFFIX as WAV

# The newest so many files are looked at.
MOST_FILES: Final = 5_000
_FIRST_LINES: Final = 12
# The last line is in the last piece, which is small.
_TAIL_BYTES: Final = 256 * 1024
_MOST_PIECE_BYTES: Final = 8 * 1024 * 1024
_MAGIC: Final = b"\x1f\x8b\x08"
_GZIP: Final = 16 + zlib.MAX_WBITS
_NO_END: Final = "no last line"


@frozen
class _Read:
    size: int
    changed_ns: int
    call: FinishedCall | None


@define(eq=False)
class CallFiles:
    """The call files of a folder; what was read of one is kept until it changes."""

    folder: Path
    _read: dict[str, _Read] = field(factory=dict[str, _Read])

    def find(self, wanted: Wanted, limit: int) -> list[FinishedCall]:
        """The calls that are wanted, the latest first."""
        found: list[FinishedCall] = []
        for call in self._all():
            if matches(call, wanted):
                found.append(call)
                if len(found) >= limit:
                    break
        return found

    def by_id(self, call_id: str) -> FinishedCall | None:
        """The call whose file has this id."""
        if not call_id.startswith("f-"):
            return None
        names = (name for name in self._names() if _id_of(name) == call_id)
        name = next(names, None)
        return None if name is None else self._call(name)

    def of_uuid(self, uuid: str) -> FinishedCall | None:
        """The latest call with this call id."""
        return next((call for call in self._all() if call.uuid == uuid), None)

    def _all(self) -> Iterator[FinishedCall]:
        for name in self._names():
            call = self._call(name)
            if call is not None:
                yield call

    def _names(self) -> list[str]:
        # Their names begin with the time.
        try:
            names = [n for n in os.listdir(self.folder) if n.endswith(SUFFIX)]
        except OSError:
            return []
        return sorted(names, reverse=True)[:MOST_FILES]

    def _call(self, name: str) -> FinishedCall | None:
        path = self.folder / name
        try:
            found = path.lstat()
        except OSError:
            return None
        known = self._read.get(name)
        size, changed_ns = found.st_size, found.st_mtime_ns
        if known is None or (known.size, known.changed_ns) != (size, changed_ns):
            if len(self._read) > MOST_FILES:
                self._read.clear()
            call = None if path.is_symlink() else read_call(path)
            known = self._read[name] = _Read(size, changed_ns, call)
        return known.call


def read_call(path: Path) -> FinishedCall | None:
    """A call by the first and the last line of its file; None if it is no call file."""
    first, numbers = _beginning(path)
    if first is None:
        return None
    end = _end(path)
    recording = path.with_suffix(WAV)
    try:
        return _call_of(path, first, numbers, end, has_recording=recording.is_file())
    except (KeyError, TypeError, ValueError):
        return None


def _call_of(
    path: Path,
    first: Mapping[str, Any],
    numbers: Mapping[str, Any],
    end: Mapping[str, Any],
    *,
    has_recording: bool,
) -> FinishedCall:
    begun_at = datetime.fromisoformat(first["opened"]).astimezone(UTC)
    duration_s = float(end.get("duration_s", 0))
    session: Mapping[str, Any] = first.get("session") or {}
    return FinishedCall(
        id=_id_of(path.name),
        uuid=str(first["call"]),
        begun_at=begun_at,
        ended_at=begun_at,
        duration_s=duration_s,
        outcome=str(end.get("outcome", _NO_END)),
        close_code=int(end.get("close_code", 0)),
        caller=_text(numbers.get("caller")),
        called=_text(numbers.get("called")),
        model=str(session.get("model", "")),
        turns=int(end.get("turns", 0)),
        barge_ins=int(end.get("barge_ins", 0)),
        keys=int(end.get("keys", 0)),
        tool_calls=int(end.get("tools", 0)),
        greeting=_wait(None, end.get("greeting_latency_ms")),
        turn=_wait(end.get("turn_latency_median_ms"), end.get("turn_latency_worst_ms")),
        tool=_wait(end.get("tool_latency_median_ms"), end.get("tool_latency_worst_ms")),
        cost=Cost(end.get("cost_usd"), tuple(end.get("no_price_for", ()))),
        reconnects=int(end.get("reconnects", 0)),
        files=Files(
            call=str(path),
            recording=str(path.with_suffix(WAV)) if has_recording else None,
        ),
        version=str(first.get("program", "")),
    )


def _wait(median_ms: int | None, worst_ms: int | None) -> Wait:
    if worst_ms is None:
        return Wait()
    return Wait(1, median_ms or worst_ms, worst_ms)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _id_of(name: str) -> str:
    """An id that is nothing but letters and digits, whatever the call's uuid is."""
    return f"f-{hashlib.sha256(os.fsencode(name)).hexdigest()[:24]}"


def _beginning(path: Path) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
    """The first line, and the numbers if they are noted soon after it."""
    first: Mapping[str, Any] | None = None
    try:
        with gzip.open(path, "rb") as file:
            first = _object(file.readline(_MOST_PIECE_BYTES))
            if first is None or "format" not in first:
                return None, {}
            for _ in range(_FIRST_LINES):
                line = _object(file.readline(_MOST_PIECE_BYTES))
                if line is not None and line.get("note") == "numbers":
                    return first, line
    except (OSError, EOFError, zlib.error):
        pass
    return first, {}


def _end(path: Path) -> Mapping[str, Any]:
    """What the last line tells; nothing if the file has none yet."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - _TAIL_BYTES, 0))
            tail = file.read()
    except OSError:
        return {}
    at = len(tail)
    while (at := tail.rfind(_MAGIC, 0, at)) >= 0:
        try:
            unpacker = zlib.decompressobj(_GZIP)
            piece = unpacker.decompress(tail[at:], _MOST_PIECE_BYTES)
        except zlib.error:
            # These bytes were no beginning of a piece.
            continue
        if unpacker.eof and not unpacker.unused_data:
            last = _object(piece.rstrip(b"\n").rpartition(b"\n")[2])
            return as_object((last or {}).get("end")) or {}
    return {}


def _object(line: bytes) -> Mapping[str, Any] | None:
    try:
        told: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return as_object(told)


def matches(call: FinishedCall, wanted: Wanted) -> bool:
    """The same as the store's conditions."""
    numbers = {number_key(call.caller), number_key(call.called)}
    texts = (call.uuid, call.caller, call.called, call.outcome, call.model)
    part = (wanted.text or "").casefold()
    refusals = (
        wanted.number is not None and number_key(wanted.number) not in numbers,
        wanted.since is not None and call.begun_at < wanted.since,
        wanted.until is not None and call.begun_at >= wanted.until,
        wanted.outcome is not None
        and wanted.outcome.casefold() not in call.outcome.casefold(),
        wanted.slower_than_s is not None
        and call.worst_ms <= wanted.slower_than_s * 1000,
        wanted.longer_than_s is not None and call.duration_s < wanted.longer_than_s,
        part and not any(part in (text or "").casefold() for text in texts),
        wanted.before is not None and not _is_before(call, wanted.before),
    )
    return not any(refusals)


def _is_before(call: FinishedCall, before: tuple[datetime, str]) -> bool:
    at, last_id = before
    return call.begun_at < at or (call.begun_at == at and call.id > last_id)
