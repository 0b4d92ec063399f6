"""Figures for people: a table for the terminal, one for Markdown, JSON for later."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from attrs import asdict, frozen
from rich.table import Table

from .load import Load, Measured, Times
from .machine import Machine
from .relays import Relay

BEGIN = "<!-- figures: written by `make bench` -->"
END = "<!-- end of figures -->"
EVERYTHING = "everything on"
HEADS = (
    "calls",
    "CPU, ms per call and second",
    "of a core",
    "up: p50 / p95 / p99 / max, ms",
    "down: p50 / p95 / p99 / max, ms",
    "lost",
    "KiB per call",
    "set-up, ms",
    "remarks",
)


@frozen
class Row:
    """One relay under one load, measured once or more; medians are shown."""

    relay: Relay
    load: Load
    runs: tuple[Measured, ...]

    def median(self, figure: Callable[[Measured], float]) -> float:
        """The median of the runs."""
        return median(map(figure, self.runs))

    @property
    def failed(self) -> bool:
        """Whether a run shows a fault that a full core does not excuse."""
        return any(run.faults and not run.saturated for run in self.runs)

    def cells(self) -> tuple[str, ...]:
        """What stands below `HEADS`."""
        alone = not self.load.churn
        set_up = self.median(lambda m: (m.set_up if alone else m.churn).p50_ms)
        on = f", {EVERYTHING}" if self.relay.name == EVERYTHING else ""
        return (
            f"{self.load.label}{on}",
            f"{self.median(lambda m: m.cpu_ms_per_call_s):.1f}" if alone else "",
            f"{self.median(lambda m: m.core_share):.0%}",
            self._times(lambda m: m.up),
            self._times(lambda m: m.down),
            str(sum(run.lost for run in self.runs)),
            f"{self.median(lambda m: m.kib_per_call):.0f}" if alone else "",
            f"{set_up:.1f}",
            "; ".join(self._remarks()),
        )

    def _remarks(self) -> list[str]:
        faults = Counter[str]()
        for run in self.runs:
            faults.update(run.faults)
        del faults["lost"]  # has a column
        remarks = ["saturated"] if any(run.saturated for run in self.runs) else []
        remarks += [f"{count} {what}" for what, count in faults.items()]
        return remarks + [run.disturbance for run in self.runs if run.disturbance]

    def _times(self, of: Callable[[Measured], Times]) -> str:
        quantiles: tuple[Callable[[Times], float], ...] = (
            lambda t: t.p50_ms,
            lambda t: t.p95_ms,
            lambda t: t.p99_ms,
            lambda t: t.max_ms,
        )
        found = [median(q(of(run)) for run in self.runs) for q in quantiles]
        return " / ".join(f"{ms:.1f}" if ms < 100 else f"{ms:.0f}" for ms in found)  # noqa: PLR2004


def terminal_table(rows: Sequence[Row]) -> Table:
    """The rows, with the relay's name in front."""
    table = Table("relay", *HEADS)
    for row in rows:
        table.add_row(row.relay.name, *row.cells())
    return table


def cpu_ratios(ours: Row, theirs: Row) -> list[float]:
    """CPU of one relay in that of the other, for each pair of runs."""
    pairs = zip(ours.runs, theirs.runs, strict=True)
    return [a.cpu_s / a.seconds / (b.cpu_s / b.seconds) for a, b in pairs]


def markdown(rows: Sequence[Row], machine: Machine) -> str:
    """The table of one relay, and under what conditions it was made."""
    ready_s = max(run.ready_s for row in rows for run in row.runs)
    first = rows[0]
    conditions = (
        f"{machine.at[:10]}, {machine.processor}, {machine.cores} cores, of which the "
        f"relay had one and the load another; Linux {machine.kernel}, "
        f"Python {machine.python}, trio {machine.trio}, trio-sts {machine.trio_sts}.\n"
        f"Medians of {len(first.runs)} runs of {first.load.seconds:g} s each; the "
        f"service listened {ready_s:.1f} s after its start at the latest.\n"
        "To repeat: `make bench`."
    )
    return f"{conditions}\n\n{markdown_table(HEADS, [row.cells() for row in rows])}"


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def with_figures(page: str, figures: str, begin: str = BEGIN) -> str:
    """The page with fresh figures between its marks.

    Args:
        page: The Markdown.
        figures: What goes there.
        begin: The mark before it, which tells the figures of one program from those of
            another; the mark behind it is always the same.

    Raises:
        ValueError: It has no marks.
    """
    head, found, rest = page.partition(begin)
    _, end, tail = rest.partition(END)
    if not (found and end):
        raise ValueError("the page has no marks for figures")
    return f"{head}{begin}\n{figures}\n{END}{tail}"


def write_json(path: Path, rows: Sequence[Row], machine: Machine) -> None:
    """All figures of all runs."""
    found: dict[str, Any] = {
        "machine": asdict(machine),
        "rows": [asdict(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2))
