"""The calls of a process: the guard around each, and how they end when it stops.

::

    first signal  → whoever is no call within a second goes; running ones have until
                    shortly before the end of the drain; the rest gets 1001
    second signal → all calls get 1001 now
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, NoReturn

import structlog
import trio
from attrs import define, field

from trio_sts.conversation.commands import EndCall
from trio_sts.nursery import Call
from trio_sts.services import Services

from .connections import Admitted
from .endings import NO_PLACE, STOPPING
from .waiting import AT_LEAST_S
from .without_init import WithoutInit

# Calls are told so long before the end of the drain: peers that answer nothing take the
# 2 s of `nursery.CLOSE_S`, and a stop takes no second more than the drain.
_TOLD_BEFORE_S: Final = 1.5
# So long after it the sockets of callers are shut down under those who still close.
_CUT_AFTER_S: Final = 0.5
_CUT_S: Final = 0.2
# For the last calls, whose ends took all of the drain.
_HAND_ON_S: Final = 0.1

_log = structlog.get_logger()


@define(eq=False)
class Calls:
    """Holds calls, and ends them.

    Attributes:
        services: What new ones share; may be changed.
    """

    services: Services
    _without_init: WithoutInit = field(factory=WithoutInit, init=False)
    # Those whose sockets are not closed yet.
    _sockets: dict[Call, trio.SocketStream] = field(
        factory=dict[Call, trio.SocketStream], init=False
    )
    _quiet: trio.Event = field(factory=trio.Event, init=False)
    _ended: trio.Event = field(factory=trio.Event, init=False)
    _hurried: bool = field(default=False, init=False)

    async def hold(self, admitted: Admitted) -> None:
        """Run a call over a connection, until its socket is closed."""
        place = admitted.place
        call = Call(self.services, place.over, place.begins, self._no_init)
        # It is told why, unlike one that has asked for no call.
        place.waits(call.end)
        self._sockets[call] = admitted.socket
        try:
            await call.run(admitted.stream, admitted.head)
        finally:
            del self._sockets[call]
            self._ended.set()
            self._ended = trio.Event()
            if not self._sockets:
                self._quiet.set()

    async def unused(self, services: Services) -> None:
        """Wait until no call holds these services any more, and no new one will."""
        while services is self.services or any(
            call.services is services for call in self._sockets
        ):
            await self._ended.wait()

    async def report(self) -> NoReturn:
        """Tell of connections that have sent no ``init``; to be run beside the calls."""
        await self._without_init.report()

    async def drain(self, signals: AsyncIterator[int], drain_s: float) -> None:
        """Let running calls finish, and end the others.

        Args:
            signals: The next one ends all calls now.
            drain_s: How long they have, from now on; may be infinite.
        """
        drained_at = trio.current_time() + drain_s
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._end_who_does_not_begin)
            nursery.start_soon(self._hurry, signals)
            with trio.move_on_at(drained_at - _TOLD_BEFORE_S):
                await self._no_calls()
            nursery.cancel_scope.cancel(reason="drained, or out of time")
        self.stop()
        with trio.move_on_at(drained_at + _CUT_AFTER_S) as closing:
            await self._no_calls()
        if closing.cancelled_caught:
            await self._cut()
        await self._hand_on(signals, until=drained_at)

    async def _end_who_does_not_begin(self) -> None:
        """End those without ``init``: a caller that was let in just before sends it yet."""
        await trio.sleep(AT_LEAST_S)
        for call in self._sockets:
            if not call.has_begun:
                call.end(STOPPING)

    def stop(self) -> None:
        """End all calls, because the service stops."""
        for call in self._sockets:
            call.end(STOPPING)

    def _no_init(self, ending: EndCall) -> None:
        # Of one that had no place its refusal has told.
        if ending is not NO_PLACE:
            self._without_init.ended(ending.outcome)

    async def _hand_on(self, signals: AsyncIterator[int], until: float) -> None:
        """Give the store and the webhook what is left of the drain, or a moment.

        Another signal ends it; what is not delivered is in files.
        """
        now = trio.current_time()
        at_least = now + _HAND_ON_S
        until = min(until, now + self.services.settings.drain_s)
        with trio.move_on_at(at_least if self._hurried else max(until, at_least)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_at_signal, signals, nursery.cancel_scope)
                await self.services.archive.finish()
                nursery.cancel_scope.cancel(reason="handed on")

    async def _cut(self) -> None:
        """Shut the callers' sockets down; who still closes one has nothing to wait for."""
        _log.warning("callers do not answer", calls=len(self._sockets))
        for stream in self._sockets.values():
            with suppress(OSError):
                stream.socket.shutdown(trio.socket.SHUT_RDWR)
        with trio.move_on_after(_CUT_S):
            await self._no_calls()

    async def _hurry(self, signals: AsyncIterator[int]) -> None:
        async for _ in signals:
            _log.info("stopping at once", calls=len(self._sockets))
            self._hurried = True
            self.stop()

    async def _no_calls(self) -> None:
        while self._sockets:
            self._quiet = trio.Event()
            await self._quiet.wait()


async def _cancel_at_signal(
    signals: AsyncIterator[int], scope: trio.CancelScope
) -> None:
    async for _ in signals:
        scope.cancel(reason="a second signal")
