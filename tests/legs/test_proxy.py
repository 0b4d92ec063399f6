"""The model leg through a proxy, and certificates that are not trusted."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trustme
from attrs import define, evolve, field

from tests.peers.model import scripted_model
from trio_sts.errors import ModelRefused, ModelUnreachable
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.model import open_model
from trio_sts.legs.proxy import open_tcp, proxy_for

TARGET = Endpoint("wss://model.example/v1/realtime?model=m")
OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"


@define
class Proxy:
    """What a proxy was asked; it answers in one way and then passes all bytes on."""

    url: str = ""
    requests: list[bytes] = field(factory=list[bytes])


@asynccontextmanager
async def proxying(answer: bytes, to_port: int | None = None) -> AsyncGenerator[Proxy]:
    proxy = Proxy()

    async def copy(source: trio.SocketStream, sink: trio.SocketStream) -> None:
        async for chunk in source:
            await sink.send_all(chunk)

    async def serve(stream: trio.SocketStream) -> None:
        proxy.requests.append(await stream.receive_some())
        await stream.send_all(answer)
        if to_port is None:
            return
        onward = await trio.open_tcp_stream("127.0.0.1", to_port)
        try:
            async with onward, trio.open_nursery() as nursery:
                nursery.start_soon(copy, stream, onward)
                await copy(onward, stream)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        )
        port = listeners[0].socket.getsockname()[1]
        proxy.url = f"http://ann:p%40ss@127.0.0.1:{port}"
        yield proxy
        nursery.cancel_scope.cancel(reason="the test is over")


@pytest.fixture(name="env")
def _env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("environ", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ({"https_proxy": "p:3128"}, "http://p:3128"),
        ({"ALL_PROXY": "http://p"}, "http://p"),
        ({"HTTP_PROXY": "http://p"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "x,.example"}, None),
        ({"HTTPS_PROXY": "http://p", "no_proxy": "model.example"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "other.example"}, "http://p"),
    ],
)
def test_the_environment_names_the_proxy(
    env: pytest.MonkeyPatch, environ: dict[str, str], proxy: str | None
) -> None:
    for name, value in environ.items():
        env.setenv(name, value)
    assert proxy_for("model.example", 443) == proxy


async def test_a_tunnel_is_asked_for_with_the_login(env: pytest.MonkeyPatch) -> None:
    async with proxying(OPEN) as proxy:
        env.setenv("HTTPS_PROXY", proxy.url)
        stream = await open_tcp(TARGET)
        await stream.aclose()
    (request,) = proxy.requests
    assert request.startswith(b"CONNECT model.example:443 HTTP/1.1\r\n")
    assert b"basic yw5uonbac3m=" in request.lower()


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (b"HTTP/1.1 407 No\r\n\r\n", ModelRefused, "another user name"),
        (b"HTTP/1.1 502 Bad\r\n\r\n", ModelUnreachable, "status 502"),
        (b"SSH-2.0-x\r\n\r\n", ModelUnreachable, "does not speak HTTP"),
        (b"", ModelUnreachable, "does not speak HTTP|closed"),
    ],
)
async def test_a_proxy_that_says_no_is_told(
    env: pytest.MonkeyPatch, answer: bytes, error: type[Exception], told: str
) -> None:
    async with proxying(answer) as proxy:
        env.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(error, match=told) as caught:
            await open_tcp(TARGET)
    assert "p@ss" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["socks5://p:1080", "https://p:443", "http://[p", "://"]
)
async def test_a_proxy_that_cannot_be_used_is_told(
    env: pytest.MonkeyPatch, url: str
) -> None:
    env.setenv("HTTPS_PROXY", url)
    with pytest.raises(ModelRefused, match="HTTPS_PROXY"):
        await open_tcp(TARGET)


async def test_plain_endpoints_are_reached_directly(env: pytest.MonkeyPatch) -> None:
    env.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    async with scripted_model() as model, open_model(Endpoint(model.url)) as leg:
        assert leg.created.id


@asynccontextmanager
async def tls_before(url: str, context: ssl.SSLContext) -> AsyncGenerator[int]:
    port = int(url.rpartition(":")[2].partition("/")[0])

    async def copy(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
        while chunk := await source.receive_some(65536):
            await sink.send_all(chunk)

    async def serve(raw: trio.SocketStream) -> None:
        stream = trio.SSLStream(raw, context, server_side=True, https_compatible=True)
        plain = await trio.open_tcp_stream("127.0.0.1", port)
        try:
            async with plain, trio.open_nursery() as nursery:
                nursery.start_soon(copy, stream, plain)
                await copy(plain, stream)
                nursery.cancel_scope.cancel()
        except* trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        )
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel(reason="the test is over")


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_session_opens_through_a_proxy(
    env: pytest.MonkeyPatch, fast_path: bool
) -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("model.example").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    client = ssl.create_default_context()
    authority.configure_trust(client)  # pyright: ignore[reportUnknownMemberType]
    async with (
        scripted_model() as model,
        tls_before(model.base_url, server) as port,
        proxying(OPEN, to_port=port) as proxy,
    ):
        env.setenv("HTTPS_PROXY", proxy.url)
        endpoint = evolve(TARGET, tls=client, fast_path=fast_path)
        async with open_model(endpoint) as leg:
            assert leg.created.id
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("fast_path", [True, False])
async def test_a_certificate_that_is_not_trusted_is_asked_for_once(
    env: pytest.MonkeyPatch, fast_path: bool
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    async with scripted_model() as model, tls_before(model.base_url, server) as port:
        endpoint = Endpoint(f"wss://127.0.0.1:{port}/v1", fast_path=fast_path)
        with trio.fail_after(5), pytest.raises(ModelRefused, match="is not trusted"):
            async with open_model(endpoint):
                raise AssertionError("a session was opened")
