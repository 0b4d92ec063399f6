"""Anything at all on either leg: the call goes on or ends properly, and nothing is left."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil
import trio
from hypothesis import HealthCheck, given, settings
from trio.testing import MockClock
from websockets.exceptions import ConnectionClosed

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model

from .anything import (
    Step,
    Text,
    Wait,
    Wire,
    endings,
    from_core_steps,
    from_model_steps,
)
from .kit import log
from .service import serving

# Of the service's own; and RFC 6455's, for bytes that are no WebSocket traffic.
CODES = {1000, 1001, 1003, 1008, 1009, 1011}
BROKEN = {1002, 1007}

few = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@asynccontextmanager
async def on_the_phone(
    model: ScriptedModel, **environ: str
) -> AsyncGenerator[FakeCore]:
    """Place a call; afterwards it is over, with a good code, and nothing is left."""
    async with serving(model.base_url, AMI_URL="http://127.0.0.1:9", **environ) as host:
        await trio.testing.wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        async with calling(host.url) as core:
            yield core
        for _ in range(100):
            if trio.lowlevel.current_statistics().tasks_living <= tasks:
                break
            await trio.sleep(0.1)
        assert trio.lowlevel.current_statistics().tasks_living <= tasks
        assert host.server.calls == 0
        assert all(session.closed.is_set() for session in model.sessions)


async def take(core: FakeCore, step: Step) -> None:
    match step:
        case Text(content):
            await core.send(content)
        case Wire(raw):
            await core.ws.stream.send_all(raw)
        case Wait(seconds):
            await trio.sleep(seconds)


def run(scenario: Any, *args: Any) -> None:
    """Run it on a clock that jumps, and see that no file is left open."""
    files = psutil.Process().num_fds()
    with log() as lines:
        trio.run(scenario, *args, clock=MockClock(autojump_threshold=0.01))
    assert psutil.Process().num_fds() == files
    codes = [line["close_code"] for line in lines if line["event"] == "call ended"]
    # Who has sent no `init` is counted with others like it.
    without_init = sum(
        line["connections"]
        for line in lines
        if line["event"] == "connections without init"
    )
    assert len(codes) + without_init == 1
    assert {*codes} <= CODES | BROKEN


async def greet(session: ScriptedSession) -> None:
    await session.set_up()
    while True:
        await session.expect("response.create", within_s=1000)
        async with session.response() as answer:
            await answer.say(bytes(4800), "Hello.")


async def call(steps: list[Step], ending: Step | None) -> None:
    async with scripted_model(greet) as model, on_the_phone(model) as core:
        # Whoever is closed in mid-sentence need not finish it.
        with suppress(
            ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError
        ):
            for step in steps:
                await take(core, step)
            if ending is not None:
                await take(core, ending)
        await over_or_still_there(core)
        broken = {*BROKEN, 1006} if isinstance(ending, Wire) else set[int]()
        assert core.close_code in {None, *CODES, *broken}


@few
@given(from_core_steps, endings)
def test_whatever_the_caller_sends(steps: list[Step], ending: Step | None) -> None:
    run(call, steps, ending)


async def speak(session: ScriptedSession, steps: list[Step]) -> None:
    for step in steps:
        match step:
            case Text(content):
                await session.send_raw(content)
            case Wait(seconds):
                await trio.sleep(seconds)
            case Wire():
                pass


async def answer(early: list[Step], late: list[Step]) -> None:
    async def script(session: ScriptedSession) -> None:
        await speak(session, early[: len(early) // 2])
        await session.create()
        await speak(session, early[len(early) // 2 :])
        await session.expect("session.update")
        await session.update()
        await speak(session, late)

    async with scripted_model(script) as model, on_the_phone(model) as core:
        with suppress(ConnectionClosed):
            await core.init()
            for _ in range(4):
                await core.say(bytes(3200))
                await trio.sleep(2)
        await over_or_still_there(core)
        assert core.close_code in {None, *CODES}


@few
@given(from_model_steps, from_model_steps)
def test_whatever_the_model_sends(early: list[Step], late: list[Step]) -> None:
    run(answer, early, late)


async def over_or_still_there(core: FakeCore) -> None:
    """The call has ended, or it still answers what it cannot understand."""
    before = len(core.of("error"))
    with suppress(ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
        await core.send("neither JSON nor a close")
    # It fails at once if the call is closed.
    with suppress(AssertionError):
        await core.wait_for(lambda _: len(core.of("error")) > before, within_s=15)
    assert core.close_code is not None or len(core.of("error")) > before
