"""What came of all calls, as a table for a page."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.report import markdown_table, with_figures

from .cells import LEGS
from .judge import complaints
from .proxy import FAULTS
from .run import Result

BEGIN: Final = "<!-- figures: written by `make faults` -->"
_RANDOM: Final = "at random moments"


def with_table(page: str, table: str) -> str:
    """The page with the table between its marks."""
    return with_figures(page, table, BEGIN)


def markdown(results: Sequence[Result]) -> str:
    """Both legs' tables, and what is amiss."""
    parts = [
        f"**The {leg} leg**\n\n{_table(leg, results)}"
        for leg in LEGS
        if any(result.cell.leg == leg for result in results)
    ]
    bad = [
        f"- {result.cell.name}: {'; '.join(found)}"
        for result in results
        if (found := complaints(result.cell, result.outcome))
    ]
    count = f"{len(results)} calls, {len(bad)} amiss"
    return "\n\n".join(
        [*parts, count + (":" if bad else "."), *["\n".join(bad)][: len(bad)]]
    )


def _table(leg: str, results: Sequence[Result]) -> str:
    ours = [result for result in results if result.cell.leg == leg]
    faults = [each for each in FAULTS.values() if leg == "model" or each.on_caller_leg]
    points = [*LEGS[leg], _RANDOM]
    rows = [
        [
            point,
            *(
                _shown(
                    [
                        each
                        for each in ours
                        if each.cell.fault == fault and _point(each) == point
                    ]
                )
                for fault in faults
            ),
        ]
        for point in points
    ]
    return markdown_table(["", *(fault.name for fault in faults)], rows)


def _point(result: Result) -> str:
    point = result.cell.point
    return point if isinstance(point, str) else _RANDOM


def _shown(results: Sequence[Result]) -> str:
    """The calls of one field: what came of how many, and the worst silence."""
    if not results:
        return ""
    ways: dict[str, int] = {}
    for result in results:
        way = _way(result)
        ways[way] = ways.get(way, 0) + 1
    many = len(ways) > 1 or len(results) > 2
    shown = ", ".join(f"{count} {way}" if many else way for way, count in ways.items())
    return f"{shown}; {max(_seconds(results)):.1f} s"


def _way(result: Result) -> str:
    outcome = result.outcome
    if complaints(result.cell, outcome):
        return "**amiss**"
    if not outcome.fired:
        return "over before"
    if outcome.finished:
        return "went on"
    return "ended" if result.cell.leg == "caller" else "told"


def _seconds(results: Sequence[Result]) -> Iterator[float]:
    """What is measured of each: the time it was held after, or the silence."""
    for result in results:
        outcome = result.outcome
        held_s = outcome.ended_after_s
        yield outcome.silence_s if held_s is None else held_s
