"""One process of the service: the port, the calls that it holds itself, and the drain."""

from collections.abc import AsyncIterator, Iterator
from functools import partial

import structlog
import trio
from attrs import define, field

from trio_sts.metrics.exposition import render
from trio_sts.port.admission import Told
from trio_sts.port.calls import Calls
from trio_sts.port.port import Port
from trio_sts.services import Services
from trio_sts.systemd import Notifier
from trio_sts.tools.problems import NO_AMI, public_warnings

_log = structlog.get_logger()


@define(eq=False)
class Server:
    """The port of a process that holds its calls itself.

    Attributes:
        services: What the calls share.
        notifier: Tells the service manager when the port listens, and that it stops.
    """

    services: Services
    notifier: Notifier = field(factory=Notifier)
    _calls: Calls = field(init=False)
    _port: Port = field(init=False)

    def __attrs_post_init__(self) -> None:
        metrics = self.services.metrics
        self._calls = Calls(self.services)
        told = Told(
            self._warnings,
            lambda: self.services.health.unready(trio.current_time()),
            lambda why: metrics.callers_refused.labels(why).inc(),
            partial(render, metrics.registry),
            self.services.targets,
        )
        self._port = Port(self.services.settings, self._calls.hold, told)

    @property
    def port(self) -> int:
        """Where it listens; 0 before it does."""
        return self._port.number

    @property
    def calls(self) -> int:
        """How many calls take a place."""
        return self._port.places.calls

    def stop_calls(self) -> None:
        """End all calls, because the service stops."""
        self._calls.stop()

    def use(self, services: Services) -> None:
        """Let new calls share these; calls that run keep what they have.

        Raises:
            CannotListen: The certificate or its key cannot be used, and all stays.
        """
        self._port.use(services.settings)
        self.services = self._calls.services = services
        services.metrics.max_calls = services.settings.max_calls

    async def unused(self, services: Services) -> None:
        """Wait until no call holds these services; others are used for new ones."""
        await self._calls.unused(services)

    async def serve(
        self,
        signals: AsyncIterator[int],
        *,
        task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Answer the port until the first of ``signals``, then drain.

        Started with the port once it listens.

        Raises:
            CannotListen: The port cannot be bound.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._calls.report)
            number: int = await nursery.start(self._port.serve)
            self.notifier.ready()
            task_status.started(number)
            await anext(signals)
            await self._drain(signals)
            nursery.cancel_scope.cancel(reason="the service stops")

    async def _drain(self, signals: AsyncIterator[int]) -> None:
        drain_s = self.services.settings.drain_s
        drained_at = trio.current_time() + drain_s
        self._port.drain()
        self.notifier.stopping(drain_s)
        _log.info("draining", calls=self.calls, at_most_s=drain_s)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._port.dismiss)
            await self._calls.drain(signals, drain_s)
            with trio.move_on_at(drained_at):
                await self.services.targets.settled()
            nursery.cancel_scope.cancel(reason="drained")
        _log.info("stopped")

    def _warnings(self) -> Iterator[str]:
        """What does not work, in words that anybody may read."""
        if (failing := self.services.health.warning) is not None:
            yield failing
        if self.services.settings.ami_url is None:
            yield NO_AMI
        yield from public_warnings(self.services.registry.problems)
