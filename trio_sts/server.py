"""The process: the listener, admission, the guard around each call, the drain.

::

    listener ─── one nursery ──┬─ connection: plain HTTP → answered
                               ├─ connection: WebSocket → guard → one call's nursery
                               └─ ...
    first signal  → no new calls; running ones have STS_DRAIN_S; the rest gets 1001
    second signal → all calls get 1001 now
"""

from collections.abc import AsyncIterator, Iterator

import structlog
import trio
from attrs import define, field

from trio_sts.admin.routes import answer
from trio_sts.legs.http_head import (
    ReplayStream,
    RequestHead,
    has_token,
    read_head,
    respond,
)
from trio_sts.listening import listen
from trio_sts.nursery import Call, Services
from trio_sts.tools.problems import public_warnings

# What a stop may take after the drain: every call closes both its legs within 2 s.
STOP_S = 2.5

_log = structlog.get_logger()


@define(eq=False)
class Server:
    """The calls of a process, and whether new ones are let in."""

    services: Services
    draining: bool = False
    # Those that take a place, and those whose sockets are not closed yet.
    _active: set[Call] = field(factory=set[Call])
    _calls: set[Call] = field(factory=set[Call])
    _quiet: trio.Event = field(factory=trio.Event)

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
            connections.start_soon(trio.serve_listeners, self._connection, listeners)
            port: int = listeners[0].socket.getsockname()[1]
            model = "built in" if settings.embedded else settings.model
            _log.info("ready", port=port, host=settings.host, model=model)
            task_status.started(port)
            await self._wait_and_drain(signals)
            connections.cancel_scope.cancel(reason="the service stops")

    async def _wait_and_drain(self, signals: AsyncIterator[int]) -> None:
        await anext(signals)
        drain_s = self.services.settings.drain_s
        self.draining = True
        _log.info("draining", calls=self.calls, at_most_s=drain_s)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._hurry, signals)
            with trio.move_on_after(drain_s):
                await self._no_calls()
            nursery.cancel_scope.cancel(reason="drained, or out of time")
        for call in self._calls:
            call.stop()
        with trio.move_on_after(STOP_S):
            await self._no_calls()
        _log.info("stopped")

    async def _hurry(self, signals: AsyncIterator[int]) -> None:
        async for _ in signals:
            _log.info("stopping at once", calls=self.calls)
            for call in self._calls:
                call.stop()

    async def _no_calls(self) -> None:
        while self._calls:
            self._quiet = trio.Event()
            await self._quiet.wait()

    async def _connection(self, stream: trio.SocketStream) -> None:
        """One connection; whatever goes wrong in it stays in it."""
        try:
            async with stream:
                request = await read_head(stream)
                if request is not None:
                    await self._admit(*request)
        # One crash must not stop the server: it is logged, and the other calls go on.
        except* Exception:  # noqa: BLE001
            _log.exception("connection crashed")

    async def _admit(self, head: RequestHead, stream: ReplayStream) -> None:
        if not head.is_upgrade:
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
            await respond(stream, 401, "A valid token is needed.\n")
        elif self.draining or self.full:
            why = "stopping" if self.draining else "full"
            _log.warning("refused a caller", why=why, calls=self.calls)
            await respond(stream, 503, f"No more calls: this service is {why}.\n")
        else:
            await self._call(stream)

    def _warnings(self) -> Iterator[str]:
        """What does not work, in words that anybody may read."""
        if self.services.settings.ami_url is None:
            yield "AMI_URL cannot be used: no hangup and no transfer is offered"
        yield from public_warnings(self.services.registry.problems)

    async def _call(self, stream: ReplayStream) -> None:
        call = Call(self.services, self._active.discard)
        self._active.add(call)
        self._calls.add(call)
        try:
            await call.run(stream)
        finally:
            self._active.discard(call)
            self._calls.discard(call)
            if not self._calls:
                self._quiet.set()
