"""A call's report in a few lines of plain words."""

from collections.abc import Iterator
from statistics import median

from attrs import fields

from .report import CallReport, Faults, Turn


def summary(report: CallReport) -> list[str]:
    """The report for a person; no transcript is repeated."""
    return [
        _ending(report),
        *_next_step(report),
        *_heard(report),
        *_turns(report),
        *_faults(report.faults),
    ]


def _ending(report: CallReport) -> str:
    details = [
        f"HTTP {report.http_status}" if report.http_status else "",
        f"code {report.close_code}" if report.close_code else "",
        report.reason,
    ]
    told = ", ".join(filter(None, details))
    return f"call over: {report.outcome}{f' ({told})' if told else ''}"


def _next_step(report: CallReport) -> Iterator[str]:
    if report.next_step:
        yield f"  the dialplan goes on at {report.next_step}"


def _heard(report: CallReport) -> Iterator[str]:
    if not report.duration_s:
        return
    if report.rang_ms is not None:
        yield f"  answered after {report.rang_ms} ms of ringing"
    yield (
        f"  {report.duration_s:.2f} s long; agent heard for {report.heard_s:.2f} s, "
        f"{report.flushed_s:.2f} s interrupted, {report.unplayed_s:.2f} s never played"
    )
    if report.greeting_ms is not None:
        yield f"  greeting heard after {report.greeting_ms} ms"


def _turns(report: CallReport) -> Iterator[str]:
    for number, turn in enumerate(report.turns, 1):
        yield f"  turn {number} ({turn.kind}): {_turn(turn)}"
    if len(report.latencies_ms) > 1:
        every = report.latencies_ms
        yield f"  latency: median {median(every):.0f} ms, worst {max(every)} ms"


def _turn(turn: Turn) -> str:
    latency = turn.latency_ms
    told = "no answer" if latency is None else f"answer heard after {latency} ms"
    if turn.hush_ms is not None:
        return f"{told}; the agent fell silent after {turn.hush_ms} ms"
    return f"{told}; the agent was talked over" if turn.over_agent else told


def _faults(faults: Faults) -> Iterator[str]:
    for attribute in fields(Faults):
        count: int = getattr(faults, attribute.name)
        if count:
            yield f"  fault: {attribute.name.replace('_', ' ')}: {count}"
