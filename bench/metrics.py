"""What metrics cost: two relays at the same time, this one and one from before them.

Both run on one core, each under the same load, so that whatever else the machine does
falls on both alike. This one is scraped meanwhile. The other one is the ``trio-sts`` of
another environment, such as that of a clone of the commit before.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from statistics import median

import click
import httpx
import trio

from .load import Bench, Load, Measured, measure
from .pairs import OURS, run, together
from .relays import Relay


@click.command(help=__doc__)
@click.option(
    "--before",
    default=OURS,
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
    load = Load(calls, seconds=seconds)
    run(partial(_compare, load=load, repeat=repeat, before=before, scrape_s=scrape_s))


async def _compare(
    bench: Bench, *, load: Load, repeat: int, before: str, scrape_s: float
) -> None:
    ratios: list[float] = []
    for number in range(repeat):
        ours, other = await together(
            partial(_one, bench, OURS, load, f"with-{number}", _scraped(scrape_s)),
            partial(_one, bench, before, load, f"before-{number}", _scraped(0)),
        )
        ratios.append(ours.cpu_ms_per_call_s / other.cpu_ms_per_call_s)
        click.echo(
            f"CPU with metrics {ours.cpu_ms_per_call_s:.3f} ms per call-second, before "
            f"{other.cpu_ms_per_call_s:.3f}: ratio {ratios[-1]:.3f}; up p99 "
            f"{ours.up.p99_ms:.2f} / {other.up.p99_ms:.2f} ms, down p99 "
            f"{ours.down.p99_ms:.2f} / {other.down.p99_ms:.2f} ms, per call "
            f"{ours.kib_per_call:.0f} / {other.kib_per_call:.0f} KiB"
        )
    click.echo(f"median ratio {median(ratios):.3f} of {len(ratios)} runs")


async def _one(
    bench: Bench,
    program: str,
    load: Load,
    name: str,
    beside: Callable[[int], Awaitable[None]],
) -> Measured:
    relay = Relay(name.partition("-")[0], (program, "serve"))
    return await measure(bench, relay, load, name, beside)


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
