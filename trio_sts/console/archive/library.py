"""What is kept of the calls, from wherever that is: the store, else the call files."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from attrs import define, field, frozen

from trio_sts.callstore.store import CallStore, Wanted
from trio_sts.errors import StoreAway
from trio_sts.record.finished_call import FinishedCall, as_json
from trio_sts.record.outcomes import is_failure

from .figures import add_up
from .files import CallFiles
from .peaks import Unplayable, peaks_of
from .replayed import tell

MOST_LISTED: Final = 200
_LISTED: Final = 50
# For charts: the latest so many calls of a time.
MOST_COUNTED: Final = 20_000
MOST_PEAKS: Final = 4_000
_CURSOR: Final = "~"


class NotFound(Exception):
    """There is no such call, or nothing of it."""


class NotNow(Exception):
    """It cannot be read now."""


@frozen
class _Kept:
    """One call, and those of its files that are here."""

    call: FinishedCall
    file: Path | None
    recording: Path | None


@define(eq=False)
class Library:
    """The calls that are over.

    Attributes:
        store: Where there is one, it has them.
        files: The folder of call files; also where a store names files.
    """

    store: CallStore | None
    files: CallFiles | None
    _folder: Path | None = field(default=None)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Open what the settings name; nothing is connected before it is used."""
        url, folder = config.get("calls_db"), config.get("record_dir")
        path = None if folder is None else Path(folder).resolve()
        return cls(
            None if url is None else CallStore.open(url),
            None if path is None else CallFiles(path),
            path,
        )

    def close(self) -> None:
        """Close the store's connections."""
        if self.store is not None:
            self.store.close()

    @property
    def source(self) -> str:
        """Where the calls are from: ``store``, ``files`` or ``none``."""
        if self.store is not None:
            return "store"
        return "none" if self.files is None else "files"

    def listed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One page of calls, the latest first.

        Raises:
            ValueError: The question cannot be read.
            NotNow: The store is away.
        """
        wanted = wanted_of(asked)
        limit = min(max(int(asked.get("limit") or _LISTED), 1), MOST_LISTED)
        # One more tells whether there are more.
        calls = self._find(wanted, limit + 1)
        more = len(calls) > limit
        calls = calls[:limit]
        return {
            "calls": [self._row(call) for call in calls],
            "next": _cursor(calls[-1]) if more else None,
            "source": self.source,
        }

    def stats(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The figures of a time, for charts."""
        wanted = wanted_of(asked)
        now = datetime.now(UTC)
        return add_up(
            self._find(wanted, MOST_COUNTED), wanted.since, wanted.until or now
        ) | {"source": self.source}

    def one(self, call_id: str) -> dict[str, Any]:
        """Everything about one call.

        Raises:
            NotFound: There is none.
        """
        kept = self._kept(call_id)
        told: dict[str, Any] = {
            # Where files are is nobody's business but the operator's of this machine.
            "call": as_json(kept.call) | self._row(kept.call) | {"files": None},
            "duration_s": kept.call.duration_s,
            "has_recording": kept.recording is not None,
            "transcript": None,
            "timeline": None,
            "spans": {"caller": [], "agent": []},
            "verdict": None,
            "problem": None,
        }
        return told if kept.file is None else told | tell(kept.file)

    def recording(self, call_id: str) -> dict[str, Any]:
        """Where the recording of a call is."""
        return {"path": str(self._recording(call_id))}

    def peaks(self, call_id: str, count: int) -> dict[str, Any]:
        """How loud both voices are, over the whole recording."""
        path = self._recording(call_id)
        try:
            return peaks_of(path, min(max(count, 1), MOST_PEAKS))
        except Unplayable as exc:
            raise NotFound(str(exc)) from exc

    def _recording(self, call_id: str) -> Path:
        path = self._kept(call_id).recording
        if path is None:
            raise NotFound("There is no recording of this call here.")
        return path

    def _find(self, wanted: Wanted, limit: int) -> list[FinishedCall]:
        if self.store is not None:
            try:
                return list(self.store.find(wanted, limit=limit))
            except StoreAway as exc:
                why = f"The database is away: {exc}"
                raise NotNow(why) from exc
        return [] if self.files is None else self.files.find(wanted, limit)

    def _kept(self, call_id: str) -> _Kept:
        call = self._by_id(call_id)
        if call is None:
            raise NotFound("There is no such call.")
        return _Kept(
            call, self._here(call.files.call), self._here(call.files.recording)
        )

    def _by_id(self, call_id: str) -> FinishedCall | None:
        if self.files is not None and (call := self.files.by_id(call_id)) is not None:
            return call
        if self.store is not None:
            try:
                return self.store.with_id(call_id) or next(
                    iter(self.store.with_uuid(call_id)), None
                )
            except StoreAway as exc:
                why = f"The database is away: {exc}"
                raise NotNow(why) from exc
        return None if self.files is None else self.files.of_uuid(call_id)

    def _here(self, name: str | None) -> Path | None:
        """A file that a row names, if it is one of this service's own records."""
        if name is None or self._folder is None:
            return None
        path = Path(name)
        is_own = path.parent.resolve() == self._folder and not path.is_symlink()
        return path if is_own and path.is_file() else None

    def _row(self, call: FinishedCall) -> dict[str, Any]:
        return {
            "id": call.id,
            "uuid": call.uuid,
            "begun_at": call.begun_at.isoformat(timespec="milliseconds"),
            "duration_s": call.duration_s,
            "outcome": call.outcome,
            "close_code": call.close_code,
            "failed": is_failure(call.outcome, call.close_code),
            "caller": call.caller,
            "called": call.called,
            "model": call.model,
            "turns": call.turns,
            "barge_ins": call.barge_ins,
            "tool_calls": call.tool_calls,
            "worst_ms": call.worst_ms or None,
            "turn_median_ms": call.turn.median_ms,
            "cost_usd": call.cost.usd,
            "has_file": self._here(call.files.call) is not None,
            "has_recording": self._here(call.files.recording) is not None,
        }


def wanted_of(asked: Mapping[str, Any]) -> Wanted:
    """Which calls a page asks for; what is empty does not matter.

    Raises:
        ValueError: A value is none of its kind.
    """
    given = {key: value for key, value in asked.items() if value}
    worst_ms = given.get("worst_ms")
    before: tuple[datetime, str] | None = None
    if "before" in given:
        at, _, last_id = str(given["before"]).partition(_CURSOR)
        before = _moment(at), last_id
    return Wanted(
        number=given.get("caller"),
        since=_moment(given["since"]) if "since" in given else None,
        until=_moment(given["until"]) if "until" in given else None,
        outcome=given.get("outcome"),
        slower_than_s=None if worst_ms is None else _number(worst_ms) / 1000,
        longer_than_s=_number(given["min_s"]) if "min_s" in given else None,
        text=given.get("q"),
        before=before,
    )


def _cursor(call: FinishedCall) -> str:
    return f"{call.begun_at.isoformat()}{_CURSOR}{call.id}"


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(str(text))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        why = f"{str(text)[:40]!r} is no time"
        raise ValueError(why) from None


def _number(text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError, OverflowError):
        value = -1.0
    if not 0 <= value <= _LARGEST:
        why = f"{str(text)[:40]!r} is no such number"
        raise ValueError(why)
    return value


_LARGEST: Final = 1e9
