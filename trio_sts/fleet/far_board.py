"""The calls that the workers hold, for who looks at the parent's console."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import orjson
import trio
from attrs import define, evolve, field, frozen
from typing_extensions import override

from trio_sts.console.live import MOST_ROWS
from trio_sts.console.recent_lag import RecentLag
from trio_sts.console.snapshots import ShownCall, Snapshots, is_shown, rows_of_each

from .board_told import CALL, CALLS, HANG_UP, LOOK, NOW
from .channel import Channel, ChannelError, Handler

# Whoever comes first is not shown an empty page, unless a worker is slow.
_BEGIN_S: Final = 0.5
_HANG_UP_S: Final = 5.0
# Of a call whose worker has ended under it.
_LOST: Final[Mapping[str, Any]] = {
    "state": "over",
    "outcome": "crashed",
    "close_code": 1006,
    "speaking": "nobody",
    "thinking": False,
    "tools_running": [],
    "call_id": None,
}


@frozen
class FarCall:
    """A call of a worker's, as that has told it last; see `ShownCall`.

    Attributes:
        id: Of this call, for the console alone.
        began_at: When it began, on this process's clock.
        age_s: How long it lasted, once it is over.
        body: All but its age, as JSON without the brace at the beginning.
    """

    id: str
    uuid: str
    began_at: float
    age_s: float
    body: bytes
    over_at: float | None = None
    begun: bool = True

    def shown(self, now: float, rows: int = MOST_ROWS) -> tuple[bytes, bytes]:
        """As JSON; its worker was told how many lines it may have."""
        del rows
        age_s = now - self.began_at if self.over_at is None else self.age_s
        return self.body, b'{"age_s":%.1f,%b' % (age_s, self.body)

    def lost(self, now: float) -> "FarCall":
        """The same, after the end of its worker."""
        fields: dict[str, Any] = orjson.loads(b"{" + self.body) | dict(_LOST)
        body, age_s = orjson.dumps(fields)[1:], now - self.began_at
        return evolve(self, body=body, age_s=age_s, over_at=now)


@define(eq=False)
class FarBoard(Snapshots):
    """The calls of all workers; they tell them only while somebody looks.

    Attributes:
        lag: How late the parent's own loop is.
    """

    lag: RecentLag
    _workers: dict[Channel, dict[str, FarCall]] = field(
        factory=dict[Channel, dict[str, FarCall]]
    )
    _lags_ms: dict[Channel, float | None] = field(factory=dict[Channel, float | None])
    # Those of workers that have ended under them.
    _lost: list[FarCall] = field(factory=list[FarCall])
    _rows: int = MOST_ROWS
    _told: dict[str, Any] = field(factory=dict[str, Any])

    def joined(self, channel: Channel) -> Mapping[str, Handler]:
        """A worker has begun: what it tells is handled by these."""
        self._workers[channel] = {}
        if self._is_looked_at:
            channel.tell(LOOK, self._look)
        return {
            CALL: partial(self._call, channel),
            CALLS: partial(self._calls, channel),
        }

    def left(self, channel: Channel) -> None:
        """A worker has ended; calls that it had told as running are lost."""
        now = trio.current_time()
        calls = self._workers.pop(channel).values()
        self._lags_ms.pop(channel, None)
        self._lost += [call.lost(now) for call in calls if call.over_at is None]

    @override
    def begun(self, now: float) -> list[ShownCall]:
        self._lost = [call for call in self._lost if is_shown(call, now)]
        # As one process shows them: in the order in which they began.
        calls: list[FarCall] = [*self._of_workers(), *self._lost]
        calls.sort(key=lambda call: call.began_at)
        return [*calls]

    @override
    def of_uuid(self, uuid: str) -> FarCall | None:
        found = [
            call for call in (*self._lost, *self._of_workers()) if call.uuid == uuid
        ]
        # Those that live come last.
        found.sort(key=lambda call: call.over_at is None)
        return found[-1] if found else None

    @override
    def lag_ms(self, now: float) -> float | None:
        told = [self.lag.ms(now), *self._lags_ms.values()]
        return max((each for each in told if each is not None), default=None)

    @override
    async def hang_up(self, call_id: str) -> str | None:
        found: list[str] = []

        async def ask(channel: Channel) -> None:
            with suppress(ChannelError):
                if uuid := await channel.ask(HANG_UP, call_id, timeout_s=_HANG_UP_S):
                    found.append(uuid)
                    nursery.cancel_scope.cancel(reason="it was found")

        async with trio.open_nursery() as nursery:
            for channel in self._workers:
                nursery.start_soon(ask, channel)
        return found[0] if found else None

    def _of_workers(self) -> list[FarCall]:
        return [call for calls in self._workers.values() for call in calls.values()]

    @property
    def _is_looked_at(self) -> bool:
        return bool(self.watchers or self.followed)

    @property
    def _look(self) -> dict[str, Any]:
        uuids = sorted(self.followed)
        return {"all": self.watchers > 0, "uuids": uuids, "rows": self._rows}

    @override
    def _look_changed(self) -> None:
        super()._look_changed()
        if not self._is_looked_at:
            for calls in self._workers.values():
                calls.clear()
            self._lags_ms.clear()
            self._lost.clear()
            self._rows = MOST_ROWS
        self._tell_look()

    def _tell_look(self) -> None:
        if self._told != self._look:
            self._told = self._look
            for channel in self._workers:
                channel.tell(LOOK, self._told)

    @override
    async def _begin(self) -> None:
        async with trio.open_nursery() as nursery:
            for channel in self._workers:
                nursery.start_soon(_ask_now, channel)

    @override
    async def _write(self) -> None:
        self._rows = rows_of_each(len(self._of_workers()))
        self._tell_look()
        await super()._write()

    async def _call(self, channel: Channel, told: Any) -> None:
        await trio.lowlevel.checkpoint()
        if not self._is_looked_at or channel not in self._workers:
            return
        calls, now = self._workers[channel], trio.current_time()
        known = calls.get(told["id"])
        began_at = now - told["age_s"] if known is None else known.began_at
        over_at = None if known is None else known.over_at
        if told["over"] and over_at is None:
            over_at = now
        calls[told["id"]] = FarCall(
            id=told["id"],
            uuid=told["uuid"],
            began_at=began_at,
            age_s=told["age_s"],
            body=told["body"].encode(),
            over_at=over_at,
        )

    async def _calls(self, channel: Channel, told: Any) -> None:
        await trio.lowlevel.checkpoint()
        if not self._is_looked_at or channel not in self._workers:
            return
        self._lags_ms[channel] = told["lag_ms"]
        calls, ids = self._workers[channel], frozenset(told["ids"])
        for key in [key for key in calls if key not in ids]:
            del calls[key]


async def _ask_now(channel: Channel) -> None:
    with suppress(ChannelError):
        await channel.ask(NOW, timeout_s=_BEGIN_S)
