"""Adding finished calls to the store, in a thread of its own, for as long as it takes."""

from collections.abc import Sequence
from functools import partial
from random import random
from typing import Final

import orjson
import structlog
import trio
from attrs import define, field

from trio_sts.callstore.store import CallStore
from trio_sts.errors import StoreAway
from trio_sts.record.finished_call import FinishedCall, from_json

from .outbox import Entry, Outbox
from .trouble import Trouble

_AT_ONCE = 100
# Longer than any statement or lock may take: who is silent for so long is cut off.
_ANSWER_S = 20.0
# After being cut off the thread has an error, unless it waits for a disk.
_CUT_S = 2.0
_PAUSES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)

_log = structlog.get_logger()


@define(eq=False)
class StoreSender:
    """Delivers the entries of an outbox to the store.

    A store that is away or hangs holds up nothing but this: there is one thread, and a
    new try waits for the old one's end.
    """

    store: CallStore
    outbox: Outbox
    _thread: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1))
    _away: Trouble = field(factory=lambda: Trouble("store of calls is away", "store"))
    _failures: int = 0
    _stopping: bool = False
    _over: trio.Event = field(factory=trio.Event)

    async def run(self) -> None:
        """Deliver until `finish` is called, and then what is there."""
        try:
            while await self._deliver_some():
                pass
        finally:
            self._over.set()

    async def finish(self) -> None:
        """Deliver what is in memory, as far as the store takes it; returns then."""
        self._stopping = True
        self.outbox.changed.send()
        await self._over.wait()

    async def close(self) -> None:
        """Close the connections, if nobody waits on one."""
        if self._thread.borrowed_tokens == 0:
            await trio.to_thread.run_sync(
                self.store.close, limiter=self._thread, abandon_on_cancel=True
            )

    async def _deliver_some(self) -> bool:
        """One transaction, or one wait; whether to go on."""
        some = [*self.outbox.waiting.values()][:_AT_ONCE]
        if not some:
            if self._stopping:
                return False
            await self.outbox.changed.wait()
            return True
        for entry in some:
            entry.busy = True
        try:
            await self._add(some)
        except StoreAway as exc:
            self._away.tell(str(exc))
            if self._stopping:
                return False
            await self._pause()
        finally:
            for entry in some:
                entry.busy = False
        return True

    async def _add(self, some: Sequence[Entry]) -> None:
        outcome: _Outcome | None = None
        with trio.move_on_after(_ANSWER_S):
            outcome = await trio.to_thread.run_sync(
                partial(_add_to, self.store, some),
                limiter=self._thread,
                abandon_on_cancel=True,
            )
        if outcome is None:
            self.store.cut()
            told = f"no answer for {_ANSWER_S:g} s"
            raise StoreAway(told)
        self._away.over()
        self._failures = 0
        for entry in some:
            if entry.id in outcome.refused:
                _log.error("record refused", sink="store", record=entry.id)
                self.outbox.settle(entry, "refused")
            elif entry.id in outcome.forgotten:
                self.outbox.settle(entry, "forgotten")
            else:
                self.outbox.settle(entry, "delivered")

    async def _pause(self) -> None:
        longest = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
        self._failures += 1
        until = trio.current_time() + longest * (0.5 + random() / 2)  # noqa: S311
        while not self._stopping and trio.current_time() < until:
            await self.outbox.changed.wait_until(until)


@define
class _Outcome:
    refused: set[str] = field(factory=set[str])
    forgotten: set[str] = field(factory=set[str])


def _add_to(store: CallStore, some: Sequence[Entry]) -> _Outcome:
    """In the thread: entries that cannot be read are refused, too."""
    outcome = _Outcome()
    finished: dict[str, FinishedCall] = {}
    for entry in some:
        if entry.path is not None and not entry.path.exists():
            outcome.forgotten.add(entry.id)
            continue
        try:
            finished[entry.id] = from_json(orjson.loads(entry.body))
        except ValueError:
            outcome.refused.add(entry.id)
    if finished:
        refused = {call.id for call in store.add([*finished.values()])}
        outcome.refused |= {key for key, call in finished.items() if call.id in refused}
    return outcome
