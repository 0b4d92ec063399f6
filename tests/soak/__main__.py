"""Hold calls on a real process for some minutes, and see what it keeps of them.

Each call has turns, a tool, a goodbye and the agent's hangup; some lose their model leg
at a random moment, some callers hang up or vanish. The exit code is 1 if a call that
nobody disturbed did not go to its end, or if descriptors or threads were left.
"""

import random
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
import psutil
import trio
from attrs import define, field, frozen
from typing_extensions import override
from websockets.exceptions import WebSocketException

from bench.report import with_figures
from tests.faults import lookups
from tests.faults.agent import Agent
from tests.faults.caller import Caller
from tests.faults.proxy import FaultProxy, proxied
from tests.peers.core import FakeCore, calling
from tests.peers.model import scripted_model
from tests.system.test_process import KEY, Running, running
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.exchange import Exchange

BEGIN: Final = "<!-- figures: written by `make soak` -->"
_ROOT: Final = Path(__file__).parents[2]
_WAYS: Final = ("to its end", "to its end", "to its end", "hangs up", "vanishes")
# A disturbed call is left at a moment of its first half minute.
_LEAVES_S: Final = (0.2, 25.0)
_RESETS_EVERY_S: Final = 20.0
# What a closed call may still hold: its legs' closing handshakes.
_SETTLE_S: Final = 15.0
_MIB: Final = 1024 * 1024


@frozen
class Held:
    """What a process holds at a moment."""

    rss_mib: float
    descriptors: int
    threads: int

    @classmethod
    def by(cls, pid: int) -> "Held":
        """By this process, now."""
        process = psutil.Process(pid)
        rss = process.memory_info().rss
        return cls(rss / _MIB, process.num_fds(), process.num_threads())

    @override
    def __str__(self) -> str:
        return (
            f"{self.rss_mib:.1f} MiB, {self.descriptors} descriptors, "
            f"{self.threads} threads"
        )


async def _reached(_: str) -> None:
    await trio.lowlevel.checkpoint()


@define(eq=False)
class Soak:
    """One run.

    Attributes:
        at_once: How many calls are held at the same time.
        minutes: How long new ones are begun.
        ends: How the calls went.
        held: What the process held: idle at first, after a minute, and idle at last.
    """

    at_once: int
    minutes: float
    dice: random.Random
    agent: Agent = field(factory=lambda: Agent(_reached))
    ami: AmiStandIn = field(factory=lambda: AmiStandIn(Exchange()))
    ends: Counter[str] = field(factory=Counter[str])
    held: list[Held] = field(factory=list[Held])
    resets: int = 0

    async def run(self, folder: Path) -> None:
        """Everything, on a fresh process."""
        lookups.write_tool(folder / "tools")
        async with trio.open_nursery() as nursery:
            ami_url: str = await nursery.start(partial(self.ami.serve, port=0))
            async with (
                scripted_model(self.agent.script, judged=False) as model,
                proxied(
                    int(model.base_url.rpartition(":")[2].split("/")[0]),
                    relay_dials=True,
                    dice=self.dice,
                ) as proxy,
                running(
                    folder,
                    OPENAI_API_KEY=KEY,
                    OPENAI_BASE_URL=f"http://127.0.0.1:{proxy.port}/v1",
                    AMI_URL=ami_url,
                    TOOLS_DIR=str(folder / "tools"),
                    PYTHONPATH=str(_ROOT),
                ) as service,
            ):
                await self._hold_all(service, proxy)
            nursery.cancel_scope.cancel(reason="the soak is over")

    async def _hold_all(self, service: Running, proxy: FaultProxy) -> None:
        pid = service.process.pid
        self.held.append(Held.by(pid))
        until = trio.current_time() + 60 * self.minutes
        async with trio.open_nursery() as resetting:
            resetting.start_soon(self._reset_now_and_then, proxy)
            async with trio.open_nursery() as calls:
                for _ in range(self.at_once):
                    calls.start_soon(self._calls, service.url, until)
                await trio.sleep(min(60.0, 30 * self.minutes))
                self.held.append(Held.by(pid))
            resetting.cancel_scope.cancel(reason="no more calls")
        await trio.sleep(_SETTLE_S)
        self.held.append(Held.by(pid))

    async def _reset_now_and_then(self, proxy: FaultProxy) -> None:
        while True:
            await trio.sleep(_RESETS_EVERY_S)
            await proxy.reset()
            self.resets += 1

    async def _calls(self, url: str, until: float) -> None:
        while trio.current_time() < until:
            way = self.dice.choice(_WAYS)
            try:
                async with calling(url) as core:
                    self.ends[await self._call(core, way)] += 1
            except* (WebSocketException, OSError, trio.BrokenResourceError):
                self.ends["the line broke"] += way == "to its end"

    async def _call(self, core: FakeCore, way: str) -> str:
        dropped = trio.Event()
        caller = Caller(core, dropped)
        uuid = f"soak-{self.dice.randrange(10**12)}"
        await core.init(uuid)
        with self.ami.exchange.connected(uuid, lambda _: dropped.set()):
            async with trio.open_nursery() as talking:
                talking.start_soon(caller.keep_sending)
                if way != "to its end":
                    talking.cancel_scope.deadline = (
                        trio.current_time() + self.dice.uniform(*_LEAVES_S)
                    )
                await caller.talk(_reached)
                talking.cancel_scope.cancel(reason="the call is over")
        if way == "vanishes":
            await core.vanish()
        if way != "to its end":
            return way
        good = dropped.is_set() and not caller.unanswered
        return "hung up by the agent" if good else f"closed with {core.close_code}"

    def amiss(self) -> list[str]:
        """What is not as it must be."""
        good = {"hung up by the agent", *_WAYS}
        found = [
            f"{count} {end}" for end, count in self.ends.items() if end not in good
        ]
        first, _, last = self.held
        # Threads of the tools' pool stay for the next tool.
        if last.descriptors > first.descriptors + 2:
            found.append(f"{last.descriptors - first.descriptors} descriptors left")
        return found + [f"to the model: {each}" for each in set(self.agent.faults)]


@click.command(help=__doc__)
@click.option("--calls", default=10, show_default=True, help="At the same time.")
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), help="A page for the figures.")
def main(*, calls: int, minutes: float, seed: int, docs: Path | None) -> None:
    """The command line."""
    soak = Soak(calls, minutes, random.Random(seed))  # noqa: S311  # no secret
    with TemporaryDirectory(prefix="soak-") as folder:
        trio.run(soak.run, Path(folder))
    found = soak.amiss()
    ends = ", ".join(f"{count} {end}" for end, count in soak.ends.most_common())
    first, early, last = soak.held
    figures = (
        f"{sum(soak.ends.values())} calls in {minutes:g} minutes, {calls} at a time, "
        f"all their model legs reset {soak.resets} times: {ends}.\n"
        f"At first, idle: {first}. In use: {early}. At last, idle: {last}.\n"
        f"Amiss: {'; '.join(found) or 'nothing'}."
    )
    click.echo(figures)
    if docs:
        docs.write_text(with_figures(docs.read_text("utf-8"), figures, BEGIN), "utf-8")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
