"""One call with one fault: everybody in it, and what came of it."""

import random
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import trio
from attrs import define, evolve, field, frozen
from structlog.typing import EventDict
from websockets.exceptions import WebSocketException

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, scripted_model
from tests.system.service import Service, serving
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.exchange import Exchange

from . import lookups, speech
from .agent import Agent
from .caller import Caller
from .jumps import Jumps
from .proxy import Fault, FaultProxy, proxied

# Ten seconds without an answer to a ping, and the closing handshakes.
LONGEST_HELD_S: Final = 13.0
# An upper bound for a call with everything that may be repeated in it.
_LONGEST_S: Final = 240.0
# What a leg of a caller who has gone may stay open, and then some.
_END_S: Final = 30.0
_POLL_S: Final = 0.1
# Both closing handshakes, and a margin.
_CLOSE_S: Final = 3.0
# Of a word of 240 ms: a piece may go to each of two sessions, and an edge be lost.
_WHOLE_MS: Final = 180
_NO_WORDS: Final = frozenset({"(noise)"})
# The task of `serving` that holds all connections.
_SERVE: Final = "serving.<locals>.serve"

MODEL_POINTS: Final = (
    "during the handshake",
    "before session.created",
    "before session.updated",
    "before the greeting's audio",
    "in the greeting",
    "in silence",
    "while the caller speaks",
    "between commit and answer",
    "in mid-answer",
    "after its audio",
    "while a tool runs",
    "in a goodbye",
)
CALLER_POINTS: Final = (
    "during the handshake",
    "before session.created",
    "before the greeting's audio",
    "in the greeting",
    "in silence",
    "while the caller speaks",
    "in mid-answer",
    "while a tool runs",
)


@frozen
class Cell:
    """Which call is held.

    Attributes:
        leg: ``model`` or ``caller``: the one that the fault befalls.
        fault: What happens.
        point: When, by the course of the call; or how many seconds from its beginning.
        tls: Whether the model leg is under TLS.
        seed: Of what is random in it.
    """

    leg: str
    fault: Fault
    point: str | float
    tls: bool
    seed: int

    @property
    def name(self) -> str:
        """For people, and to run it alone."""
        when = self.point if isinstance(self.point, str) else f"at {self.point:.2f} s"
        secure = ", TLS" if self.tls else ""
        return f"{self.leg} leg, {self.fault.name}, {when}{secure}, seed {self.seed}"


@frozen
class Outcome:
    """What came of a call.

    Attributes:
        code: The close code at AVR Core; None if the caller hung up.
        outcome: The log's word for how it ended.
        told: The failure words of ``error`` messages.
        apology_s: How long a voice was heard that was not the agent's.
        finished: Whether every turn was held, to the goodbye.
        silence_s: The longest silence while the caller waited.
        lost: Words that arrived at no session.
        unknown: Words that the last session has neither heard nor been told.
        double_words: Words that came in two transcripts.
        double_tools: Tool runs beyond the first.
        unanswered: Turns that got no answer.
        faulty: What the model would have refused.
        crashes: Lines of the log with an exception in them.
        open: What was left open.
        ended_after_s: From the fault to the end of the model's last connection.
        sessions: How many sessions the model had.
        fired: Whether the fault came at all.
    """

    code: int | None = None
    outcome: str = ""
    told: tuple[str, ...] = ()
    apology_s: float = 0.0
    finished: bool = False
    silence_s: float = 0.0
    lost: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    double_words: tuple[str, ...] = ()
    double_tools: int = 0
    unanswered: int = 0
    faulty: tuple[str, ...] = ()
    crashes: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    ended_after_s: float | None = None
    sessions: int = 0
    fired: bool = False


@frozen
class World:
    """What cells share: the clock, the certificate, the tools, the log."""

    jumps: Jumps
    server_tls: ssl.SSLContext
    tools: Path
    log: Sequence[EventDict]


@define(eq=False)
class _Trigger:
    """Brings the fault about, once, at its moment."""

    cell: Cell
    nursery: trio.Nursery
    proxy: FaultProxy | None = None
    fired_s: float | None = None

    async def reached(self, point: str) -> None:
        if point == self.cell.point:
            await self.fire()

    async def accepted(self, number: int) -> None:
        if number == 0:
            await self.reached("during the handshake")

    async def fire(self) -> None:
        if self.fired_s is None and self.proxy is not None:
            self.fired_s = trio.current_time()
            self.nursery.start_soon(self.cell.fault.order, self.proxy)
            await trio.lowlevel.checkpoint()

    async def at_its_time(self) -> None:
        if isinstance(self.cell.point, float):
            await trio.sleep(self.cell.point)
            await self.fire()


