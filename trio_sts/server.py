"""The process: the listener, admission, the guard around each call, the drain.

::

    listener ─── one nursery ──┬─ connection: plain HTTP → answered
                               ├─ connection: WebSocket → guard → one call's nursery
                               └─ ...
    first signal  → no new calls; whoever is no call yet goes; running ones have until
                    shortly before STS_DRAIN_S; the rest gets 1001
    second signal → all calls get 1001 now
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from functools import partial

import structlog
import trio
from attrs import define, field

from trio_sts import __version__
from trio_sts.admin.routes import answer
from trio_sts.conversation.commands import EndCall
from trio_sts.legs.http_head import (
    ReplayStream,
    RequestHead,
    has_token,
    read_head,
    respond,
)
from trio_sts.listening import accept_all, listen
from trio_sts.metrics.exposition import render
from trio_sts.nursery import Call, Services
from trio_sts.tools.problems import public_warnings
from trio_sts.waiting import WaitingRoom, most_waiting

# Calls are told so long before the end of the drain: peers that answer nothing take the
# 2 s of `nursery.CLOSE_S`, and a stop takes no second more than the drain.
_TOLD_BEFORE_S = 1.5
# So long after it the sockets of callers are shut down under those who still close.
_CUT_AFTER_S = 0.5
_CUT_S = 0.2
# For the last calls, whose ends took all of the drain.
_HAND_ON_S = 0.1
_METRICS = "/metrics"
_TOKEN_NEEDED = "A valid token is needed.\n"  # noqa: S105  # what a peer is told
# Before `init`: nobody is in that call yet.
_GAVE_WAY = EndCall(1008, "no init", "No init has come, and others are waiting.")

_log = structlog.get_logger()


@define(eq=False)
class Server:
    """The calls of a process, and whether new ones are let in.

    Attributes:
        services: What they share.
        draining: Whether new ones are refused, because the service stops.
        port: Where it listens; 0 before it does.
    """

    services: Services
    draining: bool = False
    port: int = 0
    _hurried: bool = False
    # Those that take a place, and those whose sockets are not closed yet.
    _active: set[Call] = field(factory=set[Call])
    _calls: set[Call] = field(factory=set[Call])
    _quiet: trio.Event = field(factory=trio.Event)
    _waiting: WaitingRoom = field(init=False)
    _sockets: set[trio.SocketStream] = field(factory=set[trio.SocketStream])

    def __attrs_post_init__(self) -> None:
        self._waiting = WaitingRoom(most_waiting(self.services.settings.max_calls))

    @property
    def calls(self) -> int:
        """How many calls take a place."""
        return len(self._active)

    @property
    def full(self) -> bool:
        """Whether one more call would be too many."""
        return 0 < self.services.settings.max_calls <= self.calls

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
            for each in listeners:
                connections.start_soon(
                    accept_all,
                    each,
                    connections,
                    self._connection,
                    self._waiting.make_room,
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
            task_status.started(port)
            await self._wait_and_drain(signals)
            connections.cancel_scope.cancel(reason="the service stops")

    async def _wait_and_drain(self, signals: AsyncIterator[int]) -> None:
        await anext(signals)
        drain_s = self.services.settings.drain_s
        drained_at = trio.current_time() + drain_s
        self.draining = True
        self._waiting.dismiss()
        _log.info("draining", calls=self.calls, at_most_s=drain_s)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hurry, signals)
            with trio.move_on_at(drained_at - _TOLD_BEFORE_S):
                await self._no_calls()
            nursery.cancel_scope.cancel(reason="drained, or out of time")
        self.stop_calls()
        with trio.move_on_at(drained_at + _CUT_AFTER_S) as closing:
            await self._no_calls()
        if closing.cancelled_caught:
            await self._cut()
        await self._hand_on(signals, until=drained_at)
        _log.info("stopped")

    async def _hand_on(self, signals: AsyncIterator[int], until: float) -> None:
        """Give the store and the webhook what is left of the drain, or a moment.

        Another signal ends it; what is not delivered is in files.
        """
        at_least = trio.current_time() + _HAND_ON_S
        with trio.move_on_at(at_least if self._hurried else max(until, at_least)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_at_signal, signals, nursery.cancel_scope)
                await self.services.archive.finish()
                nursery.cancel_scope.cancel(reason="handed on")

    async def _cut(self) -> None:
        """Shut the callers' sockets down; who still closes one has nothing to wait for."""
        _log.warning("callers do not answer", calls=len(self._calls))
        for stream in self._sockets:
            with suppress(OSError):
                stream.socket.shutdown(trio.socket.SHUT_RDWR)
        with trio.move_on_after(_CUT_S):
            await self._no_calls()

    async def _hurry(self, signals: AsyncIterator[int]) -> None:
        async for _ in signals:
            _log.info("stopping at once", calls=self.calls)
            self._hurried = True
            self.stop_calls()

    def stop_calls(self) -> None:
        """End all calls, because the service stops."""
        for call in self._calls:
            call.stop()

    async def _no_calls(self) -> None:
        while self._calls:
            self._quiet = trio.Event()
            await self._quiet.wait()

    async def _connection(self, stream: trio.SocketStream) -> None:
        """One connection; whatever goes wrong in it stays in it."""
        self._sockets.add(stream)
        try:
            async with stream:
                with trio.CancelScope() as scope:
                    self._waiting.enter(stream, scope.cancel)
                    request = await read_head(stream)
                    if request is not None:
                        await self._admit(stream, *request)
        # One crash must not stop the server: it is logged, and the other calls go on.
        except* Exception:  # noqa: BLE001
            _log.exception("connection crashed")
        finally:
            self._waiting.over(stream)
            self._sockets.discard(stream)

    async def _admit(
        self, socket: trio.SocketStream, head: RequestHead, stream: ReplayStream
    ) -> None:
        if not head.is_upgrade or self.draining or self.full:
            # It is answered at once; only a call waits for more.
            self._waiting.over(socket)
        if not head.is_upgrade and head.path == _METRICS:
            await self._tell_metrics(head, stream)
        elif not head.is_upgrade:
            status, body = answer(
                head.method,
                head.path,
                draining=self.draining,
                full=self.full,
                warnings=self._warnings(),
            )
            await respond(stream, status, body, method=head.method)
        elif not has_token(head, self.services.settings.token or ""):
            _log.info("refused a caller", why="token")
            self.services.metrics.callers_refused.labels("token").inc()
            await respond(stream, 401, _TOKEN_NEEDED)
        elif self.draining or self.full:
            why = "stopping" if self.draining else "full"
            _log.warning("refused a caller", why=why, calls=self.calls)
            self.services.metrics.callers_refused.labels(why).inc()
            await respond(stream, 503, f"No more calls: this service is {why}.\n")
        else:
            await self._call(socket, stream)

    async def _tell_metrics(self, head: RequestHead, stream: ReplayStream) -> None:
        """They tell nobody's words or numbers, but how much is called, and what it costs."""
        if not has_token(head, self.services.settings.token or ""):
            await respond(stream, 401, _TOKEN_NEEDED)
        elif head.method not in {"GET", "HEAD"}:
            await respond(stream, 405, "Metrics are read with GET.\n")
        else:
            accept = head.headers.get("accept", "")
            body, media_type = await render(self.services.metrics.registry, accept)
            method = head.method
            await respond(stream, 200, body, method=method, media_type=media_type)

    def _warnings(self) -> Iterator[str]:
        """What does not work, in words that anybody may read."""
        if (failing := self.services.health.warning) is not None:
            yield failing
        if self.services.settings.ami_url is None:
            yield "AMI_URL cannot be used: no hangup and no transfer is offered"
        yield from public_warnings(self.services.registry.problems)

    async def _call(self, socket: trio.SocketStream, stream: ReplayStream) -> None:
        call = Call(
            self.services,
            self._active.discard,
            partial(self._waiting.over, socket),
        )
        # It is told why, unlike one that has asked for no call.
        self._waiting.goes_on(socket, lambda: self._send_away(call))
        self._active.add(call)
        self._calls.add(call)
        try:
            await call.run(stream)
        finally:
            self._active.discard(call)
            self._calls.discard(call)
            if not self._calls:
                self._quiet.set()

    def _send_away(self, call: Call) -> None:
        if self.draining:
            call.stop()
        else:
            call.end(_GAVE_WAY)


async def _cancel_at_signal(
    signals: AsyncIterator[int], scope: trio.CancelScope
) -> None:
    async for _ in signals:
        scope.cancel(reason="a second signal")
