"""The workers of a service: how many there are, what replaces one that has ended.

A generation is so many workers with the same settings. A new one takes the calls once all
of its workers are ready; the workers of the old one hold theirs to the end, and end.
"""

import signal
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import define, field

from trio_sts.settings import Settings

from .channel import Handler
from .forks import CannotFork, Forks
from .link import Worker, WorkerFailed
from .plan import Plan

if TYPE_CHECKING:
    from trio_sts.embedded import Faults

# A worker that has ended by itself is replaced at once; the next ones after a pause.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
# After so long a life it is a first one again.
LONG_LIFE_S: Final = 60.0
# Tools are loaded and folders looked through until a worker is ready.
READY_S: Final = 60.0

_log = structlog.get_logger()

# What a worker may tell beside what is about its calls.
Handlers = Callable[[Worker], Mapping[str, Handler]]


@define(eq=False)
class Generation:
    """Workers with the same settings.

    Attributes:
        number: From 1.
        settings: What they work by.
        environ: What the operator's tools see.
        workers: Those that live.
        decided: Set once it is ready, or retired.
        retired: Whether nobody is to be replaced.
    """

    number: int
    settings: Settings
    environ: Mapping[str, str] = field(repr=False)
    workers: set[Worker] = field(factory=set[Worker], init=False)
    decided: trio.Event = field(factory=trio.Event, init=False)
    retired: bool = field(default=False, init=False)

    @property
    def ready(self) -> list[Worker]:
        """Those that take calls."""
        return [each for each in self.workers if each.is_ready and not each.retiring]


@asynccontextmanager
async def nothing_shared(_: Generation) -> AsyncGenerator[Handlers]:
    """A generation whose workers share nothing."""
    yield lambda _: {}


