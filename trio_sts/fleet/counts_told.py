"""A worker's metrics on their way to the parent, which answers ``/metrics`` for all."""

from typing import Final, NoReturn

import trio
from attrs import define, field
from prometheus_client.registry import Collector

from trio_sts.metrics.registry import Metrics
from trio_sts.metrics.snapshot import snapshot

from .channel import Channel

TOLD: Final = "metrics.counts"
ASKED: Final = "metrics.now"
# While calls run: what a worker that is killed has counted since is lost.
EVERY_S: Final = 3.0


@define(eq=False)
class CountsTold:
    """Tells the parent what this worker has counted.

    Whatever the reason, a snapshot is told as a notice and made under one lock, so that
    they arrive in the order in which they were made: no count goes back.

    Attributes:
        metrics: The worker's.
        channel: Leads to the parent.
    """

    metrics: Metrics
    channel: Channel
    _lock: trio.Lock = field(factory=trio.Lock)
    _calls_over: float = -1.0

    async def tell(self) -> None:
        """Tell the counts as they are now."""
        async with self._lock:
            # A parent that is slow to read is not given more than one.
            await self.channel.flush()
            self.channel.tell(TOLD, await snapshot(self.metrics.registry))

    async def run(self) -> NoReturn:
        """Tell them for ever, while calls run and once after the last one."""
        while True:
            await trio.sleep(EVERY_S)
            active = _total(self.metrics.calls_active)
            over = _total(self.metrics.calls)
            if active or over != self._calls_over:
                self._calls_over = over
                await self.tell()


def _total(metric: Collector) -> float:
    return sum(sample.value for each in metric.collect() for sample in each.samples)
