import itertools
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme
from attrs import evolve
from typing_extensions import override

from tests.paths import an_endpoint
from tests.peers.model import ScriptedSession, scripted_model
from trio_sts.errors import ModelError, ModelRefused, ModelUnreachable
from trio_sts.legs.endpoint import Endpoint, endpoint_of
from trio_sts.legs.model import open_model
from trio_sts.settings import Settings
from trio_sts.wire.realtime.session import Dialect

KEY = ("Authorization", "Bearer sk-secret")


async def fails(endpoint: Endpoint) -> ModelError:
    """How dialling ends; it must not succeed."""
    with pytest.raises(ModelError) as caught:
        async with open_model(endpoint):
            pytest.fail("the endpoint was reached")
    return caught.value


@asynccontextmanager
async def listening(
    answer: Callable[[trio.SocketStream], Awaitable[None]],
) -> AsyncGenerator[str, None]:
    """A TCP server on the loopback; gives the URL of its WebSocket, if it had one."""

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            await answer(stream)

    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, handle, listeners)
        try:
            yield f"ws://127.0.0.1:{port}/v1/realtime?model=m"
        finally:
            nursery.cancel_scope.cancel()


async def test_the_handshake_carries_the_key_the_path_and_the_model() -> None:
    async with scripted_model() as model:
        async with open_model(an_endpoint(model.url, headers=(KEY,))) as leg:
            session = await model.next_connection()

            assert leg.created.model == "gpt-realtime-2.1"
            assert leg.created.input_format is None
            assert session.path == "/v1/realtime?model=gpt-realtime-2.1"
            assert session.headers["authorization"] == "Bearer sk-secret"
            assert session.headers["host"] in model.url
            assert "openai-beta" not in session.headers


async def test_a_beta_endpoint_is_told_so() -> None:
    settings = Settings(api_key="sk-secret", realtime_api=Dialect.BETA)
    async with scripted_model(dialect="beta") as model:
        endpoint = endpoint_of(evolve(settings, base_url=model.base_url))
        async with open_model(endpoint):
            session = await model.next_connection()

            assert session.headers["openai-beta"] == "realtime=v1"
            assert session.headers["authorization"] == "Bearer sk-secret"


def test_azure_gets_its_own_header_and_the_built_in_model_none() -> None:
    azure = Settings(
        api_key="sk-secret", base_url="https://x.openai.azure.com/openai/v1"
    )

    endpoint = endpoint_of(azure)
    beta = evolve(azure, realtime_api=Dialect.BETA)
    built_in = endpoint_of(beta, url="ws://127.0.0.1:1/v1/realtime")

    assert endpoint.headers == (("api-key", "sk-secret"),)
    assert endpoint.authority == endpoint.host == "x.openai.azure.com"
    assert endpoint.port == 443
    assert built_in.headers == ()
    assert built_in.dialect is Dialect.GA
    assert built_in.authority == "127.0.0.1:1"


def test_an_endpoint_keeps_its_secrets_to_itself() -> None:
    endpoint = an_endpoint("wss://[::1]/rt?model=m&key=sk-query", headers=(KEY,))

    assert "sk-" not in repr(endpoint)
    assert endpoint.host == "::1"
    assert endpoint.authority == "[::1]"
    assert endpoint.resource == "/rt?model=m&key=sk-query"
    assert endpoint.identity == ("[::1]/rt", "m")
    assert an_endpoint("ws://h").resource == "/"


def test_the_certificates_are_read_once() -> None:
    endpoint = an_endpoint("wss://example.com/v1/realtime")

    assert isinstance(endpoint.tls, ssl.SSLContext)
    assert evolve(endpoint, connect_budget_s=8).tls is endpoint.tls
    assert an_endpoint("ws://example.com/v1/realtime").tls is None


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A CA of our own, which SSL_CERT_FILE names."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return ca


def server_tls(ca: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(name).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]  # trustme names a class that may be missing
    return context


