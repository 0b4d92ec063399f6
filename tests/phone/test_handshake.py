"""What a service can do wrong before there is a WebSocket, and TLS."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock, memory_stream_pair
from websockets.trio.server import Server, serve

from tests.phone.fakes import URL, Heard, listen
from trio_sts.phone.core import place_call
from trio_sts.phone.report import Outcome
from trio_sts.phone.script import HangUp, Pause
from trio_sts.phone.target import Dial, Target

STAY = (Pause(60),)


@asynccontextmanager
async def raw_service(answer: bytes | None) -> AsyncGenerator[Dial]:
    """Answers any request with these bytes; closes at once if there are none."""

    async def serve_raw(stream: trio.abc.Stream) -> None:
        async with stream:
            await stream.receive_some()
            if answer is not None:
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(answer)
                    await stream.receive_some()

    async with trio.open_nursery() as nursery:

        async def dial(_: Target) -> trio.abc.Stream:
            ours, theirs = memory_stream_pair()
            nursery.start_soon(serve_raw, theirs)
            await trio.lowlevel.checkpoint()
            return ours

        yield dial
        nursery.cancel_scope.cancel(reason="the test is over")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 401 No\r\nContent-Length: 3\r\n\r\nno!", 401),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302),
    ],
)
async def test_any_other_answer_than_an_upgrade_is_a_refusal(
    autojump_clock: MockClock, answer: bytes, status: int
) -> None:
    async with raw_service(answer) as dial:
        report = await place_call(URL, STAY, dial=dial)
    assert report.outcome is Outcome.REFUSED
    assert report.http_status == status
    assert trio.current_time() < 1


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\xff" * 100_000,
        (
            b"HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: wrong\r\n\r\n"
        ),
    ],
)
async def test_a_peer_that_is_no_websocket_service_is_given_up_in_time(
    autojump_clock: MockClock, answer: bytes | None
) -> None:
    async with raw_service(answer) as dial:
        report = await place_call(URL, STAY, dial=dial)
    assert report.outcome is Outcome.UNREACHABLE
    assert report.reason
    assert trio.current_time() <= 13


@asynccontextmanager
async def tls_service(ca: trustme.CA) -> AsyncGenerator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
    with certificate.tempfile() as path:
        context.load_cert_chain(path)
    start = partial(
        serve, lambda ws: listen(ws, Heard()), 0, host="127.0.0.1", ssl=context
    )
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(start)
        yield f"wss://127.0.0.1:{server.listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_service_is_called_over_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    async with tls_service(ca) as url:
        with trio.fail_after(10):
            report = await place_call(url, (Pause(0.1), HangUp()))
    assert report.outcome is Outcome.CALLER_HUNG_UP
    assert report.duration_s == 0.1


async def test_a_service_that_cannot_prove_its_name_is_not_called() -> None:
    async with tls_service(trustme.CA()) as url:
        with trio.fail_after(10):
            report = await place_call(url, STAY)
    assert report.outcome is Outcome.UNREACHABLE
    assert "certificate" in report.reason
