"""Calls through the container, and its end."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from tests.peers.core import calling, silence
from tests.peers.model import scripted_model

from .conftest import Images
from .containers import Container, podman, started
from .test_image import KEY

_MIB = 1024 * 1024
_MEMORY = 96
_CALLS, _CHECKS, _CHECK_EVERY_S = 20, 4, 2.0
TOOL = """
module.exports = {
  name: 'which_versions', description: 'Tells what is there.',
  input_schema: { type: 'object', properties: {} },
  handler: async () => JSON.stringify([
    process.versions.node.split('.')[0], typeof require('axios').get,
    typeof require('dotenv').config,
  ]),
};
"""


async def healthy(service: Container) -> subprocess.CompletedProcess[str]:
    return await service.execute("trio-sts", "healthcheck")


async def talk(url: str, uuid: str) -> None:
    async with calling(url) as core:
        await core.init(uuid)
        await core.speak(silence(8000))
        assert core.close_code is None


async def test_twenty_calls_and_health_checks_fit_into_96_mb(images: Images) -> None:
    async with (
        scripted_model() as model,
        started(
            images.default,
            options=[f"--memory={_MEMORY}m", f"--memory-swap={_MEMORY}m"],
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            # The model listens, and says nothing.
            STS_DEAD_AIR_S="60",
        ) as service,
    ):
        await service.ready()
        async with trio.open_nursery() as nursery:
            for number in range(_CALLS):
                nursery.start_soon(talk, service.url, f"call-{number}")
            for _ in range(_CHECKS):
                checked = await healthy(service)
                assert checked.returncode == 0, (checked, await service.state())
                await trio.sleep(_CHECK_EVERY_S)
        assert len(model.sessions) == _CALLS
        assert all(session.audio for session in model.sessions)
        peak = await service.peak_bytes()
        if peak is None:
            pytest.skip("LEFT OUT: no control group counts memory here: no limit holds")
        print(f"peak of the container: {peak / _MIB:.1f} MB of {_MEMORY}")  # noqa: T201
        assert peak <= _MEMORY * _MIB
        assert not (await service.state())["OOMKilled"]


async def test_a_tool_in_javascript_is_called(images: Images, mounted: Path) -> None:
    (mounted / "versions.js").write_text(TOOL)
    async with (
        scripted_model() as model,
        started(
            images.default,
            options=[f"--volume={mounted}:/usr/src/app/tools:ro"],
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
        ) as service,
    ):
        await service.ready()
        async with calling(service.url) as core:
            await core.init("call-1")
            session = await model.next_session()
            await session.expect("response.create")
            async with session.response() as response:
                await response.call("which_versions", "{}")
            output = await session.expect("conversation.item.create")
    assert output["item"]["output"] == '["24","function","function"]'


@pytest.mark.parametrize("init", [False, True])
async def test_a_stop_ends_a_call_with_1001_and_the_process_with_0(
    images: Images, init: bool
) -> None:
    async with (
        scripted_model() as model,
        started(
            images.slim,
            options=_init(init),
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            STS_DRAIN_S="2",
        ) as service,
    ):
        await service.ready()
        async with calling(service.url) as core:
            await core.init("call-1")
            session = await model.next_session()
            await session.expect("response.create")
            await podman("stop", "--time=10", service.name)
            assert await core.wait_closed() == 1001
        assert await service.exit_code(5) == 0


@pytest.mark.parametrize("init", [False, True])
@pytest.mark.parametrize("after_s", [0.2, 0.5])
async def test_a_signal_right_after_the_start_ends_it(
    images: Images, init: bool, after_s: float
) -> None:
    async with started(images.slim, options=_init(init), OPENAI_API_KEY=KEY) as service:
        await trio.sleep(after_s)
        await service.signal("TERM")
        assert await service.exit_code(5) in {0, 143}


async def test_the_built_in_model_answers_a_caller(images: Images) -> None:
    async with started(images.demo, "serve", "--embedded") as service:
        await service.ready()
        call = ("call", service.url, "--say", "What time is it?", "--seconds", "40")
        done = await service.execute("trio-sts", *call)
        assert done.returncode == 0, done
        await service.signal("TERM")
        assert await service.exit_code(12) == 0


def _init(wanted: bool) -> Sequence[str]:
    """Let podman's own process be the first one, or ours."""
    return ["--init"] if wanted else []