async def test_a_wss_endpoint_is_trusted_by_the_file_that_is_named(
    ca: trustme.CA,
) -> None:
    async with scripted_model(tls=server_tls(ca, "127.0.0.1")) as model:
        async with open_model(an_endpoint(model.url)) as leg:
            session = await model.next_connection()
            await leg.aclose(1001)

        await session.closed.wait()
        assert session.close_code == 1001


@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_a_certificate_of_somebody_else_is_not_trusted(
    ca: trustme.CA, wrong: str, autojump_clock: trio.testing.MockClock
) -> None:
    tls = (
        server_tls(ca, "else.example")
        if wrong == "name"
        else server_tls(trustme.CA(), "127.0.0.1")
    )
    async with scripted_model(tls=tls) as model:
        failure = await fails(an_endpoint(model.url, connect_budget_s=1))

        assert (
            failure.reason_for_caller
            == "the certificate of the model's endpoint is not trusted"
        )
        assert model.sessions == []


async def test_a_peer_that_does_not_speak_tls(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def speak_plainly(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(speak_plainly) as url:
        secure = url.replace("ws:", "wss:")
        failure = await fails(an_endpoint(secure, connect_budget_s=1))

        assert failure.reason_for_caller == "TLS with the model's endpoint failed"


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_some_answers_are_final(status: int) -> None:
    async with scripted_model(refuse=[status] * 9) as model:
        failure = await fails(an_endpoint(model.url, headers=(KEY,)))

        assert isinstance(failure, ModelRefused)
        assert failure.code == f"http_{status}"
        assert model.knocks == 1


async def test_the_body_of_an_answer_can_make_it_final() -> None:
    body = b'{"error": {"code": "model_not_found", "message": "No sk-secret!"}}'
    async with scripted_model(refuse=[400], refusal=body) as model:
        failure = await fails(an_endpoint(model.url))

        assert isinstance(failure, ModelRefused)
        assert failure.code == "model_not_found"
        assert "sk-secret" not in str(failure)


@pytest.mark.parametrize("body", [b"", b"busy", b"[1]", b'{"error": [1]}', b"\xff"])
async def test_a_busy_endpoint_is_asked_again(
    body: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    async with scripted_model(refuse=[503, 429, 500], refusal=body) as model:
        start = trio.current_time()
        async with open_model(an_endpoint(model.url)):
            waited_s = trio.current_time() - start

        assert model.knocks == 4
        # 0.25, 0.5 and 1 s, each of them times 0.5 to 1.
        assert 0.875 <= waited_s <= 1.75


async def test_the_budget_bounds_all_attempts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted_model(refuse=itertools.repeat(503)) as model:
        start = trio.current_time()
        failure = await fails(an_endpoint(model.url, connect_budget_s=20))

        assert isinstance(failure, ModelUnreachable)
        assert failure.code == "http_503"
        assert 15 < trio.current_time() - start <= 20
        assert model.knocks > 5


async def test_a_silent_endpoint_gets_its_time_and_no_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    knocks: list[float] = []

    async def say_nothing(stream: trio.SocketStream) -> None:
        knocks.append(trio.current_time())
        async for _ in stream:
            pass

    async with listening(say_nothing) as url:
        start = trio.current_time()
        failure = await fails(
            an_endpoint(url, connect_timeout_s=4, connect_budget_s=10)
        )

        assert (
            failure.reason_for_caller == "the model's endpoint did not answer in time"
        )
        assert trio.current_time() - start <= 10
        assert len(knocks) == 3


@pytest.mark.parametrize(
    "part",
    [b"", b"HTTP/1.1 101 Switching", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
)
async def test_an_endpoint_that_hangs_up_in_the_handshake_is_asked_again_at_once(
    part: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    knocks: list[float] = []

    async def hang_up(stream: trio.SocketStream) -> None:
        knocks.append(trio.current_time())
        await stream.receive_some()
        await stream.send_all(part)

    async with listening(hang_up) as url:
        failure = await fails(an_endpoint(url, connect_budget_s=2))

        assert isinstance(failure, ModelUnreachable)
        assert len(knocks) >= 3
        assert knocks[1] - knocks[0] <= 0.25


async def test_a_reset_is_no_answer(autojump_clock: trio.testing.MockClock) -> None:
    async def reset(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        no_linger = b"\x01\0\0\0\0\0\0\0"
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)

    async with listening(reset) as url:
        failure = await fails(an_endpoint(url, connect_budget_s=1))

        assert isinstance(failure, ModelUnreachable)


async def test_nobody_listens(autojump_clock: trio.testing.MockClock) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()

    failure = await fails(an_endpoint(f"ws://127.0.0.1:{port}/rt", connect_budget_s=1))

    assert failure.reason_for_caller == "no connection to the model's endpoint"


class NoNames(trio.abc.HostnameResolver):
    """A resolver that knows nobody."""

    @override
    async def getaddrinfo(self, *args: object, **kwargs: object) -> list[object]:  # type: ignore[override]  # the signature does not matter
        await trio.lowlevel.checkpoint()
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    @override
    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        raise NotImplementedError


async def test_an_unknown_name(autojump_clock: trio.testing.MockClock) -> None:
    trio.socket.set_custom_hostname_resolver(NoNames())

    failure = await fails(an_endpoint("ws://nowhere.example/rt", connect_budget_s=1))

    assert (
        failure.reason_for_caller
        == "the name of the model's endpoint cannot be resolved"
    )


@pytest.mark.parametrize(
    "code", ["insufficient_quota", "invalid_api_key", "beta_api_shape_disabled"]
)
async def test_an_error_instead_of_a_session_can_be_final(code: str) -> None:
    async def refuse(session: ScriptedSession) -> None:
        await session.error(code, "You said sk-secret.")
        await session.close(4000)

    async with scripted_model(refuse) as model:
        failure = await fails(an_endpoint(model.url, headers=(KEY,)))

        assert isinstance(failure, ModelRefused)
        assert failure.code == code
        assert "sk-secret" not in str(failure)
        assert model.knocks == 1


async def test_an_attempt_that_failed_is_forgotten_with_all_that_it_still_says() -> (
    None
):
    async def refuse(session: ScriptedSession) -> None:
        await session.error("insufficient_quota")
        for _ in range(100):
            await session.send_raw('{"type": "ping"}')

    async with scripted_model(refuse) as model:
        with trio.fail_after(5):
            assert isinstance(await fails(an_endpoint(model.url)), ModelRefused)


async def test_a_close_with_4000_is_final() -> None:
    async def close(session: ScriptedSession) -> None:
        await session.close(4000, "invalid_request_error.sk-secret")

    async with scripted_model(close) as model:
        failure = await fails(an_endpoint(model.url))

        assert isinstance(failure, ModelRefused)
        assert "4000" in failure.reason_for_caller
        assert "sk-secret" not in str(failure)


async def test_what_is_not_final_is_tried_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def recover(session: ScriptedSession) -> None:
        match session.index:
            case 0:
                await session.error("server_error", kind="server_error")
            case 1:
                await session.close(1013)
            case 2:
                await session.abort()
            case _:
                await session.send_raw('{"type": "ping"}')
                await session.send_raw("nonsense")
                await session.create(model="recovered")

    async with scripted_model(recover) as model:
        async with open_model(an_endpoint(model.url)) as leg:
            assert leg.created.model == "recovered"

        assert model.knocks == 4
        assert all(session.closed.is_set() for session in model.sessions[:3])


async def test_a_session_that_is_never_created_is_no_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def keep_talking(session: ScriptedSession) -> None:
        while True:
            await session.send_raw('{"type": "ping"}')
            await trio.sleep(0.5)

    async with scripted_model(keep_talking) as model:
        start = trio.current_time()
        failure = await fails(an_endpoint(model.url, connect_budget_s=15))

        assert (
            failure.reason_for_caller == "the model's endpoint did not answer in time"
        )
        assert trio.current_time() - start <= 15
        # Each took a third of the budget.
        assert model.knocks == 3
