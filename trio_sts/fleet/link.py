"""The parent's side of one worker: its process, its two sockets, what it was given."""

import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self

import structlog
import trio
from attrs import define, field
from trio import SocketStream

from trio_sts.conversation.commands import EndCall
from trio_sts.errors import StsError
from trio_sts.port.endings import NO_PLACE
from trio_sts.port.places import Place

from .channel import Channel, ChannelError, ChannelSlow, Handler
from .forks import Forks, Process
from .handover import Giver, Outcome
from .plan import Plan, send_plan

# One that has not taken a connection for so long is given others only if all are so.
STUCK_S: Final = 0.5
_ASK_EVERY_S: Final = 10.0
# A loop that stands still for so long has lost its calls already.
HUNG_S: Final = 30.0
# From closing its sockets to its end.
_EXIT_S: Final = 5.0
# What an ended process has written is in the system's buffers.
_LAST_WORDS_S: Final = 1.0

_log = structlog.get_logger()


class WorkerFailed(StsError):
    """A worker could not begin; the text says why."""


@define(eq=False)
class Given:
    """A connection that a worker has, or is offered.

    Attributes:
        number: No other connection has it.
        place: Its place; None as long as its request was not decided on.
        closed: Set when it is closed, or the worker is gone.
        has_begun: Whether it is a call.
    """

    number: int
    place: Place | None = None
    closed: trio.Event = field(factory=trio.Event)
    has_begun: bool = False


@define(eq=False)
class Worker:
    """One worker, from its fork to its end; `run` has to run.

    Attributes:
        plan: What it works by.
        process: Its process.
        channel: For what is asked and told.
        given: The connections that it has or is offered, by their numbers.
        settled: Set once it is ready for calls, or ended before it was.
        is_ready: Whether it has been ready for calls.
        warnings: What does not work there, in words that anybody may read.
        failure: Why it could not begin, in its own words.
        retiring: It gets no more calls, and is to end.
        calls_lost: How many calls it held when it ended.
    """

    plan: Plan
    process: Process
    channel: Channel
    _giver: Giver
    given: dict[int, Given] = field(factory=dict[int, Given], init=False)
    settled: trio.Event = field(factory=trio.Event, init=False)
    is_ready: bool = field(default=False, init=False)
    warnings: tuple[str, ...] = field(default=(), init=False)
    failure: str = field(default="", init=False)
    retiring: bool = field(default=False, init=False)
    calls_lost: int = field(default=0, init=False)

    @classmethod
    async def fork(cls, forks: Forks, plan: Plan) -> Self:
        """Have it forked, and tell it its plan.

        Raises:
            CannotFork: There is no process.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control, their_control = socket.socketpair()
        giver = Giver.over(ours)
        stream = SocketStream(trio.socket.from_stdlib_socket(control))
        is_whole = False
        try:
            process = await forks.fork(theirs, their_control)
            worker = cls(plan, process, Channel(stream), giver)
            # It may have ended already, which `run` finds out.
            with suppress(trio.BrokenResourceError):
                await send_plan(stream, plan)
            is_whole = True
            return worker
        finally:
            if not is_whole:
                giver.close()
                control.close()

    @property
    def load(self) -> tuple[bool, int]:
        """The lower, the better it can take one more."""
        since = self._giver.waiting_since
        stuck = since is not None and trio.current_time() - since > STUCK_S
        return stuck, len(self.given)

    @property
    def calls(self) -> int:
        """How many calls it holds."""
        return sum(given.has_begun for given in self.given.values())

    async def give(
        self, given: Given, told: Any, read: bytes, connection: SocketStream
    ) -> Outcome:
        """Give it a connection; returns when that is closed, or was not taken.

        Args:
            given: What becomes of it is noted there.
            told: What the worker is told about it.
            read: What was read of it.
            connection: It is closed here once the worker has it.
        """
        number = given.number
        self.given[number] = given
        try:
            outcome = await self._giver.give(number, told, read, connection.socket)
            if outcome == "taken":
                await connection.aclose()
                await given.closed.wait()
            return outcome
        finally:
            del self.given[number]

    def end(self, number: int, ending: EndCall) -> None:
        """Have it end a connection, whether it is a call yet or not."""
        told = [number, ending.code, ending.outcome, ending.failure]
        self.channel.tell("end", told)

    async def run(self, forks: Forks, handlers: Mapping[str, Handler]) -> None:
        """Carry what it tells, until its process has ended; then all it had is over.

        Args:
            forks: Kills it, if it does not end.
            handlers: For what it tells beside what is about its calls.
        """
        own: dict[str, Handler] = {
            "ready": self._told_ready,
            "failed": self._told_failed,
            "begun": self._told_begun,
            "over": self._told_over,
            "closed": self._told_closed,
        }
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._giver.run)
            nursery.start_soon(self._let_end, nursery.cancel_scope)
            nursery.start_soon(self._watch, forks)
            await self.channel.run({**own, **handlers})
            with trio.move_on_after(_EXIT_S):
                await self.process.ended.wait()
            await forks.kill(self.process)
            with trio.move_on_after(_LAST_WORDS_S):
                await self._giver.gone.wait()
            nursery.cancel_scope.cancel(reason="the worker has ended")
        self.settled.set()
        self.calls_lost = self.calls
        for given in self.given.values():
            given.closed.set()

    async def _let_end(self, words: trio.CancelScope) -> None:
        """Wait for no more words of a process that is gone, or that nobody can read."""
        await self.process.ended.wait()
        # A process that a tool has forked may have its sockets still.
        await trio.sleep(_LAST_WORDS_S)
        words.cancel(reason="the worker has ended")

    async def _watch(self, forks: Forks) -> None:
        """Kill it if its loop stands still."""
        await self.settled.wait()
        while not self.process.ended.is_set():
            try:
                await self.channel.ask("alive", timeout_s=HUNG_S)
            except ChannelSlow:
                _log.error(
                    "worker hangs", worker=self.plan.worker, pid=self.process.pid
                )
                await forks.kill(self.process)
                return
            except ChannelError:
                return
            await trio.sleep(_ASK_EVERY_S)

    async def _told_ready(self, warnings: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.warnings = tuple(warnings)
        self.is_ready = True
        self.settled.set()

    async def _told_failed(self, why: str) -> None:
        await trio.lowlevel.checkpoint()
        self.failure = why

    async def _told_begun(self, number: int) -> None:
        await trio.lowlevel.checkpoint()
        given = self.given.get(number)
        if given is None or given.place is None:
            return
        if given.place.begins():
            given.has_begun = True
        else:
            self.end(number, NO_PLACE)

    async def _told_over(self, number: int) -> None:
        await trio.lowlevel.checkpoint()
        given = self.given.get(number)
        if given is not None and given.place is not None:
            given.has_begun = False
            given.place.over()

    async def _told_closed(self, number: int) -> None:
        await trio.lowlevel.checkpoint()
        if number in self.given:
            self.given[number].closed.set()
