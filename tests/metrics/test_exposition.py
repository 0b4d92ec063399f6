"""The formats of the answer, and that other tasks have their turn meanwhile."""

from typing import TYPE_CHECKING, cast

import pytest
import trio
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as prometheus

from trio_sts import __version__
from trio_sts.metrics.exposition import render
from trio_sts.metrics.registry import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

# It has no types of its own.
_openmetrics = cast(
    "Callable[[str], Iterable[Metric]]",
    vars(parser)["text_string_to_metric_families"],
)
# As Prometheus 2.42 sends it.
SCRAPER = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def used() -> Metrics:
    metrics = Metrics(records=lambda: {("file", "written"): 2})
    metrics.calls.labels("caller hung up", "1000").inc()
    metrics.first_audio_s.labels("turn").observe(0.3)
    metrics.rate_limit_ratio.labels("tokens").set(0.5)
    return metrics


@pytest.mark.parametrize("accept", ["", "*/*", "text/html", "text/plain;version=0.0.4"])
async def test_whoever_asks_for_nothing_else_gets_the_plain_text(accept: str) -> None:
    body, media_type = await render(used().registry, accept)
    assert media_type == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in prometheus(body.decode())}
    assert families["trio_sts_calls"].type == "counter"
    assert families["trio_sts_loop_lag_seconds"].type == "histogram"
    (info,) = families["trio_sts_info"].samples
    assert (info.labels, info.value) == ({"version": __version__}, 1)
    assert b"EOF" not in body
    assert b"_created" not in body


async def test_a_scraper_of_openmetrics_gets_that_with_one_end() -> None:
    body, media_type = await render(used().registry, SCRAPER)
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.count(b"# EOF") == 1
    assert body.endswith(b"# EOF\n")
    assert {family.name for family in _openmetrics(body.decode())} == {
        family.name for family in used().registry.collect()
    }


async def test_other_tasks_run_between_two_families() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await render(used().registry)
        nursery.cancel_scope.cancel(reason="rendered")
    assert turns > 15


@pytest.mark.parametrize("accept", ["", SCRAPER])
async def test_a_family_of_many_series_is_told_in_parts_and_is_the_same(
    accept: str,
) -> None:
    metrics = used()
    for number in range(50):
        metrics.tool_s.labels(f"tool {number}", "ok").observe(number / 10)
    body, _ = await render(metrics.registry, accept)
    encode, _ = choose_encoder(accept)
    assert body == encode(metrics.registry)
