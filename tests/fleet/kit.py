"""A service with workers, as processes, and what there is of it."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import trio
from attrs import define, field, frozen

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, ScriptedSession
from tests.system.test_process import COMMAND, KEY, Running, environment

_MS_PCM = 48
LOOK_EVERY_S = 0.02


@define(eq=False)
class Fleet(Running):
    """A service with workers, and what it has logged."""

    def lines(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """The lines of an event that have these fields."""
        return [
            line
            for line in self.log
            if line["event"] == event
            and all(line.get(name) == value for name, value in fields.items())
        ]

    async def logged(
        self, event: str, times: int = 1, within_s: float = 10, **fields: object
    ) -> dict[str, Any]:
        """Wait for the line of an event that is the so-manyth."""
        await until(
            lambda: len(self.lines(event, **fields)) >= times,
            lambda: f"{times} of {event!r} in {[line['event'] for line in self.log]}",
            within_s,
        )
        return self.lines(event, **fields)[times - 1]

    def pids(self) -> dict[int, int]:
        """The processes of the workers that live, by the workers' numbers."""
        ended = {
            line["worker"]
            for event in ("worker ended", "worker died")
            for line in self.lines(event)
        }
        begun = self.lines("worker begins")
        return {
            line["worker"]: line["pid"] for line in begun if line["worker"] not in ended
        }

    def calls_of(self) -> Counter[int]:
        """How many calls each worker was given."""
        return Counter(line["worker"] for line in self.lines("call begun"))

    def worker_of(self, call_id: str) -> int:
        """Which worker has a call."""
        return int(self.lines("call begun", call_id=call_id)[0]["worker"])

    @property
    def forkserver(self) -> psutil.Process:
        (only,) = psutil.Process(self.process.pid).children()
        return only

    def family(self) -> list[psutil.Process]:
        """All processes of the service."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]


async def until(
    is_so: Callable[[], bool],
    what: Callable[[], str] = lambda: "it is not so",
    within_s: float = 10,
) -> None:
    """Wait until something outside of this process is so."""
    with trio.move_on_after(within_s):
        await trio.lowlevel.checkpoint()
        while not is_so():  # noqa: ASYNC110  # other processes set no event
            await trio.sleep(LOOK_EVERY_S)
        return
    raise AssertionError(what())


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them have ended."""
    return not any(
        each.is_running() and each.status() != psutil.STATUS_ZOMBIE
        for each in processes
        if psutil.pid_exists(each.pid)
    )


def seconds_between(first: dict[str, Any], second: dict[str, Any]) -> float:
    """From one line of the log to another."""
    at = [datetime.fromisoformat(each["timestamp"]) for each in (first, second)]
    return (at[1] - at[0]).total_seconds()


@asynccontextmanager
async def fleet(
    folder: Path, model: ScriptedModel | None = None, workers: int = 2, **given: str
) -> AsyncGenerator[Fleet]:
    """Run one, whose process group is its own."""
    base_url = {} if model is None else {"OPENAI_BASE_URL": model.base_url}
    process = await trio.lowlevel.open_process(
        [*COMMAND, "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(
            OPENAI_API_KEY=KEY,
            STS_WORKERS=str(workers),
            **{"STS_APOLOGY": "off", "STS_DRAIN_S": "4", **base_url, **given},
        ),
        cwd=folder,
        start_new_session=True,
    )
    service = Fleet(process)
    try:
        async with trio.open_nursery() as nursery:
            with trio.fail_after(20):
                await nursery.start(service.read_log)
            yield service
            nursery.cancel_scope.cancel(reason="the test is over")
    finally:
        # All of its processes: they are one group.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with trio.move_on_after(5, shield=True):
            await process.wait()
            assert process.stdout is not None
            await process.stdout.aclose()


@frozen
class Held:
    """A call under way, and both who are in it."""

    name: str
    core: FakeCore
    session: ScriptedSession

    async def goes_on(self) -> None:
        """Fail unless the caller hears the model."""
        before = self.core.audio_ms
        async with self.session.response() as response:
            await response.say(bytes(100 * _MS_PCM))
        await self.core.wait_audio(before + 100)


@define(eq=False)
class Caller:
    """Places calls; those that are held still are hung up when this is left."""

    service: Fleet
    model: ScriptedModel
    _calls: trio.Nursery
    _left: trio.Event = field(factory=trio.Event)
    _placed: int = 0

    async def call(self) -> Held:
        """Place one, and wait until the model is there.

        Raises:
            InvalidStatus: It was refused.
        """
        self._placed += 1
        name = f"call-{self._placed}"
        core: FakeCore = await self._calls.start(self._hold)
        await core.init(name)
        session = await self.model.next_session()
        await session.expect("response.create")
        await self.service.logged("call begun", call_id=name)
        return Held(name, core, session)

    async def _hold(self, *, task_status: trio.TaskStatus[FakeCore]) -> None:
        async with calling(self.service.url) as core:
            task_status.started(core)
            await self._left.wait()

    def leave(self) -> None:
        """Hang up all that are held still."""
        self._left.set()


@asynccontextmanager
async def caller(service: Fleet, model: ScriptedModel) -> AsyncGenerator[Caller]:
    """Place calls at a service, whose model is this one."""
    async with trio.open_nursery() as nursery:
        placing = Caller(service, model, nursery)
        try:
            yield placing
        finally:
            placing.leave()
