"""A call with an open line, an avr-ami and the log: what a turn's tests need."""

import math
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import cache, partial

import trio
from attrs import define, field, frozen
from structlog.typing import EventDict
from trio.testing import MockClock
from websockets.exceptions import ConnectionClosed

from tests.peers.core import FakeCore, calling
from tests.peers.model import (
    Event,
    Script,
    ScriptedModel,
    ScriptedSession,
    agree,
    scripted_model,
)
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.exchange import Exchange
from trio_sts.phone.report import Outcome

from .kit import log
from .service import Service, serving
from .test_call import tone

_BURST_MS = 100


@cache
def loud(ms: int) -> bytes:
    """Agent audio as the model sends it, and no silence: PCM16LE at 24 kHz."""
    return tone(ms, rate_hz=24_000)


@frozen
class Desk:
    """A call, everybody in it, and the log so far.

    Attributes:
        dropped: How Asterisk ended the call, as avr-ami told it.
    """

    core: FakeCore
    session: ScriptedSession
    service: Service
    model: ScriptedModel
    ami: AmiStandIn
    lines: list[EventDict]
    dropped: list[Outcome] = field(factory=list[Outcome])

    async def greet(self) -> None:
        """The agent greets, so that no turn is owed."""
        await answer(self.core, self.session)

    def logged(self, event: str) -> list[EventDict]:
        """The lines of this event."""
        return [line for line in self.lines if line["event"] == event]


async def answer(core: FakeCore, session: ScriptedSession, ms: int = 200) -> None:
    """One whole spoken answer, which the caller has heard when this returns."""
    before = core.audio_ms
    async with session.response() as response:
        await response.say(loud(ms), "Yes.")
    await core.wait_audio(before + ms)
    await trio.sleep(0.6)


async def next_ask(session: ScriptedSession, *, within_s: float = 0.5) -> Event:
    """What is special about the next ``response.create``; in half a second if need be."""
    asked = await session.expect("response.create", within_s=within_s)
    special: Event = asked.get("response") or {}
    return special


@contextmanager
def clock_stands() -> Generator[None]:
    """Let no time pass: tools are loaded in threads, which no fake clock waits for."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock)
    threshold_s, clock.autojump_threshold = clock.autojump_threshold, math.inf
    try:
        yield
    finally:
        clock.autojump_threshold = threshold_s


@asynccontextmanager
async def at_desk(script: Script = agree, /, **environ: str) -> AsyncGenerator[Desk]:
    """Hold one call, from its greeting on.

    Nobody asks a silent caller anything here, unless the environment says so.
    """
    ami = AmiStandIn(Exchange())
    dropped: list[Outcome] = []
    with log() as lines:
        async with trio.open_nursery() as nursery:
            ami_url: str = await nursery.start(partial(ami.serve, port=0))
            quiet = {"STS_SILENCE_PROMPT_S": "0", "AMI_URL": ami_url}
            async with AsyncExitStack() as stack:
                model = await stack.enter_async_context(scripted_model(script))
                with clock_stands():
                    service = await stack.enter_async_context(
                        serving(model.base_url, **{**quiet, **environ})
                    )
                core = await stack.enter_async_context(calling(service.url))
                with ami.exchange.connected("call-1", dropped.append):
                    await core.init("call-1")
                    session = await model.next_session()
                    if environ.get("STS_GREETING") != "off":
                        await session.expect("response.create")
                    yield Desk(core, session, service, model, ami, lines, dropped)
            nursery.cancel_scope.cancel(reason="the test is over")


def summary(desk: Desk) -> EventDict:
    """The line that the call has left."""
    (line,) = desk.logged("call ended")
    return line


@define
class Line:
    """The caller's end of an open line: frames all the time, as AVR Core sends them."""

    _said: bytearray = field(factory=bytearray)

    async def say(self, pcm: bytes) -> None:
        """Say this in real time, and return when it was said."""
        self._said += pcm
        await trio.sleep(len(pcm) / 16_000)

    async def run(self, core: FakeCore) -> None:
        """Send what is said, and silence, in bursts of 100 ms."""
        due = trio.current_time()
        while core.close_code is None:
            burst = bytes(self._said[: _BURST_MS * 16])
            del self._said[: _BURST_MS * 16]
            # The service may hang up at any moment.
            with suppress(ConnectionClosed):
                await core.say(burst.ljust(_BURST_MS * 16, b"\0"))
            due += _BURST_MS / 1000
            await trio.sleep_until(due)


@asynccontextmanager
async def open_line(core: FakeCore) -> AsyncGenerator[Line]:
    """The caller's end of the line, for as long as the block takes."""
    line = Line()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.run, core)
        yield line
        nursery.cancel_scope.cancel(reason="the line is closed")


@contextmanager
def takes(at_least_s: float, at_most_s: float) -> Generator[None]:
    """Fail unless the block takes this long, by the test's clock."""
    began_at = trio.current_time()
    yield
    took_s = trio.current_time() - began_at
    assert at_least_s <= took_s <= at_most_s, took_s
