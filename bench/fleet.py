"""What several workers hold: the cost beside one process, and one killed, and all renewed.

The load shares the machine's cores with the workers, so that no number of calls tells
what they could hold alone. What a call costs them does: where it costs with N workers what
it costs one process that holds an Nth of the calls, N cores hold N times the calls: with
fewer calls in a process each costs more. The first figures are that ratio, one after the
other. Then a worker is killed while its calls talk, and
the latency of all others is told beside that of a run without; at last the service is
told with SIGHUP, again and again, to begin anew while calls arrive.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import click
import trio
from attrs import frozen

from .load import Bench, Load, Measured, build, measure
from .machine import Anywhere, CannotMeasure
from .relays import Relay

_OURS = str(Path(sys.executable).with_name("trio-sts"))
_CANNOT_MEASURE = 2
_ARRIVING = 5.0


@frozen
class _Runs:
    """What is measured, and how often."""

    program: str
    workers: int
    load: Load
    repeat: int

    async def carry_out(self, folder: Path) -> None:
        """All of it."""
        bench = Bench(await build(folder), folder, Anywhere(), Anywhere())
        await self._compare(bench)
        await self._kill(bench)
        await self._renew(bench)

    async def _compare(self, bench: Bench) -> None:
        ratios: list[float] = []
        for turn in range(self.repeat):
            found = {
                workers: await self._one(
                    bench, workers, self._for(workers), f"cost-{turn}"
                )
                for workers in (1, self.workers)[:: -1 if turn % 2 else 1]
            }
            one, all_ = found[1], found[self.workers]
            ratios.append(one.cpu_ms_per_call_s / all_.cpu_ms_per_call_s)
            _tell("1 worker", one)
            _tell(f"{self.workers} workers", all_)
        _say(
            f"{self.workers} cores hold {self.workers * median(ratios):.2f} times the "
            f"calls of one (median of {self.repeat}, by the CPU of a call)"
        )

    def _for(self, workers: int) -> Load:
        """As many calls for each worker, however many there are."""
        share = self.load.calls * workers // self.workers
        return Load(share, seconds=self.load.seconds)

    async def _kill(self, bench: Bench) -> None:
        calm = await self._one(bench, self.workers, self.load, "calm")
        half_s = self.load.warm_s + self.load.seconds / 2
        killed = await self._one(
            bench, self.workers, self.load, "killed", partial(_kill_one, half_s)
        )
        _tell("none is killed", calm)
        _tell("one is killed", killed)
        _say(
            f"{_lost(killed):g} of {self.load.calls} calls ended with it; p99 moved "
            f"by {killed.up.p99_ms - calm.up.p99_ms:.2f} ms up, "
            f"{killed.down.p99_ms - calm.down.p99_ms:.2f} ms down"
        )

    async def _renew(self, bench: Bench) -> None:
        load = Load(self.load.calls, _ARRIVING, self.load.seconds)
        told = [0]
        renewed = await self._one(
            bench, self.workers, load, "renewed", partial(_renew_all, told)
        )
        _tell(f"{told[0]} generations", renewed)
        lost = _lost(renewed) + renewed.churn.failed
        _say(f"{lost:g} of {load.calls + renewed.churn.calls} calls lost")

    async def _one(
        self,
        bench: Bench,
        workers: int,
        load: Load,
        run: str,
        beside: Callable[[int], Awaitable[None]] | None = None,
    ) -> Measured:
        env = {"STS_WORKERS": str(workers)}
        relay = Relay(f"{workers} workers", (self.program, "serve"), env)
        run = f"{run}-{workers}"
        if beside is None:
            return await measure(bench, relay, load, run)
        return await measure(bench, relay, load, run, beside)


@click.command(help=__doc__)
@click.option("--program", default=_OURS, help="The trio-sts to measure.")
@click.option("--workers", default=2, show_default=True, help="How many.")
@click.option("--calls", default=40, show_default=True, help="Of all workers together.")
@click.option("--seconds", default=10.0, show_default=True, help="Measured in a run.")
@click.option("--repeat", default=3, show_default=True, help="Runs of the comparison.")
def main(
    *, program: str, workers: int, calls: int, seconds: float, repeat: int
) -> None:
    """The command line."""
    runs = _Runs(program, workers, Load(calls, seconds=seconds), repeat)
    with TemporaryDirectory(prefix="trio-sts-bench-") as folder:
        try:
            trio.run(runs.carry_out, Path(folder))
        except* CannotMeasure as group:
            click.echo("\n".join(map(str, group.exceptions)), err=True)
            sys.exit(_CANNOT_MEASURE)


async def _kill_one(after_s: float, port: int) -> None:
    """Kill a worker: one of those that hold no port of their own and have no children."""
    await trio.sleep(after_s)
    workers = [pid for pid in _below(_relay(port)) if not _children(pid)]
    if not workers:
        raise CannotMeasure("there is no worker to be killed")
    os.kill(workers[0], signal.SIGKILL)


async def _renew_all(told: list[int], port: int) -> None:
    while True:
        await trio.sleep(3)
        os.kill(_relay(port), signal.SIGHUP)
        told[0] += 1


def _relay(port: int) -> int:
    """The process of ours that was given this port."""
    given = f"PORT={port}".encode()
    for pid in _children(os.getpid()):
        if given in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return pid
    raise CannotMeasure("the relay is gone")


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text("ascii").split())
    return found


def _below(pid: int) -> list[int]:
    found = _children(pid)
    return [*found, *(below for child in found for below in _below(child))]


def _lost(found: Measured) -> float:
    """Calls that ended early: the load program counts both legs of each."""
    return found.ended_early / 2


def _tell(what: str, found: Measured) -> None:
    # The CPU of a process that has ended is in no sum.
    cpu = f"{found.cpu_ms_per_call_s:.2f} ms" if found.cpu_s > 0 else "unknown"
    _say(
        f"{what}: CPU per call and second {cpu}, up p99 {found.up.p99_ms:.2f} ms, down "
        f"p99 {found.down.p99_ms:.2f} ms, frames lost {found.lost}, calls ended early "
        f"{_lost(found):g}; arriving {found.churn.calls}, failed {found.churn.failed}"
    )


def _say(text: str) -> None:
    click.echo(text)


if __name__ == "__main__":
    main()
