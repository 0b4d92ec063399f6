"""Several processes are summed, and one that has ended keeps its counts in the sum."""

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from trio_sts.loop.lag import Lag
from trio_sts.metrics.exposition import render
from trio_sts.metrics.registry import Metrics
from trio_sts.metrics.snapshot import Snapshot, Told, snapshot, sum_of, what_stays


async def worker(calls: int, active: int) -> Snapshot:
    """The snapshot of a process, as it arrives in another one."""
    lag = Lag()
    lag.counts[0] = calls * 100
    lag.counts[-1] = 1
    lag.total_s = 2.5
    metrics = Metrics(lag, lambda: {("store", "delivered"): calls}, 8)
    metrics.calls.labels("caller hung up", "1000").inc(calls)
    metrics.calls_active.set(active)
    metrics.first_audio_s.labels("turn").observe(0.35)
    metrics.model_failing.set(active > 2)
    found: Snapshot = orjson.loads(orjson.dumps(await snapshot(metrics.registry)))
    return found


async def values(*snapshots: Snapshot) -> dict[str, float]:
    body, _ = await render(Told(await sum_of(snapshots)))
    return {
        " ".join((sample.name, *sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_the_sum_of_two() -> None:
    found = await values(await worker(3, 2), await worker(4, 5))
    assert found["trio_sts_calls_total 1000 caller hung up"] == 7
    assert found["trio_sts_calls_active"] == 7
    assert found["trio_sts_first_audio_seconds_bucket 0.4 turn"] == 2
    assert found["trio_sts_first_audio_seconds_sum turn"] == pytest.approx(0.7)
    assert found["trio_sts_loop_lag_seconds_bucket 0.001"] == 700
    assert found["trio_sts_loop_lag_seconds_bucket +Inf"] == 702
    assert found["trio_sts_loop_lag_seconds_sum"] == 5
    assert found["trio_sts_records_total delivered store"] == 7
    # What no sum makes sense of is told by the first.
    assert found["trio_sts_calls_limit"] == 8
    assert found["trio_sts_model_failing"] == 0
    info = [name for name in found if name.startswith("trio_sts_info")]
    assert [found[name] for name in info] == [1]


async def test_one_that_has_ended_keeps_its_counts_and_nothing_else() -> None:
    ended = what_stays(await worker(3, 2))
    found = await values(await worker(4, 1), ended)
    assert found["trio_sts_calls_total 1000 caller hung up"] == 7
    assert found["trio_sts_loop_lag_seconds_bucket +Inf"] == 702
    assert found["trio_sts_calls_active"] == 1


async def test_a_sum_of_one_is_what_it_was() -> None:
    metrics = Metrics()
    metrics.tool_s.labels('a "quoted" one', "ok").observe(0.1)
    alone, _ = await render(metrics.registry)
    summed, _ = await render(Told(await sum_of([await snapshot(metrics.registry)])))
    assert sorted(summed.splitlines()) == sorted(alone.splitlines())


async def test_a_sum_of_none_is_empty() -> None:
    assert (await render(Told(await sum_of([]))))[0] == b""
