"""One worker: it holds the calls that the parent gives it, until it is told to end.

::

    parent ──handover──> connections ──> Connections ──> Calls, as in one process
    parent <──control──> ready, begun, over, closed, keep_target
                         | end, retire, drain, stop, alive

A worker that is retired ends after its last call, one that drains after so many seconds
at the latest, and one that was told to stop ends all its calls now. If the parent is gone,
it drains by itself.
"""

import math
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
import trio
from attrs import astuple, define, field
from trio import SocketStream
from typing_extensions import override

from trio_sts import logs
from trio_sts.conversation.commands import EndCall
from trio_sts.errors import StsError
from trio_sts.legs.http_head import RequestHead
from trio_sts.loop.lag import Lag
from trio_sts.loop.pace import Pace
from trio_sts.observing.verdicts import Verdict
from trio_sts.port.admission import Admission, no_more_calls
from trio_sts.port.answers import Answer
from trio_sts.port.calls import Calls
from trio_sts.port.connections import Connections
from trio_sts.port.peer import Peer
from trio_sts.port.places import Place
from trio_sts.port.port import tls_of
from trio_sts.port.proxies import Proxies
from trio_sts.port.waiting import WaitingRoom
from trio_sts.service import leaves, open_services, tune_collector
from trio_sts.services import Services
from trio_sts.settings import secrets_of
from trio_sts.tools.problems import NO_AMI, public_warnings

from .channel import Channel, ChannelError, Handler
from .far_targets import FarTargets
from .handover import Given, Taker
from .plan import Plan, read_plan
from .views_worker import WorkerViews

# Whoever has been let in before its worker was retired may still send `init`.
_INIT_S: Final = 10.0
_LAST_WORDS_S: Final = 0.5
# A place may take a second to be known of.
_DECIDE_S: Final = 5.0
_FAILED: Final = 1

_log = structlog.get_logger()


def work(handover: socket.socket, control: socket.socket) -> int:
    """Be a worker, in a process that has just been forked.

    Args:
        handover: Where connections come from.
        control: Where the plan comes from, and all else is told.

    Returns:
        The exit code: 0 if it ended as it was told.
    """
    try:
        plan = read_plan(control)
    except (EOFError, OSError):
        return 0
    settings = plan.settings
    logs.configure(
        settings.log_level, settings.log_format, secrets=secrets_of(settings)
    )
    try:
        lag = Lag()
        return trio.run(_work, plan, handover, control, lag, instruments=[lag, Pace()])
    # The forkserver's own stack is below this.
    except Exception:  # noqa: BLE001
        _log.exception("worker crashed", worker=plan.worker)
        return _FAILED
    finally:
        logs.flush()


async def _work(
    plan: Plan, handover: socket.socket, control: socket.socket, lag: Lag
) -> int:
    structlog.contextvars.bind_contextvars(worker=plan.worker)
    channel = Channel(SocketStream(trio.socket.from_stdlib_socket(control)))
    worker = _Worker(channel, Taker.over(handover), plan.settings.drain_s)
    views = WorkerViews(plan.settings, channel, lag)

    def tell_verdict(verdict: Verdict, _: float) -> None:
        channel.tell("verdict", [verdict.kind, verdict.why])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.obey, views.handlers)
        try:
            with worker.opening:
                async with open_services(
                    plan.settings,
                    plan.environ,
                    faults=plan.faults,
                    lag=lag,
                    observers=views.observers,
                    scripts=views.scripts,
                    judge=tell_verdict,
                    keep=FarTargets(channel).keep,
                ) as services:
                    views.opened(services)
                    nursery.start_soon(views.run)
                    tune_collector()
                    await worker.hold_calls(Calls(services))
        except* (OSError, StsError) as group:
            worker.failed(group)
        with trio.move_on_after(_LAST_WORDS_S):
            await views.farewell()
        nursery.cancel_scope.cancel(reason="the worker ends")
    return worker.code


def _warnings(services: Services) -> Iterator[str]:
    if services.settings.ami_url is None:
        yield NO_AMI
    yield from public_warnings(services.registry.problems)