@define(eq=False)
class Workers:
    """All workers, of all generations; each lives in a task of the nursery.

    Attributes:
        forks: Where processes come from.
        nursery: Where their tasks are.
        most: How many workers a generation has.
        faults: How the built-in model misbehaves.
        sharing: Opens what a generation's workers share, until the last has ended; what
            each may tell, beside what is about its calls, comes of it.
        left: Is told of each worker that has ended.
        newest: Is told which generation takes new calls, and when its workers change.
        current: The generation that takes new calls; None before the first is ready.
        living: All that have not ended.
    """

    forks: Forks
    nursery: trio.Nursery
    most: int
    faults: "Faults | None" = None
    sharing: Callable[[Generation], AbstractAsyncContextManager[Handlers]] = (
        nothing_shared
    )
    left: Callable[[Worker], None] = field(default=lambda _: None)
    newest: Callable[[Generation], None] = field(default=lambda _: None)
    current: Generation | None = field(default=None, init=False)
    living: set[Worker] = field(factory=set[Worker], init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)
    _numbers: "count[int]" = field(factory=lambda: count(1), init=False)
    _generations: "count[int]" = field(factory=lambda: count(1), init=False)
    _stopping: bool = field(default=False, init=False)

    @property
    def calls(self) -> int:
        """How many calls are held."""
        return sum(worker.calls for worker in self.living)

    async def begin(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """Begin a generation; it takes the calls of the one before once it is ready.

        Raises:
            WorkerFailed: One of its workers could not begin; all is as before.
            CannotFork: There is no process for one; all is as before.
        """
        new = Generation(next(self._generations), settings, environ)
        _log.info("generation begins", generation=new.number, workers=self.most)
        try:
            await self.nursery.start(self._live, new)
            await self._until_ready(new)
        except BaseException:
            self._retire(new)
            for worker in new.workers:
                worker.channel.tell("stop")
            raise
        old, self.current = self.current, new
        new.decided.set()
        _log.info("generation ready", generation=new.number, workers=self.most)
        self._wake()
        if old is not None:
            calls = sum(worker.calls for worker in old.workers)
            _log.info("generation drains", generation=old.number, calls=calls)
            self._retire(old)

    def least_busy(self, but: set[Worker]) -> Worker | None:
        """The worker with the fewest calls that takes new ones; none of ``but``."""
        if self.current is None:
            return None
        ready = (each for each in self.current.ready if each not in but)
        return min(ready, key=lambda worker: worker.load, default=None)

    async def changed(self) -> None:
        """Wait until a worker has become ready, or has ended."""
        await self._changed.wait()

    def drain(self, within_s: float) -> None:
        """Let all calls finish, and the workers end, within so long."""
        self._stopping = True
        for worker in self.living:
            worker.retiring = True
            worker.channel.tell("drain", within_s)

    def stop(self) -> None:
        """End all calls now."""
        for worker in self.living:
            worker.channel.tell("stop")

    async def none(self) -> None:
        """Wait until all have ended."""
        while self.living:
            await self._changed.wait()

    async def kill(self) -> None:
        """Kill all that live."""
        for worker in tuple(self.living):
            pid, calls = worker.process.pid, worker.calls
            _log.error("worker killed", worker=worker.plan.worker, pid=pid, calls=calls)
            await self.forks.kill(worker.process)

    async def _live(
        self, generation: Generation, *, task_status: trio.TaskStatus[None]
    ) -> None:
        """Keep a generation, until its last worker has ended; started with all."""
        async with self.sharing(generation) as handlers, trio.open_nursery() as keeping:
            for _ in range(self.most):
                worker = await self._fork(generation)
                keeping.start_soon(self._keep, generation, worker, handlers)
            task_status.started()

    async def _fork(self, generation: Generation) -> Worker:
        plan = Plan(
            next(self._numbers),
            generation.number,
            generation.settings,
            generation.environ,
            self.faults,
        )
        worker = await Worker.fork(self.forks, plan)
        generation.workers.add(worker)
        self.living.add(worker)
        return worker

    async def _until_ready(self, generation: Generation) -> None:
        with trio.move_on_after(READY_S):
            await trio.lowlevel.checkpoint()
            for worker in tuple(generation.workers):
                await worker.settled.wait()
                if not worker.is_ready:
                    raise WorkerFailed(worker.failure or "a worker ended as it began")
            return
        message = f"a worker was not ready within {READY_S:g} s"
        raise WorkerFailed(message)

    def _retire(self, generation: Generation) -> None:
        generation.retired = True
        generation.decided.set()
        for worker in generation.workers:
            worker.retiring = True
            worker.channel.tell("retire")

    async def _keep(
        self, generation: Generation, worker: Worker, handlers: Handlers
    ) -> None:
        """Run a worker, and whoever replaces it, as long as somebody is to."""
        pause_s = 0.0
        while True:
            began_at = trio.current_time()
            await self._run(generation, worker, handlers(worker))
            await generation.decided.wait()
            if trio.current_time() - began_at >= LONG_LIFE_S:
                pause_s = 0.0
            replacement = None
            while replacement is None:
                if not await self._is_wanted(generation, pause_s):
                    return
                pause_s = min(max(2 * pause_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
                try:
                    replacement = await self._fork(generation)
                except CannotFork as exc:
                    _log.error("no worker", why=str(exc), again_in_s=pause_s)
            worker = replacement

    async def _is_wanted(self, generation: Generation, pause_s: float) -> bool:
        """Whether one more is wanted, after a pause."""
        if not (self._stopping or generation.retired):
            await trio.sleep(pause_s)
        return not (self._stopping or generation.retired)

    async def _run(
        self, generation: Generation, worker: Worker, handlers: Mapping[str, Handler]
    ) -> None:
        number, pid = worker.plan.worker, worker.process.pid
        _log.info("worker begins", worker=number, pid=pid, generation=generation.number)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._tell_when_settled, worker)
            await worker.run(self.forks, handlers)
        generation.workers.discard(worker)
        self.living.discard(worker)
        self.left(worker)
        self._wake()
        code = worker.process.code
        if worker.retiring and code == 0:
            _log.info("worker ended", worker=number, pid=pid)
        else:
            told = {"worker": number, "pid": pid, "calls_lost": worker.calls_lost}
            _log.error("worker died", **told, **_told_code(code))

    async def _tell_when_settled(self, worker: Worker) -> None:
        await worker.settled.wait()
        if worker.is_ready:
            number, pid = worker.plan.worker, worker.process.pid
            _log.info("worker ready", worker=number, pid=pid)
        self._wake()

    def _wake(self) -> None:
        if self.current is not None:
            self.newest(self.current)
        self._changed.set()
        self._changed = trio.Event()


def _told_code(code: int | None) -> dict[str, int | str | None]:
    if code is None or code >= 0:
        return {"code": code}
    try:
        return {"signal": signal.Signals(-code).name}
    except ValueError:
        return {"signal": -code}
