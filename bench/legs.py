"""Asterisk's own leg beside AVR Core's: two relays at the same time, one with each.

Both run on one core, each under the same number of calls, so that whatever else the
machine does falls on both alike.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import click
from attrs import define, evolve, field

from .load import Bench, Load, Measured, measure
from .machine import Machine
from .pairs import OURS, run, together
from .relays import Relay
from .report import HEADS, Row, cpu_ratios, markdown_table, with_figures

BEGIN: Final = "<!-- figures: written by `make bench-legs` -->"
FORMATS: Final = ("slin24", "slin16", "slin", "ulaw", "alaw")
_RELAY: Final = Relay("relay", (OURS, "serve"))


@click.command(help=__doc__)
@click.option("--asterisk", default="slin24", type=click.Choice(FORMATS))
@click.option("--calls", default=50, show_default=True, help="On each of the two.")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=5, show_default=True, help="Runs.")
@click.option("--urgent", is_flag=True, help="At real-time priority; needs root.")
@click.option("--docs", type=click.Path(path_type=Path), help="A page for the table.")
def main(
    *,
    asterisk: str,
    calls: int,
    seconds: float,
    repeat: int,
    urgent: bool,
    docs: Path | None,
) -> None:
    """The command line."""
    comparison = Comparison(Load(calls, seconds=seconds, asterisk=asterisk), repeat)
    run(comparison.carry_out, urgent=urgent)
    click.echo(f"median ratio {median(comparison.ratios):.2f} of {repeat} runs")
    if docs:
        figures = comparison.markdown(Machine.this())
        docs.write_text(with_figures(docs.read_text("utf-8"), figures, BEGIN), "utf-8")
    sys.exit(any(row.failed for row in comparison.rows))


@define
class Comparison:
    """Runs of one number of calls on both legs.

    Attributes:
        load: The calls of Asterisk's; AVR Core's are as many.
        repeat: How often.
    """

    load: Load
    repeat: int
    _direct: list[Measured] = field(factory=list[Measured])
    _avr: list[Measured] = field(factory=list[Measured])

    async def carry_out(self, bench: Bench) -> None:
        """Measure everything, and tell of each pair of runs."""
        for number in range(self.repeat):
            direct, avr = await together(
                partial(measure, bench, _RELAY, self.load, f"direct-{number}"),
                partial(measure, bench, _RELAY, self._as_avr, f"avr-{number}"),
            )
            self._direct.append(direct)
            self._avr.append(avr)
            click.echo(
                f"CPU {direct.cpu_ms_per_call_s:.2f} / {avr.cpu_ms_per_call_s:.2f} ms "
                f"per call-second: ratio {self.ratios[-1]:.2f}; up p99 "
                f"{direct.up.p99_ms:.2f} / {avr.up.p99_ms:.2f} ms, down p99 "
                f"{direct.down.p99_ms:.2f} / {avr.down.p99_ms:.2f} ms, per call "
                f"{direct.kib_per_call:.0f} / {avr.kib_per_call:.0f} KiB, lost "
                f"{direct.lost} / {avr.lost}"
            )

    @property
    def rows(self) -> Sequence[Row]:
        """AVR Core's leg and Asterisk's."""
        return [
            Row(_RELAY, self._as_avr, tuple(self._avr)),
            Row(_RELAY, self.load, tuple(self._direct)),
        ]

    @property
    def ratios(self) -> list[float]:
        """CPU of Asterisk's leg over that of AVR Core's, for each pair of runs."""
        avr, direct = self.rows
        return cpu_ratios(direct, avr)

    def markdown(self, machine: Machine) -> str:
        """The table, and under what conditions it was made."""
        ratios = ", ".join(f"{ratio:.2f}" for ratio in self.ratios)
        return (
            f"{machine.at[:10]}, {machine.processor}; both on one core at the same time, "
            f"{self.repeat} runs of {self.load.seconds:g} s.\n"
            f"Ratio of CPU in each: {ratios}; median {median(self.ratios):.2f}.\n\n"
            + markdown_table(HEADS, [row.cells() for row in self.rows])
        )

    @property
    def _as_avr(self) -> Load:
        return evolve(self.load, asterisk="")


if __name__ == "__main__":
    main()
