"""Short calls, thousands of them: what they leave in memory, whichever way they end.

::

    python -m bench.churn                both, for people
    python -m bench.churn --docs PAGE    and on a page

The service is this process, on real sockets; both its peers are another one.
"""

import gc
import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import process_time
from typing import Any

import click
import psutil
import structlog
import trio
from attrs import define, evolve, field

from trio_sts.errors import StsError
from trio_sts.server import Server
from trio_sts.service import open_services, tune_collector
from trio_sts.settings import load
from trio_sts.tools.tool import CallContext

from .report import with_figures

ENDINGS = (
    *("hang-up", "reset", "model closes", "model resets"),
    *("crash", "stop", "handshake refused"),
)
BEGIN = "<!-- figures: written by `make churn` -->"
_HEAD = (
    "| calls | memory, MiB | descriptors | threads | tasks | passes | longest, ms |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)
_SHOWN_EVERY = 2
_AT_ONCE = 20
# Of each ending, between two lines of figures.
_ROUND = 200
_MANY_AT_ONCE = 100
_MIB = 1024 * 1024
_AFTER_S = 0.5
_KILL_S = 5


class _Crash(StsError):
    """A call that ends by a fault of ours."""


@define
class _CrashingRegistry:
    """A registry that fails for calls whose id says so."""

    registry: Any

    def context(self, uuid: str, *arguments: Any) -> CallContext:
        """As the registry's."""
        if uuid.startswith("crash"):
            raise _Crash
        context: CallContext = self.registry.context(uuid, *arguments)
        return context

    def __getattr__(self, name: str) -> Any:
        return getattr(self.registry, name)


@define(eq=False)
class Churn:
    """A service in this process, and its peers in another one."""

    server: Server
    _port: int
    _orders: trio.abc.SendStream
    _lines: "_Lines"

    async def round(self, ending: str, calls: int, at_once: int = _AT_ONCE) -> None:
        """Hold so many calls that end so; returns when they are over."""
        asked = {"port": self._port, "ending": ending, "calls": calls}
        line = json.dumps({**asked, "at_once": at_once}) + "\n"
        await self._orders.send_all(line.encode())
        async with trio.open_nursery() as nursery:
            if ending == "stop":
                nursery.start_soon(self._stop_calls)
            await self._lines.next()
            nursery.cancel_scope.cancel(reason="the round is over")
        # The last ones close their sockets.
        await trio.sleep(_AFTER_S)

    async def _stop_calls(self) -> None:
        while True:
            await trio.sleep(0.2)
            self.server.stop_calls()


@define(eq=False)
class _Lines:
    stream: trio.abc.ReceiveStream
    _rest: bytes = b""

    async def next(self) -> Mapping[str, Any]:
        while b"\n" not in self._rest:
            self._rest += await self.stream.receive_some()
        line, _, self._rest = self._rest.partition(b"\n")
        answer: Mapping[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def churning(**environ: str) -> AsyncGenerator[Churn]:
    """Run a service whose calls come and go, in this environment."""
    peers = await trio.lowlevel.open_process(
        [sys.executable, "-m", "bench.churn_peers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if peers.stdin is None or peers.stdout is None:
        raise AssertionError("both are pipes")
    lines = _Lines(peers.stdout)
    try:
        model_port = (await lines.next())["port"]
        settings, _ = load(
            {
                "OPENAI_API_KEY": "sk-bench",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
                "STS_APOLOGY": "off",
                **environ,
            },
            None,
            strict=True,
        )
        settings = evolve(settings, host="127.0.0.1", port=0)
        async with (
            open_services(settings, environ) as services,
            trio.open_nursery() as nursery,
        ):
            registry: Any = _CrashingRegistry(services.registry)
            server = Server(evolve(services, registry=registry))
            tune_collector()
            _, signals = trio.open_memory_channel[int](1)
            port: int = await nursery.start(server.serve, signals)
            yield Churn(server, port, peers.stdin, lines)
            nursery.cancel_scope.cancel(reason="the churn is over")
    finally:
        peers.kill()
        with trio.move_on_after(_KILL_S, shield=True):
            await peers.wait()


async def objects_in_cycles(churn: Churn, ending: str, calls: int) -> Counter[str]:
    """What so many calls leave in reference cycles, by type.

    Whatever only a cycle reaches counts too; the collector must not run meanwhile.
    """
    gc.collect()
    await churn.round(ending, calls, calls)
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
    finally:
        gc.set_debug(0)
    left = Counter(type(each).__qualname__ for each in gc.garbage)
    gc.garbage.clear()
    return left


@define
class Passes:
    """The collector's passes, counted and timed while it is in `gc.callbacks`.

    In CPU time, so that the machine's other work is no part of it.
    """

    took_ms: list[float] = field(factory=list[float])
    _began_at: float = 0.0

    def __call__(self, phase: str, _: Mapping[str, int]) -> None:
        """As `gc.callbacks` wants it."""
        if phase == "start":
            self._began_at = process_time()
        else:
            self.took_ms.append((process_time() - self._began_at) * 1000)


async def _cycles(calls: int) -> list[str]:
    """Objects that only cycles reach, per call and way of ending."""
    rows: list[str] = []
    async with churning() as churn:
        for ending in ENDINGS:
            # The first ones fill caches.
            await churn.round(ending, _AT_ONCE)
        gc.disable()
        for ending in ENDINGS:
            left = await objects_in_cycles(churn, ending, calls)
            each = left.total() / calls
            rows.append(f"{ending} {each:.1f}")
            most = ", ".join(f"{n} {name}" for name, n in left.most_common(3))
            click.echo(f"{ending:18} {each:6.1f} a call  {most}")
        gc.enable()
    return rows


async def _memory(calls: int) -> list[str]:
    """Memory and the collector's passes, of calls of all endings."""
    process = psutil.Process()
    passes = Passes()
    rows: list[str] = []
    async with churning() as churn:
        # After the collection that the start makes.
        gc.callbacks.append(passes)
        done = 0
        while done < calls:
            for ending in ENDINGS:
                await churn.round(ending, _ROUND, _MANY_AT_ONCE)
                done += _ROUND
            tasks = trio.lowlevel.current_statistics().tasks_living
            rows.append(
                f"| {done} | {process.memory_info().rss / _MIB:.1f} "
                f"| {process.num_fds()} | {process.num_threads()} | {tasks} "
                f"| {len(passes.took_ms)} | {max(passes.took_ms, default=0):.1f} |"
            )
            click.echo(rows[-1])
    gc.callbacks.remove(passes)
    return rows


@click.command(help=__doc__)
@click.option("--calls", default=12_000, show_default=True, help="For the memory.")
@click.option("--cycles", default=200, show_default=True, help="Calls per ending.")
@click.option("--docs", type=click.Path(path_type=Path), help="A page for the figures.")
def main(*, calls: int, cycles: int, docs: Path | None) -> None:
    """The command line."""
    errors_only = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=errors_only)
    left = trio.run(_cycles, cycles)
    rows = trio.run(_memory, calls)
    if docs:
        figures = "\n".join(
            [
                (
                    f"Objects that only cycles reach, of {cycles} calls at once, a call: "
                    f"{', '.join(left)}."
                ),
                "",
                *_HEAD,
                *(row for at, row in enumerate(rows) if at % _SHOWN_EVERY == 0),
                *(rows[-1:] if (len(rows) - 1) % _SHOWN_EVERY else ()),
            ]
        )
        docs.write_text(with_figures(docs.read_text("utf-8"), figures, BEGIN), "utf-8")


if __name__ == "__main__":
    main()