@define(eq=False)
class _Everybody:
    """Who takes part."""

    cell: Cell
    world: World
    trigger: _Trigger
    agent: Agent
    uuid: str = field(factory=lambda: f"faults-{uuid4()}")
    ami: AmiStandIn = field(factory=lambda: AmiStandIn(Exchange()))
    dropped: trio.Event = field(factory=trio.Event)
    service: Service = field(init=False)
    model: ScriptedModel = field(init=False)
    to_model: FaultProxy = field(init=False)
    to_relay: FaultProxy = field(init=False)
    ended_s: float | None = None


async def hold_call(cell: Cell, world: World) -> Outcome:
    """Hold the call of a cell, and see what comes of it."""
    async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
        trigger = _Trigger(cell, nursery)
        people = _Everybody(cell, world, trigger, Agent(trigger.reached))
        with world.jumps.set_up():
            await stack.enter_async_context(_gathered(people))
        baseline = Counter(_tasks_of_server(trio.lowlevel.current_task()))
        caller = await _phone(people)
        left = await _left_open(people, baseline)
        await stack.aclose()
        nursery.cancel_scope.cancel(reason="the cell is over")
    return _outcome(people, caller, left)


@asynccontextmanager
async def _gathered(people: _Everybody) -> AsyncGenerator[None]:
    cell, world = people.cell, people.world
    dice = random.Random(cell.seed)  # noqa: S311  # no secret
    async with trio.open_nursery() as nursery:
        ami_url: str = await nursery.start(partial(people.ami.serve, port=0))
        secure = "s" if cell.tls else ""
        async with (
            scripted_model(
                people.agent.script,
                tls=world.server_tls if cell.tls else None,
                judged=False,
            ) as people.model,
            proxied(
                _port(people.model.base_url), relay_dials=True, dice=dice
            ) as people.to_model,
            serving(
                f"http{secure}://127.0.0.1:{people.to_model.port}/v1",
                AMI_URL=ami_url,
                TOOLS_DIR=str(world.tools),
                STS_APOLOGY="",
            ) as people.service,
            proxied(
                people.service.port, relay_dials=False, dice=dice
            ) as people.to_relay,
        ):
            spoiled = people.to_model if cell.leg == "model" else people.to_relay
            people.trigger.proxy = spoiled
            spoiled.accepted = people.trigger.accepted
            yield
            people.model.failures.clear()
        nursery.cancel_scope.cancel(reason="the cell is over")


async def _phone(people: _Everybody) -> Caller | None:
    """The call itself, until AVR Core's side of it is over."""
    caller: Caller | None = None
    lookups.WATCHING[people.uuid] = people.trigger.reached
    people.trigger.nursery.start_soon(people.trigger.at_its_time)
    with trio.move_on_after(_LONGEST_S):  # noqa: ASYNC912
        try:
            async with calling(f"ws://127.0.0.1:{people.to_relay.port}/") as core:
                caller = Caller(core, people.dropped)
                await _hold(people, core, caller)
        # A faulty line ends the stand-in's side in many ways.
        except* (WebSocketException, OSError, EOFError, trio.BrokenResourceError):
            pass
    del lookups.WATCHING[people.uuid]
    return caller


async def _hold(people: _Everybody, core: FakeCore, caller: Caller) -> None:
    await core.init(people.uuid)
    with people.ami.exchange.connected(people.uuid, lambda _: people.dropped.set()):
        async with trio.open_nursery() as talking:
            talking.start_soon(caller.keep_sending)
            if people.cell.leg == "caller":
                talking.start_soon(_hang_up_in_the_end, people, talking.cancel_scope)
            await caller.talk(people.trigger.reached)
            talking.cancel_scope.cancel(reason="the call is over")


async def _hang_up_in_the_end(people: _Everybody, scope: trio.CancelScope) -> None:
    """Whose own line has failed stays on it until the relay has noticed."""
    while people.trigger.fired_s is None:  # noqa: ASYNC110
        await trio.sleep(_POLL_S)
    if people.cell.fault.name != "held 5 s":
        with trio.move_on_after(_END_S):  # noqa: ASYNC912
            while people.service.server.calls or _sessions(people):  # noqa: ASYNC110
                await trio.sleep(_POLL_S)
        people.ended_s = trio.current_time()
        scope.cancel(reason="the line is dead")


