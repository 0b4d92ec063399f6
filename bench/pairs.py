"""Two relays at the same time on one core, each under a load of its own.

Whatever else the machine does falls on both alike.
"""

import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import trio

from .load import Bench, Measured, build
from .machine import CannotMeasure, places

CANNOT_MEASURE = 2
OURS = str(Path(sys.executable).with_name("trio-sts"))


def run(compare: Callable[[Bench], Awaitable[None]], *, urgent: bool = False) -> None:
    """Build the load program and compare; a command that cannot is told why, and exits.

    Args:
        compare: What is done with it.
        urgent: Whether all of it runs at real-time priority, which needs root.
    """
    with TemporaryDirectory(prefix="trio-sts-bench-") as folder:
        try:
            trio.run(_prepared, Path(folder), compare, urgent)
        except* CannotMeasure as group:
            click.echo("\n".join(map(str, group.exceptions)), err=True)
            sys.exit(CANNOT_MEASURE)


async def together(
    *measurements: Callable[[], Awaitable[Measured]],
) -> list[Measured]:
    """What each measurement found, in their order; they are made at the same time.

    Raises:
        CannotMeasure: In a group: a relay or its load program gave up.
    """
    found: dict[int, Measured] = {}
    async with trio.open_nursery() as nursery:
        for number, measured in enumerate(measurements):
            nursery.start_soon(partial(_note, found, number, measured))
    return [found[number] for number in range(len(measurements))]


async def _prepared(
    folder: Path, compare: Callable[[Bench], Awaitable[None]], urgent: bool
) -> None:
    relay_at, load_at = places(urgent=urgent)
    await compare(Bench(await build(folder), folder, relay_at, load_at))


async def _note(
    found: dict[int, Measured],
    number: int,
    measured: Callable[[], Awaitable[Measured]],
) -> None:
    found[number] = await measured()
