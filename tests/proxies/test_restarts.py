"""Two instances behind a real proxy, restarted one after the other while calls come and go."""

import signal
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
from websockets.exceptions import InvalidStatus

from tests.peers.core import calling, silence
from tests.peers.model import ScriptedModel, scripted_model
from tests.system.test_process import KEY, Running, exit_code, running

from .callers import callers, talks_while_it_hears
from .programs import KINDS, Proxy, proxying

pytestmark = pytest.mark.parametrize("name", [*KINDS])

_EVERY_S = 0.25
_DRAIN_S = 30
_SEEN_S = 2.0


def instance(
    proxy: Proxy, at: int, model: ScriptedModel, **more: str
) -> AbstractAsyncContextManager[Running]:
    return running(
        proxy.folder,
        PORT=str(proxy.ports.instances[at]),
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=model.base_url,
        STS_DRAIN_S=str(_DRAIN_S),
        **more,
    )


async def drained(service: Running) -> None:
    service.process.send_signal(signal.SIGTERM)
    assert await exit_code(service, _DRAIN_S) == 0


@asynccontextmanager
async def seen() -> AsyncGenerator[None]:
    """What has just said that it is ready is known to each proxy: Envoy looks every second."""
    await trio.sleep(_SEEN_S)
    yield


def ended(service: Running) -> list[str]:
    return [each["outcome"] for each in service.log if each["event"] == "call ended"]


async def test_a_rolling_restart_cuts_no_call_and_refuses_none(
    name: str, tmp_path: Path
) -> None:
    async with (
        scripted_model(talks_while_it_hears, judged=False) as model,
        proxying(name, tmp_path) as proxy,
        instance(proxy, 0, model) as first,
        instance(proxy, 1, model) as second,
        callers(proxy.urls, proxy.certificate.trusting, _EVERY_S) as told,
    ):
        await trio.sleep(2)
        await drained(first)
        async with instance(proxy, 0, model) as first_again, seen():
            await drained(second)
            async with instance(proxy, 1, model) as second_again:
                await trio.sleep(1)
                at_reload = {*told.running}
                await proxy.reload()
                await trio.sleep(1)
                after_reload = told.running - at_reload
                await told.end()
                assert not told.refused
                assert not told.cut
                assert sum(told.held.values()) == told.came
                assert [*sorted(told.held)] == sorted(proxy.urls), "ws and wss"
                assert at_reload
                assert after_reload
                for each in (first, second, first_again, second_again):
                    assert {*ended(each)} == {"caller hung up"}


async def test_a_full_instance_is_passed_over_and_two_are_told(
    name: str, tmp_path: Path
) -> None:
    async with (
        scripted_model(talks_while_it_hears, judged=False) as model,
        proxying(name, tmp_path) as proxy,
        instance(proxy, 0, model, STS_MAX_CALLS="1"),
        instance(proxy, 1, model, STS_MAX_CALLS="1"),
        seen(),
        calling(proxy.urls[0]) as first,
    ):
        await first.init("call-1")
        await first.speak(silence(200))
        async with calling(proxy.urls[0]) as second:
            await second.init("call-2")
            await second.speak(silence(200))
            with pytest.raises(InvalidStatus) as refused:
                async with calling(proxy.urls[0]):
                    pass
            assert refused.value.response.status_code == 503
            assert first.close_code is None
            assert second.close_code is None
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{proxy.ports.ws}"
        ) as web:
            assert (await web.get("/healthz")).status_code == 200
            assert (await web.get("/metrics")).status_code == 404
