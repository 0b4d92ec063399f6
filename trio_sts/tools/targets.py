"""Where calls go on whose leg we have ended, until the dialplan asks."""

from typing import Final

import trio
from attrs import define, field, frozen

from trio_sts.dialplan import Target

KEPT_S: Final = 60.0
MOST: Final = 1024
# A dialplan that has not asked by then does not ask: it goes on as soon as a leg ends.
_ASKED_WITHIN_S: Final = 2.0


@frozen
class _Kept:
    target: Target
    since: float


@define(eq=False)
class Targets:
    """Each is given once, within a minute; with one too many the oldest goes.

    Attributes:
        most: How many are kept at once.
    """

    most: int = MOST
    _kept: dict[str, _Kept] = field(factory=dict[str, _Kept], init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)

    async def keep(self, uuid: str, target: Target) -> None:
        """Keep where a call goes on; a later target takes the place of an earlier one."""
        await trio.lowlevel.checkpoint()
        self._kept.pop(uuid, None)
        self._kept[uuid] = _Kept(target, trio.current_time())
        self._forget()

    def look(self, uuid: str) -> Target | None:
        """Where a call goes on; None if nobody knows any more."""
        self._forget()
        kept = self._kept.get(uuid)
        return None if kept is None else kept.target

    def take(self, uuid: str) -> Target | None:
        """The same, once."""
        target = self.look(uuid)
        self._kept.pop(uuid, None)
        self._changed.set()
        self._changed = trio.Event()
        return target

    async def settled(self) -> None:
        """Wait until all are given that a dialplan may be about to ask for; 2 s at most."""
        await trio.lowlevel.checkpoint()
        while self._kept:
            newest = max(kept.since for kept in self._kept.values())
            if newest + _ASKED_WITHIN_S <= trio.current_time():
                return
            with trio.move_on_at(newest + _ASKED_WITHIN_S):
                await self._changed.wait()

    def _forget(self) -> None:
        # They are in the order in which they were kept.
        now = trio.current_time()
        while self._kept:
            oldest = next(iter(self._kept))
            is_new = self._kept[oldest].since + KEPT_S > now
            if is_new and len(self._kept) <= self.most:
                return
            del self._kept[oldest]
