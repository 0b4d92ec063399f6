"""One port for AVR Core's WebSocket and for plain HTTP."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock
from websockets.exceptions import InvalidStatus

from tests.legs.fastpath_kit import frame
from tests.peers.core import FakeCore, calling, silence
from tests.peers.model import ScriptedSession, scripted_model
from tests.peers.voice import voice
from trio_sts import __version__

from .kit import goes_on, log, talking
from .service import Service, serving

TOKEN = "let-me-in&more"
ALIVE = f"ok\nversion: {__version__}\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: sts\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
INIT = frame(0x81, b'{"type": "init", "uuid": "first"}', masked=True)


async def ask(service: Service, target: str, method: str = "GET") -> tuple[int, str]:
    """The status and body of the answer to a plain HTTP request."""
    stream = await trio.open_tcp_stream("127.0.0.1", service.port)
    async with stream:
        head = f"{method} {target} HTTP/1.1\r\nHost: sts\r\nContent-Length: 0\r\n\r\n"
        await stream.send_all(head.encode())
        answer = b""
        with trio.fail_after(5):
            async for part in stream:
                answer += part
    head, _, body = answer.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


@asynccontextmanager
async def listening(**environ: str) -> AsyncGenerator[Service]:
    """A service of which no model is needed."""
    async with serving("http://127.0.0.1:9/v1", **environ) as service:
        yield service


async def refused(url: str, **headers: str) -> int:
    """The HTTP status of a refused handshake."""
    with pytest.raises(InvalidStatus) as refusal:
        async with calling(url, headers=list(headers.items())):
            pass
    return refusal.value.response.status_code


async def begun(service: Service, core: FakeCore, calls: int = 1) -> None:
    """Send ``init``, and wait until the call has its place."""
    await core.init()
    with trio.fail_after(5):
        await trio.lowlevel.checkpoint()
        while service.server.calls < calls:  # noqa: ASYNC110  the service's own count
            await trio.sleep(0.01)


async def answer_once(session: ScriptedSession) -> None:
    """Greet, so that no turn is owed."""
    async with session.response() as response:
        await response.say(bytes(100 * 48))


async def test_health_and_readiness_of_an_idle_service() -> None:
    async with listening() as service:
        assert await ask(service, "/healthz") == (200, ALIVE)
        assert await ask(service, "/readyz") == (200, "ready\n")
        assert await ask(service, "/healthz?from=probe", "HEAD") == (200, "")


@pytest.mark.parametrize(("ready_when_full", "status"), [("on", 200), ("off", 503)])
async def test_a_full_service_is_alive_and_says_that_it_is_full(
    ready_when_full: str, status: int
) -> None:
    async with listening(
        STS_MAX_CALLS="1", STS_READY_WHEN_FULL=ready_when_full
    ) as service:
        async with calling(service.url) as core:
            await begun(service, core)
            assert await ask(service, "/healthz") == (200, ALIVE)
            assert await ask(service, "/readyz") == (status, "full\n")
            assert await refused(service.url) == 503
        assert await ask(service, "/readyz") == (200, "ready\n")


async def test_a_draining_service_is_alive_but_not_ready() -> None:
    async with listening(STS_DRAIN_S="30") as service, calling(service.url) as core:
        # Without one it is no call yet, and told to go.
        await core.init()
        await trio.testing.wait_all_tasks_blocked(0.05)
        service.signal()
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(service, "/healthz") == (200, ALIVE)
        assert await ask(service, "/readyz") == (503, "draining\n")
        assert await refused(service.url) == 503
        await core.hang_up()
        with trio.fail_after(3):
            await service.stopped.wait()


async def test_health_needs_no_token() -> None:
    async with listening(STS_TOKEN=TOKEN) as service:
        assert (await ask(service, "/healthz"))[0] == 200
        assert (await ask(service, "/readyz"))[0] == 200


async def test_the_legacy_transport_is_told_of_the_websocket() -> None:
    async with listening() as service:
        status, body = await ask(service, "/speech-to-speech-stream", "POST")
        assert status == 426
        assert "ws://" in body
        assert "STS_URL" in body


@pytest.mark.parametrize(
    ("target", "method"),
    [
        ("/", "GET"),
        ("/speech-to-speech-stream", "GET"),
        ("/healthz", "POST"),
        ("/healthz/", "GET"),
        ("/metrics/../healthz", "GET"),
        ("*", "OPTIONS"),
        ("/%00", "DELETE"),
    ],
)
async def test_anything_else_is_not_found(target: str, method: str) -> None:
    async with listening() as service:
        assert (await ask(service, target, method))[0] == 404


@pytest.mark.parametrize("query", ["", "?token=wrong", "?token=", "?Token=let-me-in"])
async def test_without_the_token_the_handshake_gets_401(query: str) -> None:
    with log() as lines:
        async with listening(STS_TOKEN=TOKEN) as service:
            assert await refused(f"{service.url}/{query}") == 401
            wrong = {"Authorization": "Bearer wrong"}
            assert await refused(f"{service.url}/{query}", **wrong) == 401
            assert service.server.calls == 0
    assert "wrong" not in str(lines)
    assert TOKEN not in str(lines)


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("?token=let-me-in%26more", []),
        ("?from=2000&token=wrong&token=let-me-in%26more", []),
        ("", [("Authorization", f"Bearer {TOKEN}")]),
        ("?token=wrong", [("authorization", f"bearer  {TOKEN}")]),
    ],
)
async def test_the_token_lets_in(query: str, headers: list[tuple[str, str]]) -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_TOKEN=TOKEN) as service,
        calling(f"{service.url}/{query}", headers=headers) as core,
    ):
        await core.init()
        session = await model.next_session()
        await goes_on(core, session)


async def test_a_place_is_given_back_before_the_closing_handshake() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_MAX_CALLS="1") as service,
        await trio.open_tcp_stream("127.0.0.1", service.port) as first,
    ):
        await first.send_all(UPGRADE)
        assert b" 101 " in await first.receive_some()
        await first.send_all(INIT)
        await model.next_session()
        assert service.server.calls == 1
        # An empty binary message, masked with zeros.
        await first.send_all(b"\x82\x80\x00\x00\x00\x00")
        # The close frame comes, with 1003, and is not answered: that is waited for.
        received = b""
        with trio.fail_after(2):
            async for part in first:
                received += part
                if b"\x03\xeb" in received:
                    break
        assert service.server.calls == 0
        async with calling(service.url) as second:
            await second.init("second")
            await goes_on(second, await model.next_session())


async def test_who_sends_no_init_keeps_no_caller_out() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_MAX_CALLS="1") as service,
        calling(service.url),
        calling(service.url),
        calling(service.url) as core,
    ):
        assert await ask(service, "/readyz") == (200, "ready\n")
        await begun(service, core)
        await goes_on(core, await model.next_session())


async def test_init_without_a_place_left_is_told_and_closed_with_1013() -> None:
    with log() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, STS_MAX_CALLS="1") as service,
            calling(service.url) as late,
            calling(service.url) as core,
        ):
            await begun(service, core)
            session = await model.next_session()
            await late.init("late")
            assert await late.wait_closed() == 1013
            assert late.of("error")[0].message["message"] == (
                "No more calls: this service is full."
            )
            await goes_on(core, session)
            assert model.knocks == 1
            assert (await ask(service, "/metrics"))[1].count('{why="full"} 1.0') == 1
    (refusal,) = [line for line in lines if line["event"] == "refused a caller"]
    assert refusal["why"] == "full"
    assert refusal["peer"].startswith("127.0.0.1:")


async def test_callers_who_come_together_are_refused_in_their_handshakes() -> None:
    statuses: list[int] = []
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_MAX_CALLS="2") as service,
        trio.open_nursery() as nursery,
    ):
        over = trio.Event()

        async def come() -> None:
            try:
                async with calling(service.url) as core:
                    await core.init()
                    statuses.append(101)
                    await over.wait()
            except InvalidStatus as refusal:
                statuses.append(refusal.response.status_code)

        for _ in range(6):
            nursery.start_soon(come)
        with trio.fail_after(10):
            await trio.lowlevel.checkpoint()
            while len(statuses) < 6:  # noqa: ASYNC110  six tasks
                await trio.sleep(0.01)
        assert sorted(statuses) == [101, 101, 503, 503, 503, 503]
        over.set()


async def test_thousands_without_init_cost_a_line_a_second() -> None:
    with log() as lines:
        async with listening() as service:
            for _ in range(100):
                async with await trio.open_tcp_stream(
                    "127.0.0.1", service.port
                ) as stream:
                    await stream.send_all(UPGRADE)
                    await stream.receive_some()
            with trio.fail_after(5):
                await trio.lowlevel.checkpoint()
                while counted(lines) < 100:  # noqa: ASYNC110  the service's log
                    await trio.sleep(0.05)
    assert len([line for line in lines if line["log_level"] != "debug"]) < 10


def counted(lines: Sequence[Mapping[str, Any]]) -> int:
    return sum(
        line["connections"]
        for line in lines
        if line["event"] == "connections without init"
    )


async def test_a_refused_call_leaves_the_others_alone() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_MAX_CALLS="2") as service,
        calling(service.url) as one,
        calling(service.url) as two,
    ):
        await begun(service, one)
        session = await model.next_session()
        await begun(service, two, 2)
        await model.next_session()
        for _ in range(5):
            assert await refused(service.url) == 503
        await goes_on(one, session)
        assert model.knocks == 2


async def test_the_longest_call_ends_with_1000_and_a_reason(
    hurried_clock: MockClock,
) -> None:
    async with talking(STS_MAX_CALL_S="5", STS_IDLE_S="3") as talk:
        begun_at = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.core.speak, voice(20_000))
            await answer_once(talk.session)
            assert await talk.core.wait_closed(10) == 1000
            nursery.cancel_scope.cancel()
        assert trio.current_time() - begun_at == pytest.approx(5, abs=0.5)
        assert talk.core.close_reason == "longest call reached"
        with trio.fail_after(2):
            await talk.session.closed.wait()
        assert talk.session.close_code == 1000


async def test_a_call_without_caller_audio_ends_with_1000_and_a_reason(
    hurried_clock: MockClock,
) -> None:
    async with talking(STS_IDLE_S="4") as talk:
        await answer_once(talk.session)
        await talk.core.say(silence(100))
        said_at = trio.current_time()
        assert await talk.core.wait_closed(10) == 1000
        assert trio.current_time() - said_at == pytest.approx(4, abs=0.5)
        assert talk.core.close_reason == "no caller audio"


async def test_nobody_is_idle_while_the_agent_speaks(hurried_clock: MockClock) -> None:
    async with talking(STS_IDLE_S="4") as talk:
        async with talk.session.response() as response:
            await response.say(bytes(8000 * 48))
        await talk.core.wait_audio(8000, within_s=12)
        spoken_at = trio.current_time()
        assert await talk.core.wait_closed(10) == 1000
        assert trio.current_time() - spoken_at > 3.5
