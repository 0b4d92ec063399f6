"""All metrics of the process, by the names and labels that operators see.

The labels stand in ``docs/operations.md``; every one of them is bounded, see `labels`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from typing import Final, cast, get_args

from attrs import define, field
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from typing_extensions import override

from trio_sts import __version__
from trio_sts.loop.lag import BOUNDS_S, Lag

from .labels import (
    DEAD_AIR_STEPS,
    DROPS,
    ERRORS_TO_EXPECT,
    KINDS_OF_WAITS,
    MOST_TOOLS,
    OTHER,
    TOKEN_KINDS,
    USUAL_ENDS,
    Why,
)

CALL_S: Final = (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
FIRST_AUDIO_S: Final = (
    *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5),
    *(2.0, 3.0, 5.0, 10.0),
)
TOOL_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)

# The library's own switch for the process: the time of a series' birth is a series more
# for each, and no question of ours needs it.
cast("Callable[[], None]", disable_created_metrics)()

# Sink and result, and how many records ended so.
RecordCounts = Mapping[tuple[str, str], float]


@define(eq=False)
class _Pulled(Collector):
    """What is counted elsewhere, and read when somebody asks."""

    lag: Lag
    records: Callable[[], RecordCounts]
    max_calls: Callable[[], int]

    @override
    def collect(self) -> Iterator[Metric]:
        """Every family, as it is now."""
        lag = HistogramMetricFamily(
            "trio_sts_loop_lag_seconds",
            "How long what could run had to wait for the event loop.",
        )
        lag.add_metric(
            [], buckets=_cumulated(self.lag.counts), sum_value=self.lag.total_s
        )
        yield lag
        records = CounterMetricFamily(
            "trio_sts_records",
            "Records of calls that a sink is done with.",
            labels=("sink", "result"),
        )
        for labels, count in sorted(self.records().items()):
            records.add_metric(labels, count)
        yield records
        yield GaugeMetricFamily(
            "trio_sts_calls_limit",
            "STS_MAX_CALLS; 0 is no limit.",
            value=self.max_calls(),
        )


def _cumulated(counts: Iterable[int]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    total = 0
    for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), counts, strict=True):
        total += count
        found.append((bound, total))
    return found


def _no_records() -> RecordCounts:
    return {}


@define(eq=False, slots=False)
class Metrics:
    """The metrics of one process.

    Attributes:
        registry: Has all of them, and nothing else.
        lag: Measures the loop.
        records: Says what became of the records so far.
        max_calls: The operator's bound for calls; 0 is none.
    """

    lag: Lag = field(factory=Lag)
    records: Callable[[], RecordCounts] = _no_records
    max_calls: int = 0
    registry: CollectorRegistry = field(factory=CollectorRegistry)
    _tools: set[str] = field(factory=set[str], init=False)

    def __attrs_post_init__(self) -> None:
        self._make_metrics_of_calls()
        self._make_metrics_of_the_model()
        self._begin_at_zero()
        Info("trio_sts", "The program.", registry=self.registry).info(
            {"version": __version__}
        )
        self.registry.register(_Pulled(self.lag, self.records, lambda: self.max_calls))

    def tool_label(self, name: str) -> str:
        """The name of a tool as a label: the first 64 names, and all others as one."""
        if name not in self._tools:
            if len(self._tools) >= MOST_TOOLS:
                return OTHER
            self._tools.add(name)
        return name

    def _make_metrics_of_calls(self) -> None:
        self.calls_active = self._gauge("calls_active", "Calls under way.")
        self.calls = self._counter(
            "calls", "Calls that are over.", "outcome", "close_code"
        )
        self.calls_failed = self._counter(
            "calls_failed", "Calls that are over and have failed."
        )
        self.callers_refused = self._counter(
            "callers_refused", "Callers that were refused before a call.", "why"
        )
        self.call_s = self._histogram("call_seconds", "How long calls last.", CALL_S)
        self.first_audio_s = self._histogram(
            "first_audio_seconds",
            "How long the caller waits until the agent is heard.",
            FIRST_AUDIO_S,
            "kind",
        )
        self.barge_ins = self._counter(
            "barge_ins", "How often a caller has interrupted the agent."
        )
        self.dead_air = self._counter(
            "dead_air", "Steps that were taken because the model was silent.", "step"
        )
        self.tool_s = self._histogram(
            "tool_seconds", "How long tools run.", TOOL_S, "tool", "outcome"
        )
        self.audio_dropped_s = self._counter(
            "audio_dropped_seconds",
            "Audio that was to go out on a leg and was dropped.",
            *("leg", "why"),
        )

    def _make_metrics_of_the_model(self) -> None:
        self.responses = self._counter(
            "responses", "Responses of the model that have ended.", "status", "reason"
        )
        self.model_connects = self._counter(
            "model_connects", "Connections to the model that were tried.", "result"
        )
        self.model_reconnects = self._counter(
            "model_reconnects",
            "Sessions that were to replace one in mid-call.",
            *("why", "result"),
        )
        self.model_errors = self._counter(
            "model_errors", "Errors that the model's endpoint has reported.", "code"
        )
        self.rate_limit_ratio = self._gauge(
            "rate_limit_remaining_ratio",
            "What is left of the account's limit, from 0 to 1, as last told.",
            "name",
        )
        self.tokens = self._counter(
            "tokens", "Tokens, as the model's endpoint counts them.", "kind"
        )
        self.cost_usd = self._counter(
            "cost_usd", "Cost of the calls that are over, in list prices."
        )
        self.model_failing = self._gauge(
            "model_failing", "1 while calls fail in a row because of the model."
        )

    def _begin_at_zero(self) -> None:
        """A series that begins with its first event shows no increase by it."""
        known: dict[Counter | Histogram, Iterable[tuple[str, ...]]] = {
            self.calls: USUAL_ENDS,
            self.callers_refused: (
                *(("full",), ("stopping",), ("token",), ("asterisk",)),
            ),
            self.first_audio_s: zip(KINDS_OF_WAITS),
            self.dead_air: zip(DEAD_AIR_STEPS),
            self.audio_dropped_s: DROPS,
            self.tokens: zip(TOKEN_KINDS),
            self.responses: (("completed", ""),),
            self.model_connects: (("connected",),),
            self.model_errors: zip(ERRORS_TO_EXPECT),
            self.model_reconnects: product(get_args(Why), ("restored", "failed")),
        }
        for metric, series in known.items():
            for labels in series:
                metric.labels(*labels)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"trio_sts_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"trio_sts_{name}", about, labels, registry=self.registry)

    def _histogram(
        self, name: str, about: str, bounds: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"trio_sts_{name}", about, labels, registry=self.registry, buckets=bounds
        )
