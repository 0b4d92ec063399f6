"""What the console costs the calls: two relays at the same time, one with browsers on it.

Both run on one core, each under the same load, so that whatever else the machine does
falls on both alike. One has a console, and so many readers of its page *Now*, as browsers
are; the other one has none.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click
import httpx
import trio

from .load import Bench, Load, Measured, build, measure
from .machine import CannotMeasure, places
from .relays import Relay, free_port

_SERVE = (str(Path(sys.executable).with_name("trio-sts")), "serve")
_CANNOT_MEASURE = 2


@click.command(help=__doc__)
@click.option("--calls", default=100, show_default=True, help="On each of the two.")
@click.option("--browsers", default=3, show_default=True, help="On the page Now.")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=5, show_default=True, help="Runs.")
def main(*, calls: int, browsers: int, seconds: float, repeat: int) -> None:
    """The command line."""
    with TemporaryDirectory(prefix="trio-sts-bench-") as folder:
        try:
            load = Load(calls, seconds=seconds)
            trio.run(partial(_compare, Path(folder), load, repeat, browsers))
        except* CannotMeasure as group:
            click.echo("\n".join(map(str, group.exceptions)), err=True)
            sys.exit(_CANNOT_MEASURE)


async def _compare(folder: Path, load: Load, repeat: int, browsers: int) -> None:
    relay_at, load_at = places(urgent=False)
    bench = Bench(await build(folder), folder, relay_at, load_at)
    moved_ms: list[float] = []
    for number in range(repeat):
        found: dict[str, Measured] = {}
        read_bytes = [0] * browsers
        port = free_port()
        watched = partial(_browsers, port, read_bytes)
        async with trio.open_nursery() as nursery:
            for name, env, beside in (
                ("with", {"STS_ADMIN_PORT": str(port)}, watched),
                ("without", {}, _nothing),
            ):
                held = partial(_one, bench, load, f"{name}-{number}", env, beside)
                nursery.start_soon(_note, held, name, found)
        ours, other = found["with"], found["without"]
        moved_ms += [
            ours.up.p99_ms - other.up.p99_ms,
            ours.down.p99_ms - other.down.p99_ms,
        ]
        click.echo(
            f"up p99 {ours.up.p99_ms:.2f} / {other.up.p99_ms:.2f} ms, down p99 "
            f"{ours.down.p99_ms:.2f} / {other.down.p99_ms:.2f} ms, CPU "
            f"{ours.cpu_ms_per_call_s:.2f} / {other.cpu_ms_per_call_s:.2f} ms per "
            f"call-second, lost {ours.up.lost + ours.down.lost}; each browser read "
            f"{median(read_bytes) / 1000:.0f} kB"
        )
    click.echo(f"p99 moved by {median(moved_ms):.2f} ms (median)")


async def _one(
    bench: Bench,
    load: Load,
    run: str,
    env: Mapping[str, str],
    beside: Callable[[int], Awaitable[None]],
) -> Measured:
    relay = Relay(run.partition("-")[0], _SERVE, env)
    return await measure(bench, relay, load, run, beside)


async def _note(
    held: Callable[[], Awaitable[Measured]], name: str, found: dict[str, Measured]
) -> None:
    found[name] = await held()


async def _nothing(_: int) -> None:
    """Nobody looks on."""


async def _browsers(port: int, read_bytes: list[int], _: int) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(len(read_bytes)):
            nursery.start_soon(_browser, port, read_bytes, number)


async def _browser(port: int, read_bytes: list[int], number: int) -> None:
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http,
        http.stream("GET", "/api/now/events") as events,
    ):
        events.raise_for_status()
        async for piece in events.aiter_raw():
            read_bytes[number] += len(piece)


if __name__ == "__main__":
    main()