async def _left_open(people: _Everybody, baseline: Counter[str]) -> list[str]:
    """What the relay has not closed in time after the call."""
    me = trio.lowlevel.current_task()
    people.to_model.release()
    people.to_relay.release()
    left: list[str] = []
    closed_s = trio.current_time() + _CLOSE_S
    if people.cell.leg == "caller" and people.trigger.fired_s is not None:
        # Its end may be told on a line that is dead by then.
        closed_s = max(closed_s, people.trigger.fired_s + LONGEST_HELD_S)
    with trio.move_on_at(closed_s):  # noqa: ASYNC912
        while left := _open_now(people, me, baseline):  # noqa: ASYNC110
            await trio.sleep(_POLL_S)
    return left


def _open_now(
    people: _Everybody, me: trio.lowlevel.Task, baseline: Counter[str]
) -> list[str]:
    counts = {"calls": people.service.server.calls}
    if people.cell.leg == "caller":
        # Where the model's own leg is spoiled, what it knows says nothing of the relay.
        counts["sessions"] = _sessions(people)
    found = [f"{count} {what}" for what, count in counts.items() if count]
    if found:
        return found
    if count := _sockets(people):
        return [f"{count} sockets"]
    tasks = Counter(_tasks_of_server(me)) - baseline
    return [f"{count} {name}" for name, count in tasks.items()]


def _sessions(people: _Everybody) -> int:
    return sum(not each.closed.is_set() for each in people.agent.sessions)


def _sockets(people: _Everybody) -> int:
    """The relay's, as the kernel knows them."""
    return sum(
        (each.laddr.port == people.service.port and each.status != psutil.CONN_LISTEN)
        or (bool(each.raddr) and each.raddr.port == people.to_model.port)
        for each in psutil.Process().net_connections("tcp4")
    )


def _tasks_of_server(task: trio.lowlevel.Task) -> Iterator[str]:
    """The tasks that the service's connections have, by their names."""
    for each in _tasks_below(task):
        if each.name.endswith(_SERVE):
            yield from (task.name for task in _tasks_below(each))


def _tasks_below(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        for each in nursery.child_tasks:
            yield each
            yield from _tasks_below(each)


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _outcome(people: _Everybody, caller: Caller | None, left: list[str]) -> Outcome:
    agent, trigger = people.agent, people.trigger
    lines = [line for line in people.world.log if _is_about(line, people.uuid)]
    ended = [line for line in lines if line["event"] == "call ended"]
    last_session = _last_words(agent)
    outcome = Outcome(
        fired=trigger.fired_s is not None,
        outcome=str(ended[-1]["outcome"]) if ended else "",
        crashes=tuple(str(x["exception"]) for x in lines if "exception" in x),
        open=tuple(left),
        faulty=tuple(agent.faults),
        double_tools=max(lookups.RUNS[people.uuid] - 1, 0),
        ended_after_s=_held_s(people),
        sessions=len(agent.sessions),
    )
    if caller is None:
        return outcome
    heard = agent.heard()
    texts = [
        word
        for each in caller.core.of("transcript")
        for word in str(each.message["text"]).split()
    ]
    return evolve(
        outcome,
        code=caller.core.close_code,
        told=tuple(str(each.message["message"]) for each in caller.core.of("error")),
        apology_s=caller.ear.seconds_of("voice"),
        finished=people.dropped.is_set() and not caller.unanswered,
        silence_s=caller.longest_silence_s(),
        unanswered=caller.unanswered,
        lost=tuple(word for word in caller.said if heard.get(word, 0) < _WHOLE_MS),
        unknown=tuple(word for word in caller.said if word not in last_session),
        double_words=tuple(
            word
            for word, times in Counter(texts).items()
            if times > 1 and word not in _NO_WORDS
        ),
    )


def _held_s(people: _Everybody) -> float | None:
    if people.trigger.fired_s is None or people.ended_s is None:
        return None
    return people.ended_s - people.trigger.fired_s


def _last_words(agent: Agent) -> frozenset[int]:
    """What the session that went on has been told, or has heard since."""
    if not agent.sessions:
        return frozenset()
    heard = speech.words_in(agent.sessions[-1].audio, speech.MODEL_HZ)
    return agent.told[-1].words() | {
        word for word, ms in heard.items() if ms >= _WHOLE_MS
    }


def _is_about(line: EventDict, uuid: str) -> bool:
    return line.get("call_id") == uuid
