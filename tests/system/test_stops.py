"""A stop ends within the drain and a second, whatever the peers do; real processes."""

import json
import resource
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psutil
import pytest
import trio
from trio.testing import MockClock

from tests.legs.fastpath_kit import REQUEST, frame
from tests.peers.core import calling
from tests.peers.model import scripted_model

from .service import serving
from .test_process import KEY, Running, exit_code, running

INIT = frame(0x81, json.dumps({"type": "init", "uuid": "deaf"}).encode(), masked=True)


@asynccontextmanager
async def deaf(port: int, sent: bytes) -> AsyncGenerator[trio.SocketStream]:
    """A peer that sends this and then neither reads nor answers."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(sent)
        yield stream


async def logged(service: Running, event: str) -> None:
    with trio.fail_after(10):
        await trio.lowlevel.checkpoint()
        # Another process's log.
        while event not in [line["event"] for line in service.log]:  # noqa: ASYNC110
            await trio.sleep(0.02)


@pytest.mark.parametrize("drain_s", [0, 2])
async def test_a_stop_with_peers_that_answer_nothing_ends_in_time(
    tmp_path: Path, drain_s: int
) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            STS_DRAIN_S=str(drain_s),
        ) as service,
        AsyncExitStack() as peers,
    ):
        for sent in (REQUEST + INIT, REQUEST, REQUEST[:20], b"") * 3:
            await peers.enter_async_context(deaf(service.port, sent))
        for _ in range(3):
            await model.next_session()
        service.process.send_signal(signal.SIGTERM)

        # Half a second for a machine that is busy.
        assert await exit_code(service, drain_s + 1.5) == 0
    waited = [
        line["outcomes"]
        for line in service.log
        if line["event"] == "connections without init"
    ]
    assert sum(each["service stopping"] for each in waited) == 3
    ended = [line for line in service.log if line["event"] == "call ended"]
    assert [line["outcome"] for line in ended] == ["service stopping"] * 3


async def test_who_is_no_call_yet_does_not_hold_up_a_stop(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model.base_url
        ) as service,
        calling(service.url) as core,
        deaf(service.port, REQUEST[:20]),
    ):
        await core.press("1")
        service.process.send_signal(signal.SIGTERM)

        # It is told, and the 8 s of the drain are not waited for.
        assert await core.wait_closed() == 1001
        assert await exit_code(service, 4) == 0


async def test_more_connections_than_descriptors_harm_no_call(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model.base_url
        ) as service,
        calling(service.url) as core,
        AsyncExitStack() as peers,
    ):
        await core.init()
        session = await model.next_session()
        await session.expect("response.create")
        most = psutil.Process(service.process.pid).num_fds() + 8
        # Too late for the limit of those who wait, as if calls had taken the rest.
        resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE, (most, most))
        answers: list[bytes] = []
        for _ in range(20):
            peer = await peers.enter_async_context(deaf(service.port, REQUEST))
            with trio.fail_after(5):
                answers.append((await peer.receive_some())[:13])
        # The last few are kept for the call, which may need another leg.
        assert set(answers) == {b"HTTP/1.1 101 ", b"HTTP/1.1 503 "}
        await logged(service, "no more connections for now")
        async with session.response() as response:
            await response.say(bytes(48_000))
        await core.wait_audio(900)
        # One who has waited gives way to whoever comes next.
        with trio.fail_after(5):
            while True:
                async with deaf(service.port, REQUEST) as peer:
                    if (await peer.receive_some()).startswith(b"HTTP/1.1 101 "):
                        break
                await trio.sleep(0.1)
        await logged(service, "a waiting connection gave way")
    warnings = [line["event"] for line in service.log if line["level"] == "warning"]
    # Once a second.
    assert 1 <= warnings.count("no more connections for now") <= 5


async def test_the_oldest_who_waits_gives_way(hurried_clock: MockClock) -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_MAX_CALLS="2") as service,
        calling(service.url) as call,
    ):
        await call.init()
        await model.next_session()
        async with (
            deaf(service.port, b"GET / HT") as oldest,
            calling(service.url) as second,
            deaf(service.port, b"GET / HT") as third,
        ):
            await trio.sleep(1.0)
            # STS_MAX_CALLS x 2 may wait, the call does not, and a fifth one comes.
            async with (
                deaf(service.port, b"GET / HT") as fourth,
                deaf(service.port, b"GET / HT"),
            ):
                with trio.fail_after(5):
                    assert await oldest.receive_some() == b""
                    async with deaf(service.port, b"GET / HT"):
                        assert await second.wait_closed() == 1008
                for waiting in (third, fourth):
                    with trio.move_on_after(0.05) as patience:
                        await waiting.receive_some()
                    assert patience.cancelled_caught
                assert second.of("error")
        assert call.close_code is None
