"""Who looks on at the calls of a service, opened and closed with it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import get_args

from attrs import frozen

from trio_sts.delivery.archive import Archive
from trio_sts.delivery.outbox import Outbox, Result
from trio_sts.loop.lag import Lag, measuring
from trio_sts.metrics.call import CallMetrics
from trio_sts.metrics.registry import Metrics, RecordCounts
from trio_sts.observing.model_health import ModelHealth
from trio_sts.observing.observer import Observed, Observer
from trio_sts.observing.saturation import Saturation
from trio_sts.observing.verdicts import Judge, VerdictOfCall
from trio_sts.record.records import Records
from trio_sts.record.writer import FileResult
from trio_sts.settings import Settings

_FILE = "file"


@frozen
class Watch:
    """What is found out while calls are held.

    Attributes:
        metrics: For Prometheus.
        health: Whether calls fail in a row because of the model.
        saturation: Warns of a loop that has too much to do; it is to be run.
        observers: Who looks on at each call.
    """

    metrics: Metrics
    health: ModelHealth
    saturation: Saturation
    observers: tuple[Callable[[Observed], Observer], ...]


@contextmanager
def open_watch(
    settings: Settings,
    archive: Archive,
    records: Records,
    lag: Lag | None = None,
    judge: Judge | None = None,
) -> Generator[Watch]:
    """Open it.

    Args:
        settings: The service's.
        archive: Where finished calls go.
        records: What is kept of calls.
        lag: What measures the loop already, if something does.
        judge: Who judges the model by these calls, if it is not the watch's own health.
    """
    with measuring(lag) as measured:
        counts = partial(record_counts, archive, records)
        metrics = Metrics(measured, counts, settings.max_calls)
        health = ModelHealth(metrics.model_failing.set)
        verdicts = partial(VerdictOfCall, judge or health.take)
        observers = partial(CallMetrics, metrics), verdicts
        yield Watch(metrics, health, Saturation(measured), observers)


def record_counts(archive: Archive, records: Records) -> RecordCounts:
    """What became of the records of calls so far, by sink and result."""
    counts: dict[tuple[str, str], float] = {
        (_FILE, result): records.writer.results[result]
        for result in get_args(FileResult)
    }
    senders = archive.store, archive.webhook
    for outbox in (sender.outbox for sender in senders if sender is not None):
        counts |= _of(outbox)
    return counts


def _of(outbox: Outbox) -> dict[tuple[str, str], float]:
    return {(outbox.sink, each): outbox.results[each] for each in get_args(Result)}
