"""A parent's views and some workers' in one process, over memory."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import trio
from attrs import define
from trio.testing import memory_stream_pair

from tests.console.kit import settings_of
from trio_sts.fleet.channel import Channel
from trio_sts.fleet.scripts import Scripts, open_scripts
from trio_sts.fleet.views_parent import FleetViews
from trio_sts.fleet.views_worker import WorkerViews
from trio_sts.loop.lag import Lag
from trio_sts.metrics.registry import Metrics
from trio_sts.service import open_services
from trio_sts.services import Services
from trio_sts.settings import Settings


@define(eq=False)
class FarWorker:
    """One worker, and what the parent knows of it.

    Attributes:
        views: The worker's side.
        services: The worker's.
        channel: The parent's end.
    """

    views: WorkerViews
    services: Services
    channel: Channel
    _scope: trio.CancelScope
    _ended: trio.Event

    async def kill(self) -> None:
        """End it without a word, as SIGKILL does."""
        self._scope.cancel(reason="killed")
        await self._ended.wait()


@define(eq=False)
class Fleet:
    """A parent and its workers."""

    views: FleetViews
    scripts: Scripts
    nursery: trio.Nursery
    settings: Settings
    environ: dict[str, str]

    async def worker(self) -> FarWorker:
        """One more; it takes new calls."""
        worker: FarWorker = await self.nursery.start(self._work)
        return worker

    async def _work(self, *, task_status: trio.TaskStatus[FarWorker]) -> None:
        ours, theirs = memory_stream_pair()
        channel, far = Channel(ours), Channel(theirs)
        ended = trio.Event()
        handlers = {**self.views.joined(channel), **self.scripts.handlers(channel)}
        lag = Lag()
        views = WorkerViews(self.settings, far, lag)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(channel.run, handlers)
                nursery.start_soon(far.run, views.handlers)
                async with open_services(
                    self.settings,
                    self.environ,
                    lag=lag,
                    observers=views.observers,
                    scripts=views.scripts,
                ) as services:
                    views.opened(services)
                    nursery.start_soon(views.run)
                    worker = FarWorker(
                        views, services, channel, nursery.cancel_scope, ended
                    )
                    task_status.started(worker)
                    await trio.sleep_forever()
        finally:
            self.views.left(channel)
            ended.set()


@asynccontextmanager
async def fleet(
    environ: dict[str, str] | None = None, tools: Path | None = None, **given: str
) -> AsyncGenerator[Fleet]:
    """A parent without workers; its console, if any, is not open."""
    if tools is not None:
        given["TOOLS_DIR"] = str(tools)
    settings = settings_of(**given)
    views = FleetViews(settings, Metrics(max_calls=settings.max_calls), Lag())
    async with AsyncExitStack() as stack:
        scripts = await stack.enter_async_context(open_scripts(settings, environ or {}))
        nursery = await stack.enter_async_context(trio.open_nursery())
        yield Fleet(views, scripts, nursery, settings, environ or {})
        nursery.cancel_scope.cancel(reason="the test is over")
