"""Hold calls whose legs fail, at every point of a call, and judge each of them.

The clock jumps while everybody waits, so that minutes of calls take seconds; sockets,
proxies and TLS are real. The exit code is 1 if anything is amiss.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from .cells import chosen, quick
from .judge import complaints, how_it_ended
from .proxy import FAULTS
from .run import Result, hold_calls
from .table import markdown, with_table

_PATH = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(help=__doc__)
@click.option("--quick", "is_quick", is_flag=True, help="A few of each kind: for CI.")
@click.option("--random", "moments", default=4, show_default=True, help="Per fault.")
@click.option("--seed", default=1, show_default=True, help="Of the random moments.")
@click.option("--leg", "legs", multiple=True, type=click.Choice(["model", "caller"]))
@click.option("--fault", "faults", multiple=True, type=click.Choice(list(FAULTS)))
@click.option("--point", "points", multiple=True, help="A part of its name.")
@click.option("--tls", type=click.Choice(["both", "on", "off"]), default="both")
@click.option("--verbose", is_flag=True, help="Tell of the good ones too.")
@click.option("--docs", type=_PATH, help="A page to put the table in.")
def main(
    *,
    is_quick: bool,
    moments: int,
    seed: int,
    legs: Sequence[str],
    faults: Sequence[str],
    points: Sequence[str],
    tls: str,
    verbose: bool,
    docs: Path | None,
) -> None:
    """The command line."""
    cells = chosen(moments, seed, legs=legs, faults=faults, points=points, tls=tls)
    if is_quick:
        cells = quick(cells)
    bad = 0
    results: list[Result] = []
    for result in hold_calls(cells):
        results.append(result)
        found = complaints(result.cell, result.outcome)
        bad += bool(found)
        if found or verbose:
            outcome = result.outcome
            click.echo(
                f"{result.cell.name}: {'; '.join(found) or 'good'} "
                f"({how_it_ended(outcome)}; {outcome.silence_s:.1f} s of silence,"
                f" {outcome.sessions} sessions)"
            )
            if verbose:
                click.echo(f"  {outcome}")
    click.echo(f"{len(results)} calls, {bad} amiss")
    if docs is not None:
        page = docs.read_text("utf-8")
        docs.write_text(with_table(page, markdown(results)), "utf-8")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
