"""TLS at the listener, and proxies in front of it; real sockets."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme
from attrs import define
from trio.testing import MockClock

from tests.legs.fastpath_kit import frame
from tests.peers.core import calling
from tests.peers.model import scripted_model
from trio_sts.port.listening import CannotListen

from .kit import goes_on, log
from .service import Service, serving

PROXIED = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 6030\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: sts\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
INIT = frame(0x81, b'{"type": "init", "uuid": "first"}', masked=True)
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: sts\r\n\r\n"


@define
class Tls:
    """Files of the service, and what its clients trust."""

    environ: dict[str, str]
    trust: ssl.SSLContext


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    issued.private_key_pem.write_to_path(str(key))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(cert), append=True)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)  # pyright: ignore[reportUnknownMemberType]
    return Tls({"STS_TLS_CERT": str(cert), "STS_TLS_KEY": str(key)}, trust)


@asynccontextmanager
async def connected(
    service: Service, trust: ssl.SSLContext | None, first: bytes = b""
) -> AsyncGenerator[trio.abc.Stream]:
    stream = await trio.open_tcp_stream("127.0.0.1", service.port)
    async with stream:
        if first:
            await stream.send_all(first)
        if trust is None:
            yield stream
        else:
            yield trio.SSLStream(
                stream, trust, server_hostname="127.0.0.1", https_compatible=True
            )


async def answered(stream: trio.abc.Stream, request: bytes = HEALTH) -> bytes:
    answer = b""
    with trio.fail_after(5):
        await stream.send_all(request)
        async for part in stream:
            answer += part
    return answer


async def test_a_call_and_its_probes_go_through_tls(tls: Tls) -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, **tls.environ) as service,
    ):
        url = service.url.replace("ws://", "wss://")
        async with calling(url, ssl=tls.trust) as core:
            await core.init()
            session = await model.next_session()
            await goes_on(core, session)
            async with connected(service, tls.trust) as stream:
                assert (await answered(stream)).startswith(b"HTTP/1.1 200 ")
            await goes_on(core, session)


async def test_a_caller_behind_tls_is_pinged(
    tls: Tls, hurried_clock: MockClock
) -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, **tls.environ) as service,
        connected(service, tls.trust) as stream,
    ):
        await stream.send_all(UPGRADE + b"\r\n" + INIT)
        received = b""
        with trio.fail_after(60):
            await trio.lowlevel.checkpoint()
            while b"\x89\x00" not in received:
                received += bytes(await stream.receive_some())
        assert trio.current_time() == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize(
    "sent",
    [
        HEALTH,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(508),
        PROXIED + HEALTH,
    ],
)
async def test_what_is_no_tls_is_hung_up_on(tls: Tls, sent: bytes) -> None:
    with log() as lines:
        async with serving("http://127.0.0.1:9/v1", **tls.environ) as service:
            async with connected(service, None) as stream:
                answer = await answered(stream, sent)
                # An alert of TLS, or nothing.
                assert answer[:1] in {b"", b"\x15"}
            # And what is none after a handshake.
            async with connected(service, tls.trust) as stream:
                assert await answered(stream, b"\x00garbage\xff" * 9) == b""
            async with connected(service, tls.trust) as stream:
                assert b" 200 " in await answered(stream)
    assert {line["log_level"] for line in lines} <= {"debug", "info"}


async def test_handshakes_half_done_hold_up_no_stop(tls: Tls) -> None:
    async with serving(
        "http://127.0.0.1:9/v1", STS_TRUSTED_PROXIES="127.0.0.1", **tls.environ
    ) as service:
        async with (
            connected(service, None, b"\x16\x03\x01"),
            connected(service, None, PROXIED[:9]),
            connected(service, None),
        ):
            await trio.testing.wait_all_tasks_blocked(0.05)
            service.signal()
            with trio.fail_after(2):
                await service.stopped.wait()


@pytest.mark.parametrize("is_tls", [False, True])
async def test_a_trusted_proxy_says_who_is_behind_it(tls: Tls, is_tls: bool) -> None:
    environ = tls.environ if is_tls else {}
    trust = tls.trust if is_tls else None
    with log() as lines:
        async with serving(
            "http://127.0.0.1:9/v1",
            STS_TOKEN="s3cret",
            STS_TRUSTED_PROXIES="127.0.0.0/8",
            **environ,
        ) as service:
            async with connected(service, trust, PROXIED) as stream:
                assert b" 401 " in await answered(stream, UPGRADE + b"\r\n")
            async with connected(service, trust) as stream:
                forwarded = b"X-Forwarded-For: 6.6.6.6, 192.0.2.8\r\n\r\n"
                assert b" 401 " in await answered(stream, UPGRADE + forwarded)
    peers = [line["peer"] for line in lines if line["event"] == "refused a caller"]
    assert peers == ["192.0.2.7:4711", "192.0.2.8"]


async def test_the_word_of_others_is_not_taken() -> None:
    with log() as lines:
        async with serving(
            "http://127.0.0.1:9/v1",
            STS_TOKEN="s3cret",
            STS_TRUSTED_PROXIES="10.0.0.0/8",
        ) as service:
            async with connected(service, None) as stream:
                # No HTTP.
                assert await answered(stream, PROXIED + HEALTH) == b""
            async with connected(service, None) as stream:
                request = b"GET /metrics HTTP/1.1\r\nHost: sts\r\n"
                forwarded = b"X-Forwarded-For: 6.6.6.6\r\n\r\n"
                assert b" 401 " in await answered(stream, request + forwarded)
    assert "6.6.6.6" not in str(lines)


async def test_a_new_certificate_is_shown_to_new_connections(
    tls: Tls, tmp_path: Path
) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    other = ssl.create_default_context()
    authority.configure_trust(other)  # pyright: ignore[reportUnknownMemberType]
    async with serving("http://127.0.0.1:9/v1", **tls.environ) as service:
        server = service.server
        async with connected(service, tls.trust) as before:
            await before.send_all(HEALTH[:5])
            (tmp_path / "tls.crt").write_text("spoiled")
            with pytest.raises(CannotListen, match="STS_TLS_CERT"):
                server.use(server.services)
            issued.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
            issued.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.crt"))
            server.use(server.services)
            async with connected(service, other) as after:
                assert b" 200 " in await answered(after)
            assert b" 200 " in await answered(before, HEALTH[5:])
