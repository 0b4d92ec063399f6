"""When the session is dialled, where a web service may name a model of the call's own."""

import json
from typing import Any

import trio
from trio.testing import MockClock

from tests.peers.core import calling
from tests.peers.model import ScriptedSession, scripted_model

from .desk import takes
from .kit import Answer, goes_on, log, web
from .service import serving
from .test_two_numbers import session_with

SLOW_S = 2.0


def telling(after_s: float, **answer: Any) -> Answer:
    """A service that takes its time."""
    body = json.dumps({"system": "Be kind.", **answer}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n".encode()

    async def tell(stream: trio.SocketStream) -> None:
        await trio.sleep(after_s)
        await stream.send_all(head + b"Connection: close\r\n\r\n" + body)

    return tell


async def slow(session: ScriptedSession) -> None:
    """An endpoint that takes its time."""
    await trio.sleep(SLOW_S)
    await session.set_up()


async def test_an_ordinary_call_waits_for_the_slower_of_the_two(
    swift_clock: MockClock,
) -> None:
    async with (
        web(telling(SLOW_S, voice="sage")) as server,
        scripted_model(slow) as model,
        serving(model.base_url, OPENAI_URL_INSTRUCTIONS=server.url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        with takes(SLOW_S, SLOW_S + 0.5):
            session = await model.next_session()
            await session.expect("response.create")
        await goes_on(core, session)
        assert model.knocks == 1


async def test_a_call_with_its_own_model_waits_for_no_other(
    swift_clock: MockClock,
) -> None:
    async def script(session: ScriptedSession) -> None:
        if session.path.endswith("=house"):
            await session.set_up()
        else:
            # It never becomes a session.
            await session.closed.wait()

    async with (
        web(telling(SLOW_S, model="house")) as server,
        scripted_model(script) as model,
        serving(model.base_url, OPENAI_URL_INSTRUCTIONS=server.url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        with takes(SLOW_S, SLOW_S + 0.5):
            session = await session_with(model, "house")
            await session.expect("response.create")
        await goes_on(core, session)
        left, _ = model.sessions
        with trio.fail_after(2):
            await left.closed.wait()


async def test_one_that_init_names_is_dialled_alone() -> None:
    with log() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url) as service,
            calling(service.url) as core,
        ):
            config = {"model": "house"}
            await core.send({"type": "init", "uuid": "a", "provider_config": config})
            session = await model.next_session()
            assert session.path.endswith("?model=house")
            await session.expect("response.create")
            await goes_on(core, session)
            await core.hang_up()
            assert model.knocks == 1
    (ended,) = [line for line in lines if line["event"] == "call ended"]
    assert ended["outcome"] == "caller hung up"


async def test_a_container_s_model_that_is_refused_costs_no_call_with_its_own() -> None:
    async def script(session: ScriptedSession) -> None:
        if session.path.endswith("=house"):
            await session.set_up()
        else:
            await session.error("model_not_found", "There is none.")
            await session.close(1000)

    async with (
        web(telling(0.2, model="house")) as server,
        scripted_model(script) as model,
        serving(model.base_url, OPENAI_URL_INSTRUCTIONS=server.url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        session = await session_with(model, "house")
        await session.expect("response.create")
        await goes_on(core, session)


async def test_a_call_with_its_own_model_comes_back_to_it() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url) as service,
        calling(service.url) as core,
    ):
        config = {"model": "house"}
        await core.send({"type": "init", "uuid": "a", "provider_config": config})
        first = await model.next_session()
        await first.expect("response.create")
        await goes_on(core, first)
        await first.abort()
        second = await model.next_session()
        assert second.path.endswith("?model=house")
        assert model.knocks == 2
