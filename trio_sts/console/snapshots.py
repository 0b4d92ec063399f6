"""All calls under way, written once for all who look: four times a second at most."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, NoReturn, Protocol

import orjson
import trio
from attrs import define, field

from .live import MOST_ROWS

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
CALLS_AT_ONCE: Final = 2


class ShownCall(Protocol):
    """A call as snapshots need it.

    Attributes:
        uuid: The call id.
        begun: Whether ``init`` has come.
        over_at: When it ended, on Trio's clock; None while it lives.
    """

    @property
    def uuid(self) -> str:
        """See above."""
        ...

    @property
    def begun(self) -> bool:
        """See above."""
        ...

    @property
    def over_at(self) -> float | None:
        """See above."""
        ...

    def shown(self, now: float, rows: int = MOST_ROWS) -> tuple[bytes, bytes]:
        """The call as a JSON object, without its age, and the whole of it."""
        ...


@define(eq=False)
class Watcher:
    """One who looks; what it had no time for is skipped.

    Attributes:
        seen: The version that it got last.
    """

    _snapshots: "Snapshots"
    seen: int = 0

    async def next(self) -> bytes:
        """The next snapshot that it has not got yet, as JSON."""
        while self._snapshots.version == self.seen:
            await self._snapshots.published.wait()
        await trio.lowlevel.checkpoint()
        self.seen = self._snapshots.version
        return self._snapshots.snapshot


@define(eq=False)
class Snapshots(ABC):
    """The calls under way, wherever they are held, and those who look at them.

    Attributes:
        version: Of the snapshot.
        snapshot: The latest one, as JSON.
        published: Set when there is a newer one; another event then takes its place.
        watchers: How many look at all calls.
        followed: The call ids of which one call is looked at, and by how many.
    """

    version: int = field(default=0, init=False)
    snapshot: bytes = field(default=b"", init=False)
    published: trio.Event = field(factory=trio.Event, init=False)
    watchers: int = field(default=0, init=False)
    followed: Counter[str] = field(factory=Counter[str], init=False)
    _watched: trio.Event = field(factory=trio.Event, init=False)
    _bodies: list[bytes] = field(factory=list[bytes], init=False)
    _sent_at: float = field(default=-AT_LEAST_EVERY_S, init=False)

    @abstractmethod
    def begun(self, now: float) -> list[ShownCall]:
        """The calls that are shown at this time, the oldest first."""

    @abstractmethod
    def lag_ms(self, now: float) -> float | None:
        """How late the loop is that holds them; None if nothing measures it."""

    @abstractmethod
    async def hang_up(self, call_id: str) -> str | None:
        """End the call that snapshots name so.

        Returns:
            Its call id; None if it is over, or there was none.
        """

    @abstractmethod
    def of_uuid(self, uuid: str) -> ShownCall | None:
        """The latest call with this call id; one held elsewhere while it is followed."""

    @contextmanager
    def watch(self) -> Generator[Watcher | None]:
        """Look on, until the end of the block; None if too many do already."""
        if self.watchers >= MOST_WATCHERS:
            yield None
            return
        self.watchers += 1
        self._look_changed()
        # Whoever comes is told at once.
        self._sent_at = -AT_LEAST_EVERY_S
        try:
            yield Watcher(self, self.version)
        finally:
            self.watchers -= 1
            self._look_changed()

    @contextmanager
    def follow(self, uuid: str) -> Generator[None]:
        """Have `of_uuid` find this call, until the end of the block."""
        self.followed[uuid] += 1
        self._look_changed()
        try:
            yield
        finally:
            self.followed[uuid] -= 1
            self.followed += Counter()
            self._look_changed()

    async def keep(self) -> NoReturn:
        """Write snapshots for ever, while somebody looks."""
        while True:
            if not self.watchers:
                self._watched = trio.Event()
                self._bodies = []
                await self._watched.wait()
                await self._begin()
            began_at = trio.current_time()
            await self._write()
            await trio.sleep_until(began_at + EVERY_S)

    def _look_changed(self) -> None:
        """Somebody looks, or does not any more, or at another call."""
        if self.watchers:
            self._watched.set()

    async def _begin(self) -> None:
        """The first one looks: wait until there is something to be seen."""
        await trio.lowlevel.checkpoint()

    async def _write(self) -> None:
        now = trio.current_time()
        calls = self.begun(now)
        rows = rows_of_each(len(calls))
        bodies: list[bytes] = []
        shown: list[bytes] = []
        for count, call in enumerate(calls, 1):
            body, whole = call.shown(now, rows)
            bodies.append(body)
            shown.append(whole)
            if not count % CALLS_AT_ONCE:
                await trio.lowlevel.checkpoint()
                now = trio.current_time()
        if bodies == self._bodies and now < self._sent_at + AT_LEAST_EVERY_S:
            return
        self._bodies, self._sent_at = bodies, now
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        told = {"now": at, "loop_lag_ms": self.lag_ms(now)}
        head = orjson.dumps(told)[:-1]
        self.snapshot = b'%b,"calls":[%b]}' % (head, b",".join(shown))
        self.version += 1
        published, self.published = self.published, trio.Event()
        published.set()


def rows_of_each(calls: int) -> int:
    """How many lines of each call's transcript a snapshot of so many calls has."""
    return max(min(MOST_ROWS_OF_ALL // max(calls, 1), MOST_ROWS), _FEWEST_ROWS)


def is_shown(call: ShownCall, now: float) -> bool:
    """Whether a call is to be kept: it lives, or has not been over for long."""
    if call.over_at is None:
        return True
    return call.begun and now < call.over_at + SHOWN_AFTER_S
