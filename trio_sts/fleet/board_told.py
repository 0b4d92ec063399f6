"""A worker's calls on their way to the parent's console, while somebody looks there."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

import trio
from attrs import define, field

from trio_sts.console.board import Board
from trio_sts.console.live import MOST_ROWS, LiveCall
from trio_sts.console.snapshots import CALLS_AT_ONCE, EVERY_S

from .channel import Channel, Handler

# The parent says what is looked at, asks for all of it at once, and ends a call.
LOOK: Final = "board.look"
NOW: Final = "board.now"
HANG_UP: Final = "board.hang_up"
# A call that is not as it was told last; then which there are.
CALL: Final = "board.call"
CALLS: Final = "board.calls"


@define(eq=False)
class BoardTold:
    """Tells the parent what has changed, four times a second at most.

    Attributes:
        board: The worker's.
        channel: Leads to the parent.
    """

    board: Board
    channel: Channel
    _all: bool = False
    _uuids: frozenset[str] = frozenset()
    _rows: int = MOST_ROWS
    # What the parent has: the calls by their ids, and what was told of all.
    _bodies: dict[str, bytes] = field(factory=dict[str, bytes])
    _calls: dict[str, Any] = field(factory=dict[str, Any])
    _looked_at: trio.Event = field(factory=trio.Event)
    _lock: trio.Lock = field(factory=trio.Lock)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What the parent says and asks."""
        return {LOOK: self._look, NOW: self._now, HANG_UP: self._hang_up}

    async def run(self) -> NoReturn:
        """Tell for ever, while somebody looks."""
        while True:
            if not self._is_looked_at:
                self._looked_at = trio.Event()
                await self._looked_at.wait()
            began_at = trio.current_time()
            await self._tell()
            await trio.sleep_until(began_at + EVERY_S)

    @property
    def _is_looked_at(self) -> bool:
        return self._all or bool(self._uuids)

    async def _look(self, wanted: Any) -> None:
        self._all, self._rows = bool(wanted["all"]), int(wanted["rows"])
        self._uuids = frozenset(wanted["uuids"])
        if self._is_looked_at:
            self._looked_at.set()
        else:
            # The parent forgets them as well.
            self._bodies.clear()
            self._calls = {}
        await trio.lowlevel.checkpoint()

    async def _now(self, _: Any) -> None:
        await self._tell()

    async def _hang_up(self, call_id: Any) -> str | None:
        return await self.board.hang_up(call_id)

    async def _tell(self) -> None:
        """Tell what has changed; what the parent has not read yet is waited for."""
        async with self._lock:
            await self.channel.flush()
            calls = self._wanted()
            for count, call in enumerate(calls, 1):
                if not self._is_looked_at:
                    return
                self._tell_call(call)
                if not count % CALLS_AT_ONCE:
                    await trio.lowlevel.checkpoint()
            ids = [call.id for call in calls]
            told = {"ids": ids, "lag_ms": self.board.lag_ms(trio.current_time())}
            if self._is_looked_at and told != self._calls:
                self._calls = told
                there, shown = self._bodies, frozenset(ids)
                self._bodies = {key: there[key] for key in there if key in shown}
                self.channel.tell(CALLS, told)

    def _wanted(self) -> list[LiveCall]:
        calls = self.board.live(trio.current_time())
        if self._all:
            return calls
        return [call for call in calls if call.uuid in self._uuids]

    def _tell_call(self, call: LiveCall) -> None:
        now = trio.current_time()
        body, _ = call.shown(now, self._rows)
        if self._bodies.get(call.id) == body:
            return
        self._bodies[call.id] = body
        self.channel.tell(
            CALL,
            {
                "id": call.id,
                "uuid": call.uuid,
                "age_s": call.age_s(now),
                "over": call.over_at is not None,
                "body": body.decode(),
            },
        )
