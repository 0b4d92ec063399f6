"""All calls under way, written once for all who look: four times a second at most."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, NoReturn

import orjson
import trio
from attrs import define, field

from trio_sts.observing.observer import Observed
from trio_sts.settings import Settings

from .live import MOST_ROWS, LiveCall
from .recent_lag import RecentLag

# Between two snapshots, and how long the same one is not sent again.
EVERY_S: Final = 0.25
AT_LEAST_EVERY_S: Final = 5.0
# A call that is over is shown so much longer.
SHOWN_AFTER_S: Final = 5.0
MOST_WATCHERS: Final = 20
# Lines of transcript in a snapshot, of all calls together: with many calls each has few.
MOST_ROWS_OF_ALL: Final = 1_000
_FEWEST_ROWS: Final = 4
# So many calls are written in one turn of the loop: half a millisecond at most.
_CALLS_AT_ONCE: Final = 2


@define(eq=False)
class Watcher:
    """One who looks; what it had no time for is skipped.

    Attributes:
        seen: The version that it got last.
    """

    _board: "Board"
    seen: int = 0

    async def next(self) -> bytes:
        """The next snapshot that it has not got yet, as JSON."""
        while self._board.version == self.seen:
            await self._board.published.wait()
        await trio.lowlevel.checkpoint()
        self.seen = self._board.version
        return self._board.snapshot


@define(eq=False)
class Board:
    """The calls under way, and those who look at them.

    Attributes:
        settings: The service's.
        lag: How late the loop is, if something measures it.
        version: Of the snapshot.
        snapshot: The latest one, as JSON.
        published: Set when there is a newer one; another event then takes its place.
        watchers: How many look.
    """

    settings: Settings
    lag: RecentLag | None = None
    version: int = 0
    snapshot: bytes = b""
    published: trio.Event = field(factory=trio.Event)
    _calls: dict[str, LiveCall] = field(factory=dict[str, LiveCall])
    watchers: int = 0
    _watched: trio.Event = field(factory=trio.Event)
    _bodies: list[bytes] = field(factory=list[bytes])
    _sent_at: float = -AT_LEAST_EVERY_S

    def observe(self, observed: Observed) -> LiveCall:
        """Look on at one more call; an observer's factory."""
        self._forget_old(observed.started_at)
        call = LiveCall(self.settings, observed)
        self._calls[call.id] = call
        return call

    def find(self, call_id: str) -> LiveCall | None:
        """The call of this id, as the snapshots name it."""
        return self._calls.get(call_id)

    def of_uuid(self, uuid: str) -> LiveCall | None:
        """The latest call with this call id."""
        found = (call for call in self._calls.values() if call.uuid == uuid)
        return next(reversed(list(found)), None)

    @contextmanager
    def watch(self) -> Generator[Watcher | None]:
        """Look on, until the end of the block; None if too many do already."""
        if self.watchers >= MOST_WATCHERS:
            yield None
            return
        self.watchers += 1
        self._watched.set()
        # Whoever comes is told at once.
        self._sent_at = -AT_LEAST_EVERY_S
        try:
            yield Watcher(self, self.version)
        finally:
            self.watchers -= 1

    async def keep(self) -> NoReturn:
        """Write snapshots for ever, while somebody looks."""
        while True:
            if not self.watchers:
                self._watched = trio.Event()
                self._bodies = []
                await self._watched.wait()
            began_at = trio.current_time()
            await self._write()
            await trio.sleep_until(began_at + EVERY_S)

    async def _write(self) -> None:
        now = trio.current_time()
        self._forget_old(now)
        calls = [call for call in self._calls.values() if call.begun]
        rows = MOST_ROWS_OF_ALL // max(len(calls), 1)
        rows = max(min(rows, MOST_ROWS), _FEWEST_ROWS)
        bodies: list[bytes] = []
        shown: list[bytes] = []
        for count, call in enumerate(calls, 1):
            body, whole = call.shown(now, rows)
            bodies.append(body)
            shown.append(whole)
            if not count % _CALLS_AT_ONCE:
                await trio.lowlevel.checkpoint()
                now = trio.current_time()
        if bodies == self._bodies and now < self._sent_at + AT_LEAST_EVERY_S:
            return
        self._bodies, self._sent_at = bodies, now
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        lag_ms = None if self.lag is None else self.lag.ms(now)
        told = {"now": at, "loop_lag_ms": lag_ms}
        head = orjson.dumps(told)[:-1]
        self.snapshot = b'%b,"calls":[%b]}' % (head, b",".join(shown))
        self.version += 1
        published, self.published = self.published, trio.Event()
        published.set()

    def _forget_old(self, now: float) -> None:
        over = [
            key
            for key, call in self._calls.items()
            if call.over_at is not None
            and (now >= call.over_at + SHOWN_AFTER_S or not call.begun)
        ]
        for key in over:
            del self._calls[key]
