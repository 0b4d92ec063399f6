"""What metrics cost: two relays at the same time, this one and one from before them.

Both run on one core, each under the same load, so that whatever else the machine does
falls on both alike. This one is scraped meanwhile. The other one is the ``trio-sts`` of
another environment, such as that of a clone of the commit before.
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
from .relays import Relay

_OURS = str(Path(sys.executable).with_name("trio-sts"))
_CANNOT_MEASURE = 2


@click.command(help=__doc__)
@click.option(
    "--before",
    default=_OURS,
    help="The other trio-sts; by default the same one, which shows the noise.",
)
@click.option("--calls", default=100, show_default=True, help="On each of the two.")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=5, show_default=True, help="Runs.")
@click.option("--scrape-s", default=5.0, show_default=True, help="0 scrapes never.")
def main(
    *, before: str, calls: int, seconds: float, repeat: int, scrape_s: float
) -> None:
    """The command line."""
    with TemporaryDirectory(prefix="trio-sts-bench-") as folder:
        try:
            load = Load(calls, seconds=seconds)
            trio.run(partial(_compare, Path(folder), load, repeat, before, scrape_s))
        except* CannotMeasure as group:
            click.echo("\n".join(map(str, group.exceptions)), err=True)
            sys.exit(_CANNOT_MEASURE)


async def _compare(
    folder: Path, load: Load, repeat: int, before: str, scrape_s: float
) -> None:
    relay_at, load_at = places(urgent=False)
    bench = Bench(await build(folder), folder, relay_at, load_at)
    ratios: list[float] = []
    for number in range(repeat):
        found: dict[str, Measured] = {}
        async with trio.open_nursery() as nursery:
            for name, program, every_s in (
                ("with", _OURS, scrape_s),
                ("before", before, 0.0),
            ):
                relay = Relay(name, (program, "serve"))
                held = partial(
                    measure, bench, relay, load, f"{name}-{number}", _scraped(every_s)
                )
                nursery.start_soon(_note, held, name, found)
        ours, other = found["with"], found["before"]
        ratios.append(ours.cpu_ms_per_call_s / other.cpu_ms_per_call_s)
        click.echo(
            f"CPU with metrics {ours.cpu_ms_per_call_s:.3f} ms per call-second, before "
            f"{other.cpu_ms_per_call_s:.3f}: ratio {ratios[-1]:.3f}; up p99 "
            f"{ours.up.p99_ms:.2f} / {other.up.p99_ms:.2f} ms, down p99 "
            f"{ours.down.p99_ms:.2f} / {other.down.p99_ms:.2f} ms, per call "
            f"{ours.kib_per_call:.0f} / {other.kib_per_call:.0f} KiB"
        )
    click.echo(f"median ratio {median(ratios):.3f} of {len(ratios)} runs")


async def _note(
    held: Callable[[], Awaitable[Measured]], name: str, found: dict[str, Measured]
) -> None:
    found[name] = await held()


def _scraped(every_s: float) -> Callable[[int], Awaitable[None]]:
    return partial(_scrape, every_s)


async def _scrape(every_s: float, port: int) -> None:
    if not every_s:
        return
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        while True:
            await trio.sleep(every_s)
            answer = await http.get("/metrics", headers=_ACCEPT)
            answer.raise_for_status()


# As a scraper asks.
_ACCEPT: Mapping[str, str] = {"Accept": "application/openmetrics-text;version=1.0.0"}


if __name__ == "__main__":
    main()
