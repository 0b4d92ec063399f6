"""Holds the calls of many cells: some at the same time, in as many processes as cores."""

import gc
import os
import ssl
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil
import structlog
import trio
import trustme
from attrs import evolve, frozen
from structlog.testing import capture_logs
from trio.testing import MockClock

from . import lookups
from .cell import Cell, Outcome, World, hold_call
from .jumps import Jumps

AT_ONCE: Final = 24
_PROCESSORS: Final = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.format_exc_info,
)


@frozen
class Result:
    """A cell, and what came of its call."""

    cell: Cell
    outcome: Outcome


def hold_calls(cells: Sequence[Cell]) -> Iterator[Result]:
    """Hold the calls of all cells; results come in their order."""
    shares = [cells[start : start + AT_ONCE] for start in range(0, len(cells), AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for results in processes.map(_hold_share, shares):
            yield from results


def _hold_share(cells: Sequence[Cell]) -> list[Result]:
    """Hold some calls at the same time, and see that they leave no file open."""
    with TemporaryDirectory(prefix="faults-") as folder:
        tls = _certified(Path(folder))
        lookups.write_tool(Path(folder, "tools"))
        with capture_logs(_PROCESSORS) as log:
            clock = MockClock(autojump_threshold=0)
            world = World(Jumps(clock), tls, Path(folder, "tools"), log)
            before = psutil.Process().num_fds()
            with warnings.catch_warnings(record=True, action="always") as warned:
                results = trio.run(_hold_all, cells, world, clock=clock)
                gc.collect()
            more = psutil.Process().num_fds() - before
    left = [str(each.message) for each in warned if each.category is ResourceWarning]
    if more > 0:
        left.append(f"{more} descriptors")
    # Whose they are is not known: somebody of these.
    first, *others = results
    open_too = tuple(f"{each}, of {len(cells)} calls" for each in left)
    outcome = evolve(first.outcome, open=(*first.outcome.open, *open_too))
    return [Result(first.cell, outcome), *others]


async def _hold_all(cells: Sequence[Cell], world: World) -> list[Result]:
    results: dict[Cell, Outcome] = {}

    async def hold_one(cell: Cell) -> None:
        results[cell] = await hold_call(cell, world)

    async with trio.open_nursery() as nursery:
        for cell in cells:
            nursery.start_soon(hold_one, cell)
    return [Result(cell, results[cell]) for cell in cells]


def _certified(folder: Path) -> ssl.SSLContext:
    """The model's TLS, by an authority that the relay trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    os.environ["SSL_CERT_FILE"] = str(folder / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # trustme names a class of another library that may be missing.
    authority.issue_cert("127.0.0.1").configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]
    return tls
