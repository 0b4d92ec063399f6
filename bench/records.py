"""What records cost: two relays at the same time, one with and one without them.

Both run on one core, each under the same load, so that whatever else the machine does
falls on both alike.
"""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click
import trio

from .load import Bench, Load, Measured, build, measure
from .machine import CannotMeasure, places
from .relays import Relay

_SERVE = (str(Path(sys.executable).with_name("trio-sts")), "serve")
_CANNOT_MEASURE = 2


@click.command(help=__doc__)
@click.option("--calls", default=50, show_default=True, help="On each of the two.")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=5, show_default=True, help="Runs.")
@click.option("--text", default="on", type=click.Choice(["on", "off"]))
@click.option("--audio", default="off", type=click.Choice(["on", "off"]))
def main(*, calls: int, seconds: float, repeat: int, text: str, audio: str) -> None:
    """The command line."""
    with TemporaryDirectory(prefix="trio-sts-bench-") as folder:
        try:
            keep = {"STS_RECORD_TEXT": text, "STS_RECORD_AUDIO": audio}
            load = Load(calls, seconds=seconds)
            trio.run(partial(_compare, Path(folder), load, repeat, keep))
        except* CannotMeasure as group:
            click.echo("\n".join(map(str, group.exceptions)), err=True)
            sys.exit(_CANNOT_MEASURE)


async def _compare(
    folder: Path, load: Load, repeat: int, keep: Mapping[str, str]
) -> None:
    relay_at, load_at = places(urgent=False)
    bench = Bench(await build(folder), folder, relay_at, load_at)
    ratios: list[float] = []
    for number in range(repeat):
        kept = folder / f"records-{number}"
        with_records = {**keep, "STS_RECORD_DIR": str(kept)}
        found: dict[str, Measured] = {}
        async with trio.open_nursery() as nursery:
            for name, env in (("on", with_records), ("off", {})):
                nursery.start_soon(_one, bench, load, f"{name}-{number}", env, found)
        on, off = found[f"on-{number}"], found[f"off-{number}"]
        ratios.append(on.cpu_ms_per_call_s / off.cpu_ms_per_call_s)
        sizes = [path.stat().st_size for path in kept.glob("*.call")]
        click.echo(
            f"CPU with records {on.cpu_ms_per_call_s:.3f} ms per call-second, without "
            f"{off.cpu_ms_per_call_s:.3f}: ratio {ratios[-1]:.3f}; up p99 "
            f"{on.up.p99_ms:.2f} / {off.up.p99_ms:.2f} ms, down p99 "
            f"{on.down.p99_ms:.2f} / {off.down.p99_ms:.2f} ms, per call "
            f"{on.kib_per_call:.0f} / {off.kib_per_call:.0f} KiB; {len(sizes)} files of "
            f"{sum(sizes) / max(len(sizes), 1) / 1000:.1f} kB"
        )
    click.echo(f"median ratio {median(ratios):.3f} of {len(ratios)} runs")


async def _one(
    bench: Bench,
    load: Load,
    run: str,
    env: Mapping[str, str],
    found: dict[str, Measured],
) -> None:
    relay = Relay(run.partition("-")[0], _SERVE, env)
    found[run] = await measure(bench, relay, load, run)


if __name__ == "__main__":
    main()
