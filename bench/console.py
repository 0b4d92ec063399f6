"""What the console costs the calls: two relays at the same time, one with browsers on it.

Both run on one core, each under the same load, so that whatever else the machine does
falls on both alike. One has a console, and so many readers of its page *Now*, as browsers
are; the other one has none.
"""

from functools import partial
from statistics import median

import click
import httpx
import trio

from .load import Bench, Load, measure
from .pairs import OURS, run, together
from .relays import Relay, free_port


@click.command(help=__doc__)
@click.option("--calls", default=100, show_default=True, help="On each of the two.")
@click.option("--browsers", default=3, show_default=True, help="On the page Now.")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=5, show_default=True, help="Runs.")
def main(*, calls: int, browsers: int, seconds: float, repeat: int) -> None:
    """The command line."""
    load = Load(calls, seconds=seconds)
    run(partial(_compare, load=load, repeat=repeat, browsers=browsers))


async def _compare(bench: Bench, *, load: Load, repeat: int, browsers: int) -> None:
    moved_ms: list[float] = []
    for number in range(repeat):
        read_bytes = [0] * browsers
        port = free_port()
        serve = (OURS, "serve")
        looked_at = Relay("with", serve, {"STS_ADMIN_PORT": str(port)})
        watched = partial(_browsers, port, read_bytes)
        ours, other = await together(
            partial(measure, bench, looked_at, load, f"with-{number}", watched),
            partial(measure, bench, Relay("without", serve), load, f"without-{number}"),
        )
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
