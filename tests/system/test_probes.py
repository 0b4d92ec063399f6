"""Whoever finds the port and is no AVR Core: no model session, no noise in the log."""

import os
import signal
from pathlib import Path

import pytest
import trio

from tests.peers.core import calling
from tests.peers.model import scripted_model

from .kit import goes_on
from .test_process import KEY, Running, exit_code, running

UPGRADE = (
    b"GET /?from=2000 HTTP/1.1\r\nHost: sts\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PROBES = [
    b"",
    b"\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: sts\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: sts\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 5000,
    b"GET / HTTP/1.1\r\nHost: sts\r\nTransfer-Encoding: odd\r\n\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: sts\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 4000,
    # TLS, SSH, Redis, SIP, RDP, SMB, Java, and what is nothing.
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    b"SSH-2.0-Go\r\n",
    b"*1\r\n$4\r\nPING\r\n",
    b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm\r\n\r\n",
    b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00",
    b"\x00\x00\x00\xa4\xff\x53\x4d\x42\x72" + bytes(60),
    b"JRMI\x00\x02\x4b",
    bytes(range(256)) * 20,
    UPGRADE[:-2],
    UPGRADE.replace(b"Host: sts", b"Host: \x00"),
    UPGRADE.replace(b"Host: sts\r\n", b""),
    UPGRADE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"short"),
    UPGRADE.replace(b"Version: 13", b"Version: 8"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: ;;,\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: ,\xff\r\n\r\n"),
    UPGRADE.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\nhello"),
    UPGRADE,
    UPGRADE + b"\x88\x80\x00\x00\x00\x00",
    UPGRADE + b"\x81\x82\x00\x00\x00\x00{}",
    UPGRADE + b"GET / HTTP/1.1\r\nHost: sts\r\n\r\n",
    UPGRADE + bytes(5000),
]


async def probe(service: Running, says: bytes, *, reset: bool) -> None:
    """Connect, say something, read a bit of what comes, and go."""
    stream = await trio.open_tcp_stream("127.0.0.1", service.port)
    async with stream:
        if reset:
            # Linger of 0 s: closing is a reset.
            stream.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        try:
            await stream.send_all(says)
            with trio.move_on_after(0.05):
                await stream.receive_some()
        except trio.BrokenResourceError:
            pass


def open_files(service: Running) -> int:
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


@pytest.mark.parametrize("token", ["", "a-token-of-ours"])
async def test_probes_cost_no_model_session_and_no_warning(
    tmp_path: Path, token: str
) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            STS_TOKEN=token,
        ) as service,
    ):
        before = open_files(service)
        for says in PROBES:
            for reset in (False, True):
                await probe(service, says, reset=reset)
        assert model.knocks == 0
        async with calling(f"{service.url}/?token={token}") as core:
            await core.init()
            await goes_on(core, await model.next_session())
        # Those that said half a head have 5 s for the rest.
        for _ in range(100):
            if open_files(service) <= before:
                break
            await trio.sleep(0.1)
        assert open_files(service) <= before
        service.process.send_signal(signal.SIGTERM)
        assert await exit_code(service, 5) == 0
    assert {line["level"] for line in service.log} == {"info"}
    assert all("2000" not in str(line) for line in service.log)
