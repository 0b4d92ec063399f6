"""The parent: it owns the port and the workers, and holds no call.

::

    first TERM or INT  → nobody is let in; the workers drain, and end; who does not is killed
    the next ones      → all calls get 1001 now
    HUP                → settings are read anew; a new generation takes the new calls
"""

import signal
import socket
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import attrs
import structlog
import trio
from attrs import define, evolve, field

from trio_sts.conversation.commands import EndCall
from trio_sts.errors import SettingsError, StsError
from trio_sts.legs.http_head import RequestHead, respond
from trio_sts.logs import also_mask
from trio_sts.loop.lag import Lag
from trio_sts.metrics.registry import Metrics
from trio_sts.observing.model_health import ModelHealth
from trio_sts.observing.verdicts import Verdict
from trio_sts.port.admission import Told
from trio_sts.port.answers import Answer
from trio_sts.port.connections import Admitted
from trio_sts.port.peer import Peer
from trio_sts.port.port import Port
from trio_sts.service import ask_for_the_key, run_logged, tune_collector
from trio_sts.settings import Settings, secrets_of
from trio_sts.settings.spec import spec_of
from trio_sts.systemd import Notifier
from trio_sts.tools.targets import Targets

from . import far_targets, forkserver
from .channel import Handler
from .cpus import worker_count
from .forks import CannotFork, Forks
from .link import Given, Worker
from .scripts import open_scripts
from .views_parent import FleetViews
from .worker import work
from .workers import Generation, Handlers, Workers

if TYPE_CHECKING:
    from trio_sts.embedded import Faults

# A worker has its last words to say, and a stop may take a second more than the drain.
_SOONER_S: Final = 0.3
_KILLED_AFTER_S: Final = 0.6
# For a worker that is being replaced.
_NO_WORKER_S: Final = 5.0
# RFC 6455, section 7.4.1: what a caller sees of a connection that is cut.
NO_CLOSE_FRAME: Final = 1006
_NOBODY: Final = "No more calls: this service has no worker now.\n"

# What the parent has opened with the first settings.
_FOR_A_RESTART: Final = ("port", "host", "workers", "admin_port", "admin_host")

_log = structlog.get_logger()

# What SIGHUP reads: the settings, what was found out about them, what tools see.
Read = Callable[[], tuple[Settings, tuple[str, ...], Mapping[str, str]]]


def run_parent(
    settings: Settings,
    warnings: tuple[str, ...],
    environ: Mapping[str, str],
    read: Read,
    *,
    faults: "Faults | None" = None,
    say: Callable[[str], None] | None = None,
) -> int:
    """Run until a signal.

    Args:
        settings: The settings; more than one worker is asked for.
        warnings: What was found out about them.
        environ: What the operator's tools see.
        read: Reads all of these anew; raises `SettingsError`.
        faults: How the built-in model misbehaves.
        say: Is told in a sentence where the console is, if there is one.

    Returns:
        The exit code: 0 after a stop, 1 if the service could not start or go on.
    """
    # The first line of the log begins a thread.
    orders = forkserver.start(work)
    lag = Lag()
    workers = partial(Workers, most=worker_count(settings.workers), faults=faults)

    def run() -> None:
        parent = Parent(settings, Notifier.from_environ(), read, lag)
        trio.run(parent.run, environ, workers, orders, say, instruments=[lag])

    return run_logged(warnings, run)


