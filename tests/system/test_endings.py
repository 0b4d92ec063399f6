"""However a call ends, both sides get their close code and nothing is left open."""

from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import pytest
import trio
from structlog.testing import capture_logs

from tests.peers.core import FakeCore, calling, silence
from tests.peers.model import ScriptedSession, scripted_model
from trio_sts.legs.model import ModelLeg
from trio_sts.legs.setup import set_up
from trio_sts.wire.realtime.session import SessionConfig

from .service import Service, serving

Ending = Callable[[FakeCore, ScriptedSession, Service], Awaitable[None]]


async def caller_hangs_up(core: FakeCore, _: ScriptedSession, __: Service) -> None:
    await core.hang_up()


async def caller_vanishes(core: FakeCore, _: ScriptedSession, __: Service) -> None:
    await core.vanish()


async def model_vanishes(_: FakeCore, session: ScriptedSession, __: Service) -> None:
    await session.abort()


async def model_closes(_: FakeCore, session: ScriptedSession, __: Service) -> None:
    await session.close(1001, "the session has expired")


async def service_stops(_: FakeCore, __: ScriptedSession, service: Service) -> None:
    service.signal()
    service.signal()
    await trio.lowlevel.checkpoint()


@pytest.fixture(name="fragile_setup")
def _fragile_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call whose id has ``crash`` in it crashes once its model is connected."""

    async def fragile(leg: ModelLeg, config: SessionConfig, fields: Any) -> Any:
        if "crash" in config.instructions:
            raise RuntimeError("boom")
        return await set_up(leg, config, fields)

    monkeypatch.setattr("trio_sts.dialling.set_up", fragile)


@pytest.mark.parametrize(
    ("ending", "caller_code", "model_code"),
    [
        (caller_hangs_up, None, 1000),
        (caller_vanishes, None, 1000),
        (model_vanishes, 1011, None),
        (model_closes, 1011, None),
        (service_stops, 1001, 1001),
    ],
)
async def test_whoever_ends_a_call_the_other_gets_the_right_code(
    ending: Ending, caller_code: int | None, model_code: int | None
) -> None:
    with capture_logs() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, STS_RECONNECT_BUDGET_S="0") as service,
            calling(service.url) as core,
        ):
            await core.init()
            session = await model.next_session()
            await core.say(silence(100))
            await ending(core, session, service)
            if caller_code is not None:
                assert await core.wait_closed(2) == caller_code
                assert core.of("error"), "an abnormal close says why before it"
            if model_code is not None:
                with trio.fail_after(2):
                    await session.closed.wait()
                assert session.close_code == model_code
    assert [line["event"] for line in lines].count("call ended") == 1


@pytest.mark.usefixtures("fragile_setup")
async def test_one_crashing_call_touches_no_other() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, OPENAI_INSTRUCTIONS="You are {{uuid}}.") as service,
        calling(service.url) as good,
    ):
        await good.init("good")
        session = await model.next_session()
        async with calling(service.url) as bad:
            with capture_logs() as lines:
                await bad.init("crash")
                assert await bad.wait_closed(3) == 1011
            assert "call crashed" in [line["event"] for line in lines]
            assert "boom" not in str(bad.of("error")[0].message)
        await good.say(silence(200))
        await session.heard(190 * 48)
        assert service.server.calls == 1


async def test_a_stop_lets_calls_finish_and_takes_no_new_ones() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_DRAIN_S="30") as service,
        calling(service.url) as core,
    ):
        await core.init()
        await model.next_session()
        service.signal()
        with pytest.raises(Exception, match="503"):
            async with calling(service.url):
                pass
        await core.hang_up()
        with trio.fail_after(3):
            await service.stopped.wait()


async def test_a_stop_that_waited_long_enough_closes_the_rest_with_1001() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_DRAIN_S="1") as service,
        calling(service.url) as core,
    ):
        await core.init()
        await model.next_session()
        service.signal()
        assert await core.wait_closed(4) == 1001
        with trio.fail_after(3):
            await service.stopped.wait()


@pytest.mark.usefixtures("fragile_setup")
async def test_200_calls_ended_in_every_way_leave_nothing_behind() -> None:
    process = psutil.Process()
    endings: list[Ending | None] = [
        caller_hangs_up,
        caller_vanishes,
        model_vanishes,
        model_closes,
        None,
    ]

    async def one_call(service: Service, number: int, ending: Ending | None) -> None:
        async with calling(service.url) as core:
            await core.init("crash" if ending is None else f"call-{number}")
            if ending is None:
                await model.next_connection()
                assert await core.wait_closed() == 1011
                return
            session = await model.next_session()
            # Which of the calls it is does not matter: each is ended by somebody.
            await ending(core, session, service)
            await core.hang_up()

    async with (
        scripted_model() as model,
        serving(
            model.base_url,
            OPENAI_INSTRUCTIONS="You are {{uuid}}.",
            STS_RECONNECT_BUDGET_S="0",
        ) as service,
    ):
        with capture_logs():
            await one_call(service, 0, caller_hangs_up)
            await trio.testing.wait_all_tasks_blocked(0.2)
            files = process.num_fds()
            tasks = trio.lowlevel.current_statistics().tasks_living
            for number in range(200):
                await one_call(service, number, endings[number % len(endings)])
            await trio.testing.wait_all_tasks_blocked(0.5)
        assert process.num_fds() <= files
        assert trio.lowlevel.current_statistics().tasks_living <= tasks
