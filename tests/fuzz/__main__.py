"""Send mutated messages on both legs of calls; the exit code is 1 if anything is amiss.

Calls are held by the relay in this process, on real sockets, and on a clock that jumps
while everybody waits. A seed sends the same messages again.
"""

import random
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import click
import psutil
import structlog
import trio
from attrs import define, field
from structlog.testing import capture_logs
from structlog.typing import EventDict
from trio.testing import MockClock
from websockets.exceptions import WebSocketException

from bench.report import with_figures
from tests.faults.jumps import Jumps
from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedSession, scripted_model
from tests.system.service import Service, serving

from .messages import from_core, from_model, written

BEGIN: Final = "<!-- figures: written by `make fuzz` -->"
# Of the service's own, and RFC 6455's for what is no WebSocket traffic.
CODES: Final = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011}
_AT_ONCE: Final = 20
# What one call is sent by each peer; so many faulty messages of AVR Core's end it.
_A_CALL: Final = 150
_FAULTY: Final = 0.5
_LONGEST_S: Final = 120.0
_LEFT_S: Final = 10.0
_PROCESSORS: Final = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.format_exc_info,
)


@define(eq=False)
class Fuzz:
    """One run.

    Attributes:
        messages: How many each peer sends, at least, in all.
        sent: How many have been sent, by who sent them.
        codes: How the calls ended at AVR Core.
        calls: How many there were.
    """

    messages: int
    seed: int
    sent: Counter[str] = field(factory=Counter[str])
    codes: Counter[int] = field(factory=Counter[int])
    calls: int = 0
    left: list[str] = field(factory=list[str])

    async def run(self, jumps: Jumps) -> None:
        """Hold calls until both peers have sent enough."""
        async with AsyncExitStack() as everybody:
            with jumps.set_up():
                model = await everybody.enter_async_context(
                    scripted_model(self._model, judged=False)
                )
                service = await everybody.enter_async_context(
                    serving(model.base_url, AMI_URL="http://127.0.0.1:9")
                )
            async with trio.open_nursery() as nursery:
                for number in range(_AT_ONCE):
                    nursery.start_soon(self._calls, service, number)
            with trio.move_on_after(_LEFT_S):  # noqa: ASYNC912
                while service.server.calls:  # noqa: ASYNC110
                    await trio.sleep(0.1)
            if service.server.calls:
                self.left.append(f"{service.server.calls} calls")

    def _goes_on(self) -> bool:
        return min(self.sent["core"], self.sent["model"]) < self.messages

    async def _calls(self, service: Service, number: int) -> None:
        dice = random.Random(f"{self.seed} {number}")  # noqa: S311  # no secret
        while self._goes_on():
            self.calls += 1
            try:
                with trio.move_on_after(_LONGEST_S):
                    async with calling(service.url) as core:
                        await self._call(core, dice)
                    if core.close_code is not None:
                        self.codes[core.close_code] += 1
            except* (WebSocketException, OSError, trio.BrokenResourceError):
                pass

    async def _call(self, core: FakeCore, dice: random.Random) -> None:
        await core.init(f"fuzz-{dice.randrange(10**9)}")
        await trio.sleep(dice.choice([0, 0.01, 1]))
        for _ in range(_A_CALL):
            if core.close_code is not None:
                return
            await core.send(written(dice, from_core(dice), _FAULTY))
            self.sent["core"] += 1
            if dice.random() < 0.1:
                await trio.sleep(dice.choice([0.02, 0.3, 2]))

    async def _model(self, session: ScriptedSession) -> None:
        dice = random.Random(f"{self.seed} {session.index}")  # noqa: S311  # no secret
        await session.create()
        await session.expect("session.update", within_s=60)
        await session.update()
        while not session.closed.is_set():
            await session.send_raw(written(dice, from_model(dice), _FAULTY))
            self.sent["model"] += 1
            if dice.random() < 0.1:
                await trio.sleep(dice.choice([0.02, 0.3, 2]))


def _amiss(run: Fuzz, log: list[EventDict], descriptors: int) -> list[str]:
    crashes = Counter(
        str(line["exception"]).strip().splitlines()[-1]
        for line in log
        if "exception" in line
    )
    found = [f"{count} crashes: {what}" for what, count in crashes.items()]
    found += [f"close code {code}" for code in run.codes if code not in CODES]
    ended = sum(line["event"] == "call ended" for line in log)
    if ended < run.calls:
        found.append(f"{run.calls - ended} calls have no line in the log")
    if descriptors > 0:
        found.append(f"{descriptors} descriptors left open")
    return found + run.left


@click.command(help=__doc__)
@click.option("--messages", default=20_000, show_default=True, help="Of each peer.")
@click.option("--seed", default=1, show_default=True)
@click.option("--docs", type=click.Path(path_type=Path), help="A page for the figures.")
def main(*, messages: int, seed: int, docs: Path | None) -> None:
    """The command line."""
    run = Fuzz(messages, seed)
    clock = MockClock(autojump_threshold=0)
    before = psutil.Process().num_fds()
    with capture_logs(_PROCESSORS) as lines:
        trio.run(run.run, Jumps(clock), clock=clock)
        log = list(lines)
    found = _amiss(run, log, psutil.Process().num_fds() - before)
    codes = ", ".join(f"{count} with {code}" for code, count in run.codes.most_common())
    figures = (
        f"{run.calls} calls, {run.sent['core']} messages from AVR Core and "
        f"{run.sent['model']} from the model, half of them mutated, seed {seed}. "
        f"The service closed {codes or 'none'}; the others were hung up. "
        f"Amiss: {'; '.join(found) or 'nothing'}."
    )
    click.echo(figures)
    if docs:
        docs.write_text(with_figures(docs.read_text("utf-8"), figures, BEGIN), "utf-8")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
