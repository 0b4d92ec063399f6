"""One page of metrics for all processes, whatever becomes of them."""

from random import Random
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock, memory_stream_pair

from trio_sts.fleet.channel import Channel
from trio_sts.fleet.counts import ANSWER_S, Counts
from trio_sts.fleet.counts_told import ASKED, EVERY_S, TOLD, CountsTold
from trio_sts.metrics.labels import MOST_TOOLS
from trio_sts.metrics.registry import Metrics

from .views_kit import FarWorker, fleet

HUNG_UP = "calls_total 1000 caller hung up"


async def scraped(render: Any) -> dict[str, float]:
    body, _ = await render("")
    return {
        " ".join(
            (sample.name.removeprefix("trio_sts_"), *sorted(sample.labels.values()))
        ): (sample.value)
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def counters(render: Any) -> dict[str, float]:
    body, _ = await render("")
    return {
        f"{sample.name} {sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(body.decode())
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


def count(worker: FarWorker, calls: int = 1) -> None:
    metrics = worker.services.metrics
    metrics.calls.labels("caller hung up", "1000").inc(calls)
    metrics.first_audio_s.labels("turn").observe(0.35)


async def test_all_processes_are_one_page() -> None:
    async with fleet(STS_MAX_CALLS="9") as all_:
        one, other = await all_.worker(), await all_.worker()
        count(one, 3)
        count(other, 4)
        one.services.metrics.calls_active.set(2)
        other.services.metrics.calls_active.set(1)
        one.services.metrics.model_failing.set(1)
        one.views.lag.counts[0], other.views.lag.counts[0] = 5, 6
        all_.views.lag.counts[0] = 7
        all_.views.metrics.callers_refused.labels("full").inc()
        all_.views.metrics.lag.counts[0] = 7
        found = await scraped(all_.views.render)
        assert found[HUNG_UP] == 7
        assert found["calls_active"] == 3
        # Of the service, and not of each worker.
        assert found["calls_limit"] == 9
        assert found["model_failing"] == 0
        assert found["callers_refused_total full"] == 1
        assert found["loop_lag_seconds_bucket 0.001"] == 18
        assert [found[key] for key in found if key.startswith("info")] == [1]


async def test_one_that_has_ended_keeps_its_counts_and_holds_no_calls() -> None:
    async with fleet() as all_:
        worker = await all_.worker()
        count(worker)
        worker.services.metrics.calls_active.set(2)
        worker.services.metrics.tool_s.labels("look_up", "ok").observe(0.2)
        before = await scraped(all_.views.render)
        await worker.kill()
        after = await scraped(all_.views.render)
        assert (before["calls_active"], after["calls_active"]) == (2, 0)
        assert after[HUNG_UP] == 1
        assert after["tool_seconds_count look_up ok"] == 1


async def test_what_was_counted_up_to_the_end_is_told_before_it() -> None:
    async with fleet() as all_:
        worker = await all_.worker()
        count(worker, 5)
        await worker.views.farewell()
        await worker.kill()
        assert (await scraped(all_.views.render))[HUNG_UP] == 5


async def test_of_one_that_is_killed_some_seconds_are_lost_at_most(
    autojump_clock: MockClock,
) -> None:
    async with fleet() as all_:
        worker = await all_.worker()
        worker.services.metrics.calls_active.set(1)
        count(worker, 2)
        # Nobody scrapes.
        await trio.sleep(EVERY_S + 0.1)
        count(worker)
        await worker.kill()
        assert (await scraped(all_.views.render))[HUNG_UP] == 2


async def test_no_count_goes_back_while_workers_come_and_go() -> None:
    chance = Random(17)  # noqa: S311
    async with fleet() as all_, trio.open_nursery() as nursery:
        workers = [await all_.worker() for _ in range(3)]
        over = False

        async def change() -> None:
            nonlocal over
            for _ in range(12):
                for worker in workers:
                    worker.services.metrics.calls_active.set(chance.randrange(3))
                    count(worker, chance.randrange(4))
                leaves = workers.pop(chance.randrange(len(workers)))
                if chance.random() < 0.5:
                    await leaves.views.farewell()
                await leaves.kill()
                workers.append(await all_.worker())
                for _ in range(chance.randrange(600)):
                    await trio.lowlevel.checkpoint()
            over = True

        nursery.start_soon(change)
        nursery.start_soon(all_.views._counts.keep)  # pyright: ignore[reportPrivateUsage] # nothing else shows it
        seen: dict[str, float] = {}
        scrapes = 0
        while not over:
            found = await counters(all_.views.render)
            gone_back = [key for key, value in seen.items() if found[key] < value]
            assert gone_back == []
            seen, scrapes = found, scrapes + 1
        assert scrapes > 5
        nursery.cancel_scope.cancel(reason="the test is over")


class Unanswered:
    """A worker that tells its counts once, and never answers."""

    def __init__(self, counts: Counts) -> None:
        ours, theirs = memory_stream_pair()
        self.channel, self.far = Channel(ours), Channel(theirs)
        self.metrics = Metrics()
        self.handlers = counts.joined(self.channel)
        self.asked = 0

    async def run(self) -> None:
        async def answer(_: Any) -> None:
            self.asked += 1
            await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.channel.run, self.handlers)
            nursery.start_soon(self.far.run, {ASKED: answer})
            await CountsTold(self.metrics, self.far).tell()


async def test_one_that_is_slow_counts_with_what_it_told_last(
    autojump_clock: MockClock,
) -> None:
    counts = Counts(Metrics())
    slow = Unanswered(counts)
    slow.metrics.barge_ins.inc(4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow.run)
        await trio.testing.wait_all_tasks_blocked()
        began_at = trio.current_time()
        assert (await scraped(counts.render))["barge_ins_total"] == 4
        assert trio.current_time() - began_at == pytest.approx(ANSWER_S)
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_scrapes_that_come_together_share_what_is_asked(
    autojump_clock: MockClock,
) -> None:
    counts = Counts(Metrics())
    slow = Unanswered(counts)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow.run)
        async with trio.open_nursery() as scrapes:
            scrapes.start_soon(counts.render)
            await trio.sleep(ANSWER_S / 2)
            for _ in range(20):
                scrapes.start_soon(counts.render)
        # The round that was under way is over too early for those.
        assert slow.asked == 2
        nursery.cancel_scope.cancel(reason="the test is over")


