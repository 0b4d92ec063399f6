"""What records cost: two relays at the same time, one with and one without them.

Both run on one core, each under the same load, so that whatever else the machine does
falls on both alike.
"""

from collections.abc import Mapping
from functools import partial
from statistics import median

import click

from .load import Bench, Load, Measured, measure
from .pairs import OURS, run, together
from .relays import Relay


@click.command(help=__doc__)
@click.option("--calls", default=50, show_default=True, help="On each of the two.")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=5, show_default=True, help="Runs.")
@click.option("--text", default="on", type=click.Choice(["on", "off"]))
@click.option("--audio", default="off", type=click.Choice(["on", "off"]))
def main(*, calls: int, seconds: float, repeat: int, text: str, audio: str) -> None:
    """The command line."""
    keep = {"STS_RECORD_TEXT": text, "STS_RECORD_AUDIO": audio}
    load = Load(calls, seconds=seconds)
    run(partial(_compare, load=load, repeat=repeat, keep=keep))


async def _compare(
    bench: Bench, *, load: Load, repeat: int, keep: Mapping[str, str]
) -> None:
    ratios: list[float] = []
    for number in range(repeat):
        kept = bench.folder / f"records-{number}"
        with_records = {**keep, "STS_RECORD_DIR": str(kept)}
        on, off = await together(
            partial(_one, bench, load, f"on-{number}", with_records),
            partial(_one, bench, load, f"off-{number}", {}),
        )
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


async def _one(bench: Bench, load: Load, name: str, env: Mapping[str, str]) -> Measured:
    relay = Relay(name.partition("-")[0], (OURS, "serve"), env)
    return await measure(bench, relay, load, name)


if __name__ == "__main__":
    main()