@define(eq=False)
class Parent:
    """The port of a service whose calls are held by workers.

    Attributes:
        settings: Those of the start: the port's own stay as they are.
        workers: They hold the calls.
        notifier: The service manager, if there is one.
        views: The metrics and the console of all workers.
    """

    settings: Settings
    notifier: Notifier
    _read: Read
    _lag: Lag
    workers: Workers = field(init=False)
    views: FleetViews = field(init=False)
    _failure: str = field(default="", init=False)
    _metrics: Metrics = field(init=False)
    _health: ModelHealth = field(init=False)
    _port: Port = field(init=False)
    _targets: Targets = field(factory=Targets, init=False)
    _numbers: "count[int]" = field(factory=lambda: count(1), init=False)
    _stops: trio.MemorySendChannel[int] = field(init=False)
    _stopped: trio.MemoryReceiveChannel[int] = field(init=False)
    _reloads: trio.MemorySendChannel[int] = field(init=False)
    _reloading: trio.MemoryReceiveChannel[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._metrics = Metrics(self._lag, dict, self.settings.max_calls)
        self._health = ModelHealth(self._metrics.model_failing.set)
        self.views = FleetViews(self.settings, self._metrics, self._lag)
        told = Told(
            self._warnings,
            self._unready,
            lambda why: self._metrics.callers_refused.labels(why).inc(),
            self.views.render,
            self._targets,
        )
        most_workers = worker_count(self.settings.workers)
        # TLS is a worker's work: the parent would have to stay in the way of each frame.
        has_tls = self.settings.tls_cert is not None
        self._port = Port(
            self.settings,
            self.hold,
            told,
            self.give_away if has_tls else None,
            {"workers": most_workers},
        )
        self._stops, self._stopped = trio.open_memory_channel[int](2)
        self._reloads, self._reloading = trio.open_memory_channel[int](1)

    async def run(
        self,
        environ: Mapping[str, str],
        new_workers: Callable[[Forks, trio.Nursery], Workers],
        orders: socket.socket,
        say: Callable[[str], None] | None,
    ) -> None:
        """Begin the workers, and serve until a signal.

        Args:
            environ: What the operator's tools see.
            new_workers: Makes the workers, of which none has begun.
            orders: The socket for orders to the forkserver.
            say: Is told where the console is.

        Raises:
            CannotListen: A port cannot be bound.
            WorkerFailed: A worker of the first generation could not begin.
            CannotFork: There is no process for a worker.
        """
        watched = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
        with trio.open_signal_receiver(*watched) as signals:
            async with trio.open_nursery() as nursery:
                forks = Forks.over(orders)
                self.workers = new_workers(forks, nursery)
                self.workers.sharing = self._sharing
                self.workers.left, self.workers.newest = self._left, self._newest
                nursery.start_soon(forks.run)
                nursery.start_soon(self._heed, signals, nursery.cancel_scope)
                nursery.start_soon(self.notifier.run, self._status)
                async with self.views.open(lambda: self._port.number):
                    if say is not None and (url := self.views.console_url) is not None:
                        say(f"The console is at {url}")
                    await self.workers.begin(self.settings, environ)
                    tune_collector()
                    nursery.start_soon(
                        ask_for_the_key, self.settings, self._health.take
                    )
                    await self.serve()
                nursery.cancel_scope.cancel(reason="the service stops")

    def _status(self) -> str:
        return f"calls: {self.workers.calls}"

    @asynccontextmanager
    async def _sharing(self, generation: Generation) -> AsyncGenerator[Handlers]:
        async with open_scripts(generation.settings, generation.environ) as scripts:

            def handlers(worker: Worker) -> Mapping[str, Handler]:
                return {
                    **self.views.joined(worker.channel),
                    **scripts.handlers(worker.channel),
                    "verdict": self._take_verdict,
                    "decide": partial(self._decide, worker),
                    far_targets.ASKED: far_targets.keeps(self._targets),
                }

            yield handlers

    def _left(self, worker: Worker) -> None:
        self.views.left(worker.channel)
        if worker.calls_lost:
            lost = self._metrics.calls.labels("crashed", str(NO_CLOSE_FRAME))
            lost.inc(worker.calls_lost)
            self._metrics.calls_failed.inc(worker.calls_lost)

    def _newest(self, generation: Generation) -> None:
        ready = [worker.channel for worker in generation.ready]
        self.views.newest(generation.settings, ready)

    async def _take_verdict(self, told: Any) -> None:
        await trio.lowlevel.checkpoint()
        kind, why = told
        self._health.take(Verdict(kind, why), trio.current_time())

    def _unready(self) -> str | None:
        """Why calls would fail here now."""
        if self.workers.current is None or not self.workers.current.ready:
            return "no worker is ready"
        return self._health.unready(trio.current_time())

    def _warnings(self) -> Iterator[str]:
        """What does not work, in words that anybody may read."""
        if (failing := self._health.warning) is not None:
            yield failing
        if (current := self.workers.current) is not None:
            yield from next((each.warnings for each in current.ready), ())

    async def _heed(
        self, signals: AsyncIterator[int], opening: trio.CancelScope
    ) -> None:
        """Do what each signal asks for; until the port listens, a stop stops all."""
        async for number in signals:
            if number != signal.SIGHUP:
                with suppress(trio.WouldBlock):
                    self._stops.send_nowait(number)
                if not self._port.number:
                    _log.info("stopping before the service was open")
                    opening.cancel(reason="a signal while the service opens")
            else:
                # One is enough for all that come while it is under way.
                with suppress(trio.WouldBlock):
                    self._reloads.send_nowait(number)

    async def serve(self) -> None:
        """Answer the port until a signal, then have the workers drain and end.

        Raises:
            CannotListen: The port cannot be bound.
            CannotFork: No worker could be replaced any more, so all has been stopped.
        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self._port.serve)
            self.notifier.ready()
            nursery.start_soon(self._stop_without_forks)
            nursery.start_soon(self._reload_when_asked)
            await self._stopped.receive()
            await self._drain()
            nursery.cancel_scope.cancel(reason="the service stops")
        if self._failure:
            raise CannotFork(self._failure)

    async def _stop_without_forks(self) -> None:
        """Nobody could replace a worker: whoever started the service is to do so again."""
        await self.workers.forks.gone.wait()
        self._failure = "the forkserver is gone, so no worker can be replaced"
        with suppress(trio.WouldBlock):
            self._stops.send_nowait(0)

    async def hold(self, admitted: Admitted) -> None:
        """Give a call to the worker with the fewest, and wait until it is over."""
        _, read = admitted.stream.hand_over()
        given = Given(next(self._numbers), admitted.place)
        told = {"peer": [admitted.peer.host, admitted.peer.port]}
        if not await self._hand_over(given, told, read, admitted.socket):
            _log.warning("refused a caller", why="no worker", peer=str(admitted.peer))
            await respond(admitted.socket, HTTPStatus.SERVICE_UNAVAILABLE, _NOBODY)

    async def give_away(
        self, stream: trio.SocketStream, peer: Peer, already_read: bytes
    ) -> None:
        """Give a connection that speaks TLS to a worker, which asks what to answer."""
        given = Given(next(self._numbers))
        told = {"peer": [peer.host, peer.port], "tls": True}
        try:
            if not await self._hand_over(given, told, already_read, stream):
                _log.warning("refused a caller", why="no worker", peer=str(peer))
        finally:
            if given.place is not None:
                given.place.over()

    async def _hand_over(
        self, given: Given, told: Any, read: bytes, stream: trio.SocketStream
    ) -> bool:
        """Whether a worker has taken a connection; it is closed then."""
        tried: list[Worker] = []

        def leave(ending: EndCall) -> None:
            if tried:
                tried[-1].end(given.number, ending)
            else:
                scope.cancel(reason=ending.outcome)

        with trio.CancelScope() as scope:
            if given.place is not None:
                given.place.waits(leave)
            while (worker := await self._next_worker(tried)) is not None:
                tried.append(worker)
                if await worker.give(given, told, read, stream) == "taken":
                    return True
        return scope.cancelled_caught

    async def _decide(self, worker: Worker, asked: Any) -> Any:
        """A worker has read the head of a request through TLS: what is to be answered.

        None lets it in.
        """
        head = RequestHead(*asked["head"])
        decided = await self._port.admission.decide(head, Peer(*asked["peer"]))
        given = worker.given.get(asked["number"])
        if isinstance(decided, Answer):
            # Every byte is a character of Latin-1, and JSON can hold those.
            return [decided.status, decided.body.decode("latin-1"), decided.media_type]
        if given is None:
            decided.over()
            raise LookupError("this connection is closed")
        given.place = decided
        decided.waits(partial(worker.end, given.number))
        return None

    async def _next_worker(self, tried: list[Worker]) -> Worker | None:
        """Who takes a call that none of these could take; None if nobody does in time."""
        with trio.move_on_after(_NO_WORKER_S):
            await trio.lowlevel.checkpoint()
            while not self._port.admission.draining:
                if (worker := self.workers.least_busy(set(tried))) is not None:
                    return worker
                await self.workers.changed()
        return None

    async def _reload_when_asked(self) -> None:
        async for _ in self._reloading:
            self.notifier.reloading()
            await self._reload()
            self.notifier.ready()

    async def _reload(self) -> None:
        _log.info("reloading")
        try:
            settings, warnings, environ = self._read()
        except SettingsError as exc:
            _log.error("reload failed", faults=exc.faults)
            return
        also_mask(secrets_of(settings))
        for warning in warnings:
            _log.warning("setting", problem=warning)
        for name in _kept(self.settings, settings):
            _log.warning("setting", problem=f"{name} changes with a restart only")
        kept = {name: getattr(self.settings, name) for name in _FOR_A_RESTART}
        settings, before = evolve(settings, **kept), self._port.settings
        try:
            self._port.use(settings)
            await self.workers.begin(settings, environ)
        except StsError as exc:
            self._port.use(before)
            if not self._port.admission.draining:
                _log.error("reload failed", faults=[str(exc)])
        else:
            self._metrics.max_calls = settings.max_calls

    async def _drain(self) -> None:
        drain_s = self._port.settings.drain_s
        drained_at = trio.current_time() + drain_s
        self._port.drain()
        self.notifier.stopping(drain_s)
        _log.info("draining", calls=self._port.places.calls, at_most_s=drain_s)
        self.workers.drain(max(0.0, drain_s - _SOONER_S))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hurry)
            nursery.start_soon(self._port.dismiss)
            with trio.move_on_at(drained_at + _KILLED_AFTER_S):
                await self.workers.none()
                await self._targets.settled()
            await self.workers.kill()
            nursery.cancel_scope.cancel(reason="all workers have ended")
        _log.info("stopped")

    async def _hurry(self) -> None:
        async for _ in self._stopped:
            _log.info("stopping at once", calls=self.workers.calls)
            self.workers.stop()


def _kept(old: Settings, new: Settings) -> list[str]:
    """Which settings have changed that need a restart."""
    fields = {each.name: spec_of(each).variable for each in attrs.fields(Settings)}
    return [
        fields[name]
        for name in _FOR_A_RESTART
        if getattr(old, name) != getattr(new, name)
    ]