async def told(counts: Counts, *metrics: Metrics) -> None:
    """Each is a worker's that tells its counts."""
    for each in metrics:
        ours, theirs = memory_stream_pair()
        channel, far = Channel(ours), Channel(theirs)
        arrived = trio.Event()
        take = counts.joined(channel)[TOLD]

        async def handle(
            body: Any, take: Any = take, arrived: trio.Event = arrived
        ) -> None:
            await take(body)
            arrived.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.run, {TOLD: handle})
            nursery.start_soon(far.run, dict[str, Any]())
            await CountsTold(each, far).tell()
            await arrived.wait()
            nursery.cancel_scope.cancel(reason="it was told")


async def test_the_newest_limit_is_shown_and_not_the_lowest() -> None:
    counts, low, high = Counts(Metrics()), Metrics(), Metrics()
    low.rate_limit_ratio.labels("tokens").set(0.1)
    high.rate_limit_ratio.labels("tokens").set(0.9)
    await told(counts, low, high)
    found = await scraped(counts.render)
    assert found["rate_limit_remaining_ratio tokens"] == 0.9


async def test_names_of_tools_are_bounded_over_all_workers() -> None:
    counts, workers = Counts(Metrics()), [Metrics(), Metrics()]
    for number, worker in enumerate(workers):
        for tool in range(MOST_TOOLS):
            name = worker.tool_label(f"tool-{number}-{tool}")
            worker.tool_s.labels(name, "ok").observe(0.1)
        worker.tool_s.labels("unknown", "failed").observe(0.1)
    await told(counts, *workers)
    found = await scraped(counts.render)
    runs = {key: value for key, value in found.items() if "tool_seconds_count" in key}
    assert len(runs) == MOST_TOOLS + 2
    assert runs["tool_seconds_count ok other"] == MOST_TOOLS
    assert runs["tool_seconds_count failed unknown"] == 2


async def test_what_is_kept_of_ended_workers_does_not_grow() -> None:
    counts = Counts(Metrics())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(counts.keep)
        for _ in range(30):
            metrics = Metrics()
            metrics.barge_ins.inc()
            await told(counts, metrics)
            counts.left(next(iter(counts._last)))  # pyright: ignore[reportPrivateUsage] # nothing else shows it
            await trio.testing.wait_all_tasks_blocked()
        assert len(counts._ended) == 1  # pyright: ignore[reportPrivateUsage] # nothing else shows it
        nursery.cancel_scope.cancel(reason="the test is over")
    assert (await scraped(counts.render))["barge_ins_total"] == 30
