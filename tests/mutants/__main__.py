"""Change the code a little, many times, and ask the tests of its room each time.

A seeded sample of all changes is tried, each in a copy of the tree: the tree itself is
never touched. A change is noticed if a test fails, or if the tests hang.
"""

import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import trio

from .equivalents import difference, known, stale
from .places import changed, places
from .report import Verdict, score, survivors, table
from .rooms import ROOMS, sources
from .sample import Candidate, drawn, shares
from .trials import Change, Trials
from .workplace import CannotJudge


@click.command(help=__doc__)
@click.option("--sample", default=200, show_default=True, help="How many changes.")
@click.option("--seed", default=1, show_default=True, help="Which ones.")
@click.option("--room", "rooms", multiple=True, help="Of this folder of trio_sts only.")
@click.option("--workers", default=2, show_default=True, help="So many at a time.")
@click.option("--limit-s", default=60.0, show_default=True, help="Of one test.")
@click.option("--at-least", default=90.0, show_default=True, help="In percent, or 1.")
def main(
    *,
    sample: int,
    seed: int,
    rooms: Sequence[str],
    workers: int,
    limit_s: float,
    at_least: float,
) -> None:
    """The command line."""
    root = Path.cwd()
    chosen, possible = _choose(root, rooms or ROOMS, sample, seed)
    click.echo(f"{len(chosen)} of {sum(possible.values())} changes, seed {seed}")
    with TemporaryDirectory(prefix="mutants-") as folder:
        trials = Trials(root, Path(folder), workers, limit_s)
        try:
            verdicts = trio.run(_carried_out, trials, chosen)
        except* CannotJudge as group:
            click.echo("\n".join(_reasons(group)))
            sys.exit(2)
    if verdicts is None:
        sys.exit(128 + signal.SIGTERM)
    _tell(verdicts, possible)
    sys.exit(0 if score(verdicts) >= at_least else 1)


async def _carried_out(trials: Trials, changes: list[Change]) -> list[Verdict] | None:
    """The verdicts; none if SIGTERM came first. No run of tests outlives this one."""
    verdicts: list[Verdict] | None = None
    with trio.open_signal_receiver(signal.SIGTERM) as told:
        async with trio.open_nursery() as nursery:

            async def end_when_told() -> None:
                await anext(told)
                nursery.cancel_scope.cancel(reason="told to end")

            nursery.start_soon(end_when_told)
            verdicts = await trials.carry_out(changes)
            nursery.cancel_scope.cancel(reason="all changes are tried")
    return verdicts


def _reasons(group: BaseExceptionGroup[CannotJudge]) -> Iterator[str]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _reasons(each)
        else:
            yield str(each)


def _choose(
    root: Path, rooms: Sequence[str], sample: int, seed: int
) -> tuple[list[Change], dict[str, int]]:
    texts = {
        path: (root / path).read_text("utf-8")
        for room in rooms
        for path in sources(root, room)
    }
    candidates = {
        room: [
            Candidate(path, place)
            for path in sources(root, room)
            for place in places(texts[path])
        ]
        for room in rooms
    }
    equivalents = known()
    if set(rooms) >= set(ROOMS):
        for line in stale(equivalents, texts.values()):
            click.echo(f"an equivalent whose line is gone: {line}")
    possible = {room: len(found) for room, found in candidates.items()}
    chosen: list[Change] = []
    for room, share in shares(possible, sample).items():
        taken = 0
        for candidate in drawn(candidates[room], seed):
            if taken == share:
                break
            before = texts[candidate.path]
            after = changed(before, candidate.place)
            if after is None:
                continue
            lines = difference(before, after)
            if not any(each.covers(*lines) for each in equivalents):
                chosen.append(Change(room, candidate, before, after))
                taken += 1
    return chosen, possible


def _tell(verdicts: Sequence[Verdict], possible: dict[str, int]) -> None:
    click.echo(survivors(verdicts))
    click.echo()
    click.echo(table(verdicts, possible))


if __name__ == "__main__":
    main()
