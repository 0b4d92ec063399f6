"""Measure the service from outside, alone or in turn with another relay."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click
import trio
from rich.console import Console

from .machine import CannotMeasure, Machine
from .plan import Plan, loads
from .relays import Relay
from .report import (
    EVERYTHING,
    Row,
    cpu_ratios,
    markdown,
    terminal_table,
    with_figures,
    write_json,
)

_RESULTS = Path(__file__).with_name("results")
_PATH = click.Path(path_type=Path)
_WIDTH = 180
# Beside TLS; metrics are always on. It runs in a folder of its own.
_EVERYTHING = {"STS_RECORD_DIR": "records", "STS_RECORD_AUDIO": "on"}
_CANNOT_MEASURE = 2

_console = Console(width=None if sys.stdout.isatty() else _WIDTH)


def _numbers(_: object, __: object, given: str) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in given.split(",") if number)
    except ValueError as exc:
        raise click.BadParameter("numbers with commas between them") from exc


def _settings(_: object, __: object, given: Sequence[str]) -> Mapping[str, str]:
    pairs = [setting.partition("=") for setting in given]
    for name, equals, _text in pairs:
        if not (name and equals):
            raise click.BadParameter("settings are NAME=VALUE")
    return {name: text for name, _, text in pairs}


@click.command(help=__doc__)
@click.option("--calls", default="", callback=_numbers, help="How many calls: N,N,…")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=2, show_default=True, help="Runs of each load.")
@click.option("--burst", default=1, help="N deltas of 100 ms at once, every N*100 ms.")
@click.option("--churn", default=0.0, help="So many more calls a second come and go.")
@click.option(
    "--turns", default=0.0, help="The agent speaks so long in each turn, in s."
)
@click.option("--relay", help="A command to measure instead of trio-sts serve.")
@click.option("--env", multiple=True, callback=_settings, help="K=V for the relay.")
@click.option("--against", help="Another relay's command, measured in turn.")
@click.option(
    "--against-env",
    multiple=True,
    callback=_settings,
    help="K=V for the other one; {endpoint_port} in V is filled in.",
)
@click.option("--workers", default=1, help="STS_WORKERS of ours; over 1: on all cores.")
@click.option("--tls", is_flag=True, help="The endpoint speaks TLS, to all of them.")
@click.option(
    "--everything",
    is_flag=True,
    help="In turn with itself with TLS, call files and recordings.",
)
@click.option("--urgent", is_flag=True, help="At real-time priority; needs root.")
@click.option("--docs", type=_PATH, help="A page to put the table in.")
@click.option("--json", "results", type=_PATH, help="Where all figures go.")
def main(
    *,
    calls: tuple[int, ...],
    seconds: float,
    repeat: int,
    burst: int,
    churn: float,
    turns: float,
    relay: str | None,
    env: Mapping[str, str],
    against: str | None,
    against_env: Mapping[str, str],
    workers: int,
    tls: bool,
    everything: bool,
    urgent: bool,
    docs: Path | None,
    results: Path | None,
) -> None:
    """The command line."""
    ours = shlex.split(relay) if relay else [_beside_python("trio-sts"), "serve"]
    if workers > 1:
        env = {**env, "STS_WORKERS": str(workers)}
    if against and everything:
        raise click.UsageError("--everything is measured in turn with itself alone.")
    relays = [Relay("ours" if against else "relay", tuple(ours), env, tls)]
    if against:
        other = tuple(shlex.split(against))
        relays.append(Relay("other", other, against_env, tls))
    if everything:
        relays.append(Relay(EVERYTHING, tuple(ours), {**_EVERYTHING, **env}, tls=True))
    asked = loads(calls, churn, seconds=seconds, burst=burst, turns_s=turns)
    plan = Plan(tuple(relays), asked, repeat, urgent, spread=workers > 1)
    rows = _carry_out(plan)
    machine = Machine.this()
    _show(rows)
    path = results or _RESULTS / f"{machine.at.replace(':', '')}.json"
    write_json(path, rows, machine)
    _console.print(f"all figures: {path}")
    if docs:
        page = docs.read_text("utf-8")
        docs.write_text(with_figures(page, markdown(rows, machine)), "utf-8")
    is_whole = len(rows) == len(plan.relays) * len(plan.loads)
    sys.exit(not is_whole or any(row.failed for row in rows))


def _carry_out(plan: Plan) -> list[Row]:
    with TemporaryDirectory(prefix="trio-sts-bench-") as folder:
        try:
            return trio.run(plan.carry_out, Path(folder), _console)
        except* CannotMeasure as group:
            _console.print(*group.exceptions, sep="\n", style="red")
    sys.exit(_CANNOT_MEASURE)


def _show(rows: Sequence[Row]) -> None:
    _console.print(terminal_table(rows))
    for ours, other in pairwise(rows):
        beside = ours.load == other.load and ours.relay != other.relay
        if not beside or ours.relay != rows[0].relay:
            continue
        ratios = cpu_ratios(ours, other)
        shown = " ".join(f"{ratio:.2f}" for ratio in ratios)
        _console.print(
            f"calls: {ours.load.label}; CPU of {ours.relay.name} / {other.relay.name}: {shown}, "
            f"median {median(ratios):.2f}"
        )


def _beside_python(program: str) -> str:
    return str(Path(sys.executable).with_name(program))


if __name__ == "__main__":
    main()
