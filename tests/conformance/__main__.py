"""Both legs, on both paths, against every case of the suite that is about them.

"NON-STRICT" and "INFORMATIONAL" are the suite's words for what the protocol leaves
open, and pass. Where the paths differ, it is there: the plain path closes on a broken
frame so soon that it does not return what came right before (3.2 to 3.4, 4.1.3 to
4.2.5, 5.15), and the fast one tells broken UTF-8 when the frame is complete (6.4.3,
6.4.4).
"""

import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import trio

from .suite import Case, judge_caller_leg, judge_model_leg

_LEGS = {"caller": judge_caller_leg, "model": judge_model_leg}
_LONGEST_RUN_S = 300


@click.command()
@click.option(
    "--reports",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the suite's reports, with a page for each case, in this folder.",
)
def main(reports: Path | None) -> None:
    """Run the suite; the exit code is 1 if any case failed."""
    with TemporaryDirectory() as folder:
        passed = trio.run(_run_all, reports or Path(folder))
    sys.exit(0 if passed else 1)


async def _run_all(reports: Path) -> bool:
    passed = True
    numbers: set[tuple[str, ...]] = set()
    for (leg, judge), fast in product(_LEGS.items(), (True, False)):
        path = "fast" if fast else "plain"
        with trio.fail_after(_LONGEST_RUN_S):
            cases = await judge(reports / f"{leg}-{path}", fast=fast)
        passed = _tell(f"{leg} leg, {path} path", cases) and passed
        numbers.add(tuple(case.number for case in cases))
    if len(numbers) > 1:
        click.echo("the runs were not of the same cases")
    return passed and len(numbers) == 1


def _tell(run: str, cases: list[Case]) -> bool:
    failed = [case for case in cases if not case.passed]
    clean = sum(case.behavior == case.close == "OK" for case in cases)
    click.echo(
        f"{run}: {len(cases)} cases, {clean} to the letter,"
        f" {len(cases) - clean - len(failed)} within it, {len(failed)} failed"
    )
    for case in failed:
        click.echo(f"  {case.number}: {case.behavior}, close {case.close}: {case.told}")
    return bool(cases) and not failed


if __name__ == "__main__":
    main()
