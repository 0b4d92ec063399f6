"""What waits for one sink: bounded in memory, and in files where those can be written."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, NoReturn, TypeVar

import structlog
import trio
from attrs import define, field

from .signals import Signal
from .spool import Spool
from .trouble import Trouble

# Calls of an hour with one a second fit, or some with very long transcripts.
MOST_ENTRIES = 4000
MOST_BYTES = 16 * 1024 * 1024
# So many are read from the disk at once, when there is room for them.
_LOADED_AT_ONCE = 200
# A disk that refused is tried again; entries of processes that ended are looked for.
_WRITE_AGAIN_S = 10.0
_TAKE_OVER_S = 60.0

Result = Literal["delivered", "refused", "given up", "forgotten", "lost"]
_T = TypeVar("_T")

_log = structlog.get_logger()


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


@define(eq=False)
class Entry:
    """One call on its way to a sink.

    Attributes:
        id: The finished call's.
        body: JSON, as the sink takes it.
        created_ms: When it was put in, in milliseconds since 1970.
        path: Its file, once there is one.
        since: From when on the sink is tried, on Trio's clock.
        busy: Somebody delivers it now.
        tries: How often that was tried.
        due_at: When the next try is, on Trio's clock.
    """

    id: str
    body: bytes = field(repr=False)
    created_ms: int
    since: float
    path: Path | None = None
    busy: bool = False
    tries: int = 0
    due_at: float = 0


@define(eq=False)
class Outbox:
    """The entries of one sink, the oldest first.

    Attributes:
        sink: Its name in the log.
        spool: Where entries are files; None keeps them in memory alone.
        waiting: Those in memory, by id.
        results: How many ended how.
        changed: Sent when there is something to deliver.
    """

    sink: str
    spool: Spool | None
    waiting: dict[str, Entry] = field(factory=dict[str, Entry])
    results: Counter[Result] = field(factory=Counter[Result])
    changed: Signal = field(factory=Signal)
    most_entries: int = MOST_ENTRIES
    most_bytes: int = MOST_BYTES
    _bytes: int = 0
    # On disk there may be entries that are not in memory.
    _more: bool = False
    _to_remove: list[Path] = field(factory=list[Path])
    _write_at: float = 0
    _started_ms: int = field(factory=_now_ms)
    _started: float = field(factory=trio.current_time)
    # Something is to be done that the keeper may not have seen.
    _dirty: bool = False
    _work: Signal = field(factory=Signal)
    _disk: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1))
    _unwritable: Trouble = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._unwritable = Trouble("spool cannot be written", self.sink)

    def put(self, entry_id: str, body: bytes) -> None:
        """One more; never waits. The oldest give way: to the disk, or else for good."""
        self._add(Entry(entry_id, body, _now_ms(), trio.current_time()))
        self._make_room()
        self._wake()
        self.changed.send()

    def settle(self, entry: Entry, result: Result) -> None:
        """An entry's way ends here."""
        self.results[result] += 1
        if self.waiting.pop(entry.id, None) is not None:
            self._bytes -= len(entry.body)
        if entry.path is not None:
            self._to_remove.append(entry.path)
            self._wake()

    @property
    def unsafe(self) -> list[Entry]:
        """Those that are in memory alone."""
        return [entry for entry in self.waiting.values() if entry.path is None]

    async def is_forgotten(self, entry: Entry) -> bool:
        """Whether somebody has removed an entry's file, and so the entry."""
        path = entry.path
        if path is None:
            return False
        with trio.move_on_after(2):
            return not await self._in_thread(path.exists)
        # A disk that does not answer says nothing.
        return False

    async def keep(self) -> NoReturn:
        """Write entries to files, remove what is delivered, read what has room."""
        spool = self.spool
        if spool is None:
            await trio.sleep_forever()
        take_over_at = trio.current_time()
        while True:
            self._dirty = False
            await self._remove_files(spool)
            await self._write_files(spool)
            if trio.current_time() >= take_over_at:
                take_over_at = trio.current_time() + _TAKE_OVER_S
                await self._take_over(spool)
            await self._load_files(spool)
            if not self._dirty:
                again_at = self._write_at if self.unsafe else take_over_at
                await self._work.wait_until(min(again_at, take_over_at))

    async def close(self) -> None:
        """Write what is not written yet; what cannot be is lost, and counted."""
        if self.spool is not None:
            self._write_at = 0
            await self._remove_files(self.spool)
            await self._write_files(self.spool)
            await self._in_thread(self.spool.close)

    def count_lost(self) -> None:
        """The process ends: what is in memory alone is lost."""
        for entry in self.unsafe:
            self._lose(entry, "the service stops, and no file can be written")

    def _add(self, entry: Entry) -> None:
        self.waiting[entry.id] = entry
        self._bytes += len(entry.body)

    def _make_room(self) -> None:
        while len(self.waiting) > self.most_entries or self._bytes > self.most_bytes:
            idle = [entry for entry in self.waiting.values() if not entry.busy]
            if not idle:
                return
            on_disk = next((entry for entry in idle if entry.path is not None), None)
            if on_disk is None:
                self._lose(idle[0], "too many wait")
            else:
                del self.waiting[on_disk.id]
                self._bytes -= len(on_disk.body)
                self._more = True

    def _lose(self, entry: Entry, why: str) -> None:
        self.settle(entry, "lost")
        lost = self.results["lost"]
        _log.error("record lost", sink=self.sink, record=entry.id, why=why, lost=lost)

    async def _write_files(self, spool: Spool) -> None:
        if trio.current_time() < self._write_at:
            return
        for entry in self.unsafe:
            write = partial(spool.write, entry.id, entry.created_ms, entry.body)
            try:
                path = await self._in_thread(write)
            except OSError as exc:
                self._write_at = trio.current_time() + _WRITE_AGAIN_S
                self._unwritable.tell(exc.strerror or type(exc).__name__)
                return
            self._unwritable.over()
            if self.waiting.get(entry.id) is entry:
                entry.path = path
            else:
                # It was delivered meanwhile.
                self._to_remove.append(path)

    async def _remove_files(self, spool: Spool) -> None:
        while self._to_remove:
            path = self._to_remove[-1]
            try:
                await self._in_thread(partial(spool.remove, path))
            except OSError as exc:
                self._unwritable.tell(exc.strerror or type(exc).__name__)
            self._to_remove.remove(path)

    async def _take_over(self, spool: Spool) -> None:
        try:
            taken = await self._in_thread(spool.take_over)
        except OSError as exc:
            self._unwritable.tell(exc.strerror or type(exc).__name__)
            return
        if taken:
            _log.info("records taken over", sink=self.sink, count=taken)
            self._more = True

    async def _load_files(self, spool: Spool) -> None:
        """Read entries into the memory, where half of it is free."""
        while self._more and (
            len(self.waiting) <= self.most_entries // 2
            and self._bytes <= self.most_bytes // 2
        ):
            load = partial(spool.load, frozenset(self.waiting), _LOADED_AT_ONCE)
            try:
                found = await self._in_thread(load)
            except OSError as exc:
                self._unwritable.tell(exc.strerror or type(exc).__name__)
                return
            self._more = len(found) == _LOADED_AT_ONCE
            removed = {*self._to_remove}
            for each in found:
                if each.path not in removed and each.id not in self.waiting:
                    since = self._known_since(each.created_ms)
                    entry = Entry(each.id, each.body, each.created_ms, since, each.path)
                    self._add(entry)
            self.changed.send()

    def _known_since(self, created_ms: int) -> float:
        """When this process has had an entry first; of another's that is now."""
        age_s = (created_ms - self._started_ms) / 1000
        return trio.current_time() if age_s < 0 else self._started + age_s

    def _wake(self) -> None:
        self._dirty = True
        self._work.send()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        # One that hangs holds up the files alone, and no stop.
        return await trio.to_thread.run_sync(
            work, limiter=self._disk, abandon_on_cancel=True
        )
