"""One process of the service: the port, its calls, and the drain.

::

    listener ─── one nursery ──┬─ connection: plain HTTP → answered
                               ├─ connection: WebSocket → guard → one call's nursery
                               └─ ...
    first signal  → no new calls; see `port.calls` for those that run
"""

from collections.abc import AsyncIterator, Iterator
from functools import partial

import structlog
import trio
from attrs import define, field

from trio_sts import __version__
from trio_sts.legs.http_head import written
from trio_sts.metrics.exposition import render
from trio_sts.nursery import Services
from trio_sts.port.admission import PortAdmission, no_more_calls
from trio_sts.port.calls import Calls
from trio_sts.port.connections import Connections
from trio_sts.port.endings import STOPPING
from trio_sts.port.listening import accept_all, listen
from trio_sts.port.peer import Peer
from trio_sts.port.places import Places
from trio_sts.port.waiting import WaitingRoom
from trio_sts.systemd import Notifier
from trio_sts.tools.problems import public_warnings

_log = structlog.get_logger()


@define(eq=False)
class Server:
    """The port of a process that holds its calls itself.

    Attributes:
        services: What the calls share.
        notifier: Tells the service manager when the port listens, and that it stops.
        port: Where it listens; 0 before it does.
    """

    services: Services
    notifier: Notifier = field(factory=Notifier)
    port: int = 0
    _calls: Calls = field(init=False)
    _places: Places = field(init=False)
    _waiting: WaitingRoom = field(init=False)
    _admission: PortAdmission = field(init=False)
    _connections: Connections = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings, metrics = self.services.settings, self.services.metrics
        self._waiting = WaitingRoom.beside(settings.max_calls)
        self._places = Places(settings.max_calls, self._waiting)
        self._calls = Calls(self.services)
        self._admission = PortAdmission(
            self._places,
            settings.token or "",
            self._warnings,
            lambda why: metrics.callers_refused.labels(why).inc(),
            partial(render, metrics.registry),
        )
        self._connections = Connections(
            self._admission, self._calls.hold, self._waiting
        )

    @property
    def calls(self) -> int:
        """How many calls take a place."""
        return self._places.calls

    def stop_calls(self) -> None:
        """End all calls, because the service stops."""
        self._calls.stop()

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
        settings = self.services.settings
        listeners = await listen(settings.host, settings.port)
        async with trio.open_nursery() as connections:
            connections.start_soon(self._calls.report)
            refusal = no_more_calls("full")
            for each in listeners:
                connections.start_soon(
                    accept_all,
                    each,
                    connections,
                    self._connection,
                    self._waiting.make_room,
                    written(refusal.status, refusal.body),
                )
            port: int = listeners[0].socket.getsockname()[1]
            self.port = port
            model = "built in" if settings.embedded else settings.model
            _log.info(
                "ready",
                port=port,
                host=settings.host,
                model=model,
                version=__version__,
            )
            self.notifier.ready()
            task_status.started(port)
            await anext(signals)
            await self._drain(signals)
            connections.cancel_scope.cancel(reason="the service stops")

    async def _connection(self, stream: trio.SocketStream) -> None:
        await self._connections.serve(stream, Peer.of(stream))

    async def _drain(self, signals: AsyncIterator[int]) -> None:
        drain_s = self.services.settings.drain_s
        self._admission.drain()
        self.notifier.stopping(drain_s)
        _log.info("draining", calls=self.calls, at_most_s=drain_s)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._waiting.dismiss, STOPPING)
            await self._calls.drain(signals, drain_s)
            nursery.cancel_scope.cancel(reason="drained")
        _log.info("stopped")

    def _warnings(self) -> Iterator[str]:
        """What does not work, in words that anybody may read."""
        if (failing := self.services.health.warning) is not None:
            yield failing
        if self.services.settings.ami_url is None:
            yield "AMI_URL cannot be used: no hangup and no transfer is offered"
        yield from public_warnings(self.services.registry.problems)
