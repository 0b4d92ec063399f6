"""Figures of many calls, for charts: in steps of time, by outcome, by tool, in all."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from attrs import define, field

from trio_sts.record.finished_call import FinishedCall
from trio_sts.record.outcomes import is_failure

MOST_STEPS: Final = 60
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS_S: Final = (
    *(_MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    *(_HOUR, 3 * _HOUR, 6 * _HOUR, _DAY, 7 * _DAY, 30 * _DAY, 365 * _DAY),
)
_MOST_NAMES: Final = 50


@define
class _Step:
    calls: int = 0
    failed: int = 0
    seconds: float = 0
    usd: float | None = None
    medians: list[int] = field(factory=list[int])
    worst: list[int] = field(factory=list[int])

    def add(self, call: FinishedCall) -> None:
        self.calls += 1
        self.failed += is_failure(call.outcome, call.close_code)
        self.seconds += call.duration_s
        if call.cost.usd is not None:
            self.usd = (self.usd or 0) + call.cost.usd
        if call.turn.median_ms is not None:
            self.medians.append(call.turn.median_ms)
        if call.worst_ms:
            self.worst.append(call.worst_ms)

    def told(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "failed": self.failed,
            "minutes": round(self.seconds / _MINUTE, 1),
            # None if no call has a price.
            "cost_usd": None if self.usd is None else round(self.usd, 4),
            # Of the calls' own medians, and of their longest waits.
            "median_ms": round(median(self.medians)) if self.medians else None,
            "p95_ms": _quantile(self.worst, 0.95),
            "worst_ms": max(self.worst, default=None),
        }


def add_up(
    calls: Sequence[FinishedCall], since: datetime | None, until: datetime
) -> dict[str, Any]:
    """The figures of these calls.

    Args:
        calls: The latest first.
        since: When the time begins; None is when the first of the calls did.
        until: When it ends.

    Returns:
        ``buckets`` of equal length, 60 at most, each with the time at which it begins;
        milliseconds are of waits for the agent's audio.
    """
    since = since or (calls[-1].begun_at if calls else until - timedelta(days=1))
    step_s = _step_s((until - since).total_seconds())
    first = int(since.timestamp() // step_s)
    count = min(max(int(until.timestamp() // step_s) - first + 1, 1), MOST_STEPS + 1)
    steps = [_Step() for _ in range(count)]
    total, outcomes = _Step(), Counter[str]()
    for call in calls:
        number = int(call.begun_at.timestamp() // step_s) - first
        if 0 <= number < count:
            steps[number].add(call)
        total.add(call)
        outcomes[call.outcome] += 1
    buckets = [
        {"at": _iso((first + number) * step_s), **step.told()}
        for number, step in enumerate(steps)
    ]
    return {
        "buckets": buckets,
        "step_s": step_s,
        "outcomes": dict(outcomes.most_common(_MOST_NAMES)),
        "tools": _tools(calls),
        "totals": total.told()
        | {
            "turns": sum(call.turns for call in calls),
            "barge_ins": sum(call.barge_ins for call in calls),
            "tokens": sum(_tokens(call) for call in calls),
        },
    }


def _tools(calls: Sequence[FinishedCall]) -> list[dict[str, Any]]:
    took: dict[str, list[int]] = {}
    failed = Counter[str]()
    for call in calls:
        for run in call.tools:
            took.setdefault(run.name, []).append(run.duration_ms)
            failed[run.name] += run.outcome == "failed"
    most = sorted(took.items(), key=lambda each: -len(each[1]))[:_MOST_NAMES]
    return [
        {
            "name": name,
            "runs": len(times),
            "median_ms": round(median(times)),
            "worst_ms": max(times),
            "failed": failed[name],
        }
        for name, times in most
    ]


def _tokens(call: FinishedCall) -> int:
    tokens = call.tokens
    return (
        tokens.input_audio
        + tokens.input_text
        + tokens.output_audio
        + tokens.output_text
    )


def _step_s(seconds: float) -> int:
    fit = (step for step in _STEPS_S if seconds / step <= MOST_STEPS)
    return next(fit, _STEPS_S[-1])


def _quantile(values: list[int], share: float) -> int | None:
    """The nearest-rank quantile; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
