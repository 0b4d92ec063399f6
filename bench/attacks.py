"""Measure 20 running calls beside each attack on the port.

Figures, no verdicts: they depend on the machine, which the page names beside them.
"""

import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import trio
from rich.console import Console

from .attackers import ATTACKERS, Attacker
from .load import Bench, Load, Measured, build, measure
from .machine import CannotMeasure, Machine, places
from .relays import Relay
from .report import markdown_table, with_figures

BEGIN: Final = "<!-- figures: written by `make attacks` -->"
HEADS: Final = (
    "attack",
    "what is done",
    "up: p50 / p99 / max, ms",
    "down: p50 / p99 / max, ms",
    "lost",
    "of a core",
    "remarks",
)
_CALLS: Final = 20
_WARM_S: Final = 5.0
# The calls are set up and talk before it begins.
_BEGINS_AFTER_S: Final = 4.0
_console = Console(width=None if sys.stdout.isatty() else 180)


@click.command(help=__doc__)
@click.option("--seconds", default=8.0, show_default=True, help="Of each attack.")
@click.option("--attack", "names", multiple=True, help="Only this one.")
@click.option("--urgent", is_flag=True, help="At real-time priority; needs root.")
@click.option("--docs", type=click.Path(path_type=Path), help="A page for the table.")
def main(
    *, seconds: float, names: Sequence[str], urgent: bool, docs: Path | None
) -> None:
    """The command line."""
    chosen = [each for each in ATTACKERS if not names or each.name in names]
    with TemporaryDirectory(prefix="trio-sts-attacks-") as folder:
        try:
            rows = trio.run(_measure_all, Path(folder), chosen, seconds, urgent)
        except* CannotMeasure as group:
            _console.print(*group.exceptions, sep="\n", style="red")
            sys.exit(2)
    if docs:
        page = docs.read_text("utf-8")
        figures = f"{_conditions(seconds)}\n\n{markdown_table(HEADS, rows)}"
        docs.write_text(with_figures(page, figures, BEGIN), "utf-8")


async def _measure_all(
    folder: Path, chosen: Sequence[Attacker], seconds: float, urgent: bool
) -> list[tuple[str, ...]]:
    relay_at, load_at = places(urgent=urgent)
    bench = Bench(await build(folder), folder, relay_at, load_at)
    load = Load(_CALLS, 0, seconds, warm_s=_WARM_S, strangers=True)
    rows: list[tuple[str, ...]] = []
    for each in (_NOBODY, *chosen):
        program = [str(Path(sys.executable).with_name("trio-sts")), "serve"]
        if each.descriptors:
            prlimit = shutil.which("prlimit") or "prlimit"
            program = [prlimit, f"--nofile={each.descriptors}", *program]
        relay = Relay("relay", tuple(program))
        beside = partial(_attack, each)
        found = await measure(bench, relay, load, each.name, beside)
        rows.append(_row(each, found))
        _console.print(" | ".join(rows[-1]))
    return rows


async def _attack(attacker: Attacker, port: int) -> None:
    await trio.sleep(_BEGINS_AFTER_S)
    await attacker.attack(port)


async def _rest(_: int) -> None:
    await trio.lowlevel.checkpoint()


_NOBODY: Final = Attacker("none", "", _rest)


def _row(attacker: Attacker, found: Measured) -> tuple[str, ...]:
    remarks = [f"{count} {what}" for what, count in found.faults.items()]
    if found.saturated:
        remarks.append("its core is full")
    if found.disturbance:
        remarks.append(found.disturbance)
    up, down = (
        f"{side.p50_ms:.1f} / {side.p99_ms:.1f} / {side.max_ms:.1f}"
        for side in (found.up, found.down)
    )
    return (
        attacker.name,
        attacker.about,
        up,
        down,
        str(found.lost),
        f"{found.core_share:.0%}",
        "; ".join(remarks),
    )


def _conditions(seconds: float) -> str:
    machine = Machine.this()
    return (
        f"{machine.at[:10]}, {machine.processor}, {machine.cores} cores, of which the "
        f"relay had one; Linux {machine.kernel}, Python {machine.python}.\n"
        f"{_CALLS} calls that talk all the time, {seconds:g} s of each attack."
    )


if __name__ == "__main__":
    main()
