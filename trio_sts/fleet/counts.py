"""The metrics of all processes as one, for who scrapes the parent."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, NoReturn

import trio
from attrs import define, field

from trio_sts.metrics import exposition
from trio_sts.metrics.labels import OTHER, UNKNOWN_TOOL
from trio_sts.metrics.registry import Metrics
from trio_sts.metrics.snapshot import (
    Family,
    Sample,
    Snapshot,
    Told,
    snapshot,
    sum_of,
    what_stays,
)

from .channel import Channel, ChannelError, Handler
from .counts_told import ASKED, TOLD

# A worker that takes longer counts with what it told last.
ANSWER_S: Final = 1.0
_TOOLS: Final = "trio_sts_tool_seconds"
_RATIOS: Final = "trio_sts_rate_limit_remaining_ratio"


@define(eq=False)
class Counts:
    """Adds up the parent's metrics and those of the workers, ended ones too.

    Attributes:
        own: The parent's metrics.
    """

    own: Metrics
    _last: dict[Channel, Snapshot] = field(factory=dict[Channel, Snapshot])
    # Of those that have ended; `keep` makes one of them.
    _ended: list[Snapshot] = field(factory=list[Snapshot])
    _more_ended: trio.Event = field(factory=trio.Event)
    # By limit: what each worker told last, and which value is the newest of all.
    _ratios: dict[tuple[Channel, str], float] = field(
        factory=dict[tuple[Channel, str], float]
    )
    _newest_ratios: dict[str, float] = field(factory=dict[str, float])
    _lock: trio.Lock = field(factory=trio.Lock)
    _rounds: int = 0

    def joined(self, channel: Channel) -> Mapping[str, Handler]:
        """A worker has begun: what it tells is handled by these."""
        self._last[channel] = []

        async def told(families: Any) -> None:
            self._take(channel, families)
            await trio.lowlevel.checkpoint()

        return {TOLD: told}

    def left(self, channel: Channel) -> None:
        """A worker has ended, however it did: its counts stay."""
        self._ended.append(what_stays(self._last.pop(channel)))
        for key in [key for key in self._ratios if key[0] is channel]:
            del self._ratios[key]
        self._more_ended.set()

    async def keep(self) -> NoReturn:
        """Make one snapshot of all ended workers', for ever: what is kept does not grow."""
        while True:
            await self._more_ended.wait()
            self._more_ended = trio.Event()
            some = [*self._ended]
            total = await sum_of(some)
            self._ended[: len(some)] = [total]

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The body and the media type of the answer to ``GET /metrics``.

        Args:
            accept: The request's header.
        """
        await self._look()
        own = await snapshot(self.own.registry)
        for family in own:
            if family["name"] == _RATIOS:
                family["samples"] = [
                    (_RATIOS, {"name": limit}, value)
                    for limit, value in self._newest_ratios.items()
                ]
        # One moment's: a worker that leaves is in one of the two.
        told = [own, *self._ended, *self._last.values()]
        return await exposition.render(Told(await sum_of(told)), accept)

    async def _look(self) -> None:
        """Have all workers tell; who comes while they do waits for the next round."""
        rounds = self._rounds
        async with self._lock:
            if rounds != self._rounds:
                # One that began after we had come is over.
                return
            self._rounds += 1
            async with trio.open_nursery() as nursery:
                for channel in self._last:
                    nursery.start_soon(_ask, channel)

    def _take(self, channel: Channel, families: Snapshot) -> None:
        if channel not in self._last:
            return
        kept: Snapshot = []
        for family in families:
            if family["name"] == _RATIOS:
                self._take_ratios(channel, family["samples"])
                continue
            if family["name"] == _TOOLS:
                family["samples"] = self._with_known_tools(family)
            kept.append(family)
        self._last[channel] = kept

    def _take_ratios(self, channel: Channel, samples: Iterable[Sample]) -> None:
        """The newest of all workers' is shown, as one process shows what it was told last."""
        for _, labels, value in samples:
            key = channel, labels["name"]
            if self._ratios.get(key) != value:
                self._ratios[key] = self._newest_ratios[labels["name"]] = value

    def _with_known_tools(self, family: Family) -> list[Sample]:
        """The first 64 names of all workers and generations, and all others as one."""
        return [
            (name, labels | {"tool": self._tool(labels["tool"])}, value)
            for name, labels, value in family["samples"]
        ]

    def _tool(self, name: str) -> str:
        # These are no tool's.
        return name if name in {OTHER, UNKNOWN_TOOL} else self.own.tool_label(name)


async def _ask(channel: Channel) -> None:
    with suppress(ChannelError):
        await channel.ask(ASKED, timeout_s=ANSWER_S)