@define(eq=False)
class _Worker:
    """What it holds, and how it is to end.

    Attributes:
        channel: For what is told and asked.
        taker: Where connections come from.
        drain_s: How long calls have if the parent is gone, or wants all to stop.
        opening: Cancelled if it is to end before it is ready.
        code: Its exit code.
    """

    channel: Channel
    taker: Taker
    drain_s: float
    opening: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    code: int = field(default=0, init=False)
    _is_open: bool = field(default=False, init=False)
    _retired: trio.Event = field(factory=trio.Event, init=False)
    # How to end each connection, and which have sent no `init`.
    _leave: dict[int, Callable[[EndCall], None]] = field(
        factory=dict[int, Callable[[EndCall], None]], init=False
    )
    _waiting: set[int] = field(factory=set[int], init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)
    # When the drain is to be over; told again, it may be sooner.
    _drained_at: float = field(default=math.inf, init=False)
    _draining: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _signals: trio.MemorySendChannel[int] = field(init=False)
    _signalled: trio.MemoryReceiveChannel[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        # One ends the calls, the next one what is still to be delivered.
        self._signals, self._signalled = trio.open_memory_channel[int](2)

    async def obey(self, more: Mapping[str, Handler]) -> None:
        """Do what the parent tells, and drain if it is gone.

        Args:
            more: Handlers for what else it tells and asks.
        """
        own: dict[str, Handler] = {
            "alive": self._told_alive,
            "end": self._told_end,
            "retire": self._told_retire,
            "drain": self._told_drain,
            "stop": self._told_stop,
        }
        await self.channel.run({**own, **more})
        _log.warning("the parent is gone", at_most_s=self.drain_s)
        await self._told_drain(self.drain_s)

    async def hold_calls(self, calls: Calls) -> None:
        """Take connections and hold calls, until it is retired and the last is over."""
        settings = calls.services.settings
        waiting = WaitingRoom.beside(settings.max_calls)
        tls = tls_of(settings)
        self._is_open = True
        self.channel.tell("ready", list(_warnings(calls.services)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calls.report)
            nursery.start_soon(self._take, calls, waiting, tls, nursery)
            await self._retired.wait()
            await self._drain(calls)
            nursery.cancel_scope.cancel(reason="the worker ends")

    def failed(self, group: BaseExceptionGroup[OSError | StsError]) -> None:
        """It could not open what calls need."""
        why = "; ".join(str(exc) for exc in leaves(group))
        _log.error("cannot run", why=why)
        self.channel.tell("failed", why)
        self.code = _FAILED

    async def _take(
        self,
        calls: Calls,
        waiting: WaitingRoom,
        tls: ssl.SSLContext | None,
        nursery: trio.Nursery,
    ) -> None:
        proxies = Proxies(calls.services.settings.trusted_proxies)
        while (given := await self.taker.take()) is not None:
            number, place = given.number, _Place(self, given.number)
            if given.told.get("tls"):
                admission: Admission = _Asked(self.channel, place, number)
                connections = Connections(
                    admission, calls.hold, waiting, lambda: tls, proxies
                )
            else:
                # The parent has found out who the peer is.
                connections = Connections(_LetIn(place), calls.hold, waiting)
            nursery.start_soon(self._serve, connections, given)

    async def _serve(self, connections: Connections, given: Given) -> None:
        """Serve one connection; what goes wrong stays in `Connections.serve`."""
        number = given.number
        self._waiting.add(number)
        try:
            stream = SocketStream(given.socket)
            await connections.serve(stream, Peer(*given.told["peer"]), given.read)
        finally:
            self._leave.pop(number, None)
            self._waits_no_more(number)
            self.channel.tell("closed", number)

    def waits(self, number: int, leave: Callable[[EndCall], None]) -> None:
        """A connection waits for `init`; ``leave`` ends it, then and later."""
        self._leave[number] = leave

    def begins(self, number: int) -> None:
        """A connection is a call."""
        self._waits_no_more(number)
        self.channel.tell("begun", number)

    def over(self, number: int) -> None:
        """A connection is no call any more, and may have to be closed still."""
        self.channel.tell("over", number)

    def _waits_no_more(self, number: int) -> None:
        self._waiting.discard(number)
        self._changed.set()
        self._changed = trio.Event()

    async def _drain(self, calls: Calls) -> None:
        is_over = False
        while not is_over:
            with trio.CancelScope() as self._draining:
                if self._drained_at == math.inf:
                    with trio.move_on_after(_INIT_S):
                        await self._nobody_waits()
                within_s = self._drained_at - trio.current_time()
                await calls.drain(self._signalled, within_s)
                is_over = True

    async def _nobody_waits(self) -> None:
        while self._waiting:
            await self._changed.wait()

    async def _told_alive(self, _: Any) -> None:
        await trio.lowlevel.checkpoint()

    async def _told_end(self, told: Any) -> None:
        await trio.lowlevel.checkpoint()
        number, code, outcome, failure = told
        if number in self._leave:
            self._leave[number](EndCall(code, outcome, failure))

    async def _told_retire(self, _: Any) -> None:
        await trio.lowlevel.checkpoint()
        self._end()

    async def _told_drain(self, within_s: float) -> None:
        await trio.lowlevel.checkpoint()
        self._end(within_s)

    async def _told_stop(self, _: Any) -> None:
        await trio.lowlevel.checkpoint()
        with suppress(trio.WouldBlock):
            self._signals.send_nowait(0)
        self._end(self.drain_s)

    def _end(self, within_s: float = math.inf) -> None:
        drained_at = trio.current_time() + within_s
        if drained_at < self._drained_at:
            self._drained_at = drained_at
            self._draining.cancel(reason="the drain is to be over sooner")
        self._retired.set()
        if not self._is_open:
            self.opening.cancel(reason="it is to end before it was ready")


@define(eq=False)
class _Place(Place):
    """The place that the parent keeps for a connection."""

    worker: _Worker
    number: int

    @override
    def waits(self, leave: Callable[[EndCall], None]) -> None:
        self.worker.waits(self.number, leave)

    @override
    def begins(self) -> bool:
        # If it has no place any more, the parent has it ended.
        self.worker.begins(self.number)
        return True

    @override
    def over(self) -> None:
        self.worker.over(self.number)


@define(eq=False)
class _LetIn(Admission):
    """The parent has decided already."""

    place: Place

    @override
    async def decide(self, head: RequestHead, peer: Peer) -> Place | Answer:
        await trio.lowlevel.checkpoint()
        return self.place


@define(eq=False)
class _Asked(Admission):
    """The parent decides, once a request was read through TLS."""

    channel: Channel
    place: Place
    number: int

    @override
    async def decide(self, head: RequestHead, peer: Peer) -> Place | Answer:
        asked = {
            "number": self.number,
            "head": astuple(head, recurse=False),
            "peer": [peer.host, peer.port],
        }
        try:
            answer = await self.channel.ask("decide", asked, timeout_s=_DECIDE_S)
        except ChannelError:
            return no_more_calls("stopping")
        if answer is None:
            return self.place
        status, body, media_type = answer
        return Answer(status, body.encode("latin-1"), media_type)
