"""The container's health check: where it asks, what counts, and what it costs."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
import trustme

from trio_sts.healthcheck import is_healthy

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

# Runs the program as a container does, and tells what that took.
COST = """
import sys
sys.argv = ["trio-sts", "healthcheck"]
from trio_sts.__main__ import main
try:
    main()
except SystemExit as exc:
    print(exc.code)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(status["VmHWM"].split()[0])
print(*sorted(name for name in sys.modules if "." not in name))
"""


@contextmanager
def answering(answer: bytes, host: str = "127.0.0.1") -> Generator[str]:
    """A service that answers one request so; its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as server:
        server.bind((host, 0))
        server.listen()
        server.settimeout(10)

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                assert peer.recv(1000).startswith(b"GET /healthz HTTP/1.1\r\n")
                peer.sendall(answer)

        thread = Thread(target=serve)
        thread.start()
        yield str(server.getsockname()[1])
        thread.join()


@pytest.mark.parametrize(
    ("answer", "is_alive"),
    [
        (OK, True),
        (b"HTTP/1.0 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"SSH-2.0-OpenSSH_9.6\r\n", False),
        (b"", False),
        (b"x" * 1000, False),
    ],
)
def test_only_a_good_status_counts(answer: bytes, is_alive: bool) -> None:
    with answering(answer) as port:
        assert is_healthy({"PORT": port}, "no file") is is_alive


@pytest.mark.parametrize("host", ["::1", "::", "127.0.0.1", "0.0.0.0", "localhost", ""])
def test_it_asks_where_the_service_listens(host: str) -> None:
    with answering(OK, "::1" if host.startswith("::") else "127.0.0.1") as port:
        assert is_healthy({"PORT": port, "HOST": host}, "no file")


def test_the_settings_are_read_as_the_service_reads_them(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    with answering(OK) as port:
        file.write_text(f"PORT=1\nHOST: undefined\nexport PORT='{port}'\n")
        assert is_healthy({"HOST": '"127.0.0.1"', "PORT": ""}, str(file))
    with answering(OK) as port:
        file.write_text("PORT=1\nHOST=192.0.2.1\n")
        assert is_healthy({"HOST": "localhost", "PORT": f"{port}.0"}, str(file))


@pytest.mark.parametrize("port", ["0", "soon", "70000", "-1", "nan", "inf", "1"])
def test_what_cannot_be_asked_is_not_alive(port: str) -> None:
    assert not is_healthy({"PORT": port}, "no file")


def test_an_unreadable_file_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfeP\0O\0R\0T\0")
    with answering(OK) as port:
        assert is_healthy({"PORT": port}, str(tmp_path / ".env"))
        # The folder that a container runtime makes of a file that is not there.
    with answering(OK) as port:
        assert is_healthy({"PORT": port}, str(tmp_path))


def test_it_needs_no_key_and_little_memory(tmp_path: Path) -> None:
    with answering(OK) as port:
        done = subprocess.run(
            [sys.executable, "-c", COST],
            env={"PORT": port},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    code, peak_kib, names = done.stdout.splitlines()
    assert code == "0"
    assert int(peak_kib) < 16 * 1024
    # What Python itself loads at its start is not counted: its folder decides on that.
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(names.split()) - set(bare.stdout.split())
    assert loaded == {"trio_sts", "_socket", "errno"}


def test_a_port_with_tls_is_asked_by_tls(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("sts.example.org")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        plain.listen()
        plain.settimeout(10)

        def serve() -> None:
            peer, _ = plain.accept()
            with context.wrap_socket(peer, server_side=True) as secured:
                assert secured.recv(1000).startswith(b"GET /healthz HTTP/1.1\r\n")
                secured.sendall(OK)

        thread = Thread(target=serve)
        thread.start()
        file = tmp_path / ".env"
        file.write_text("STS_TLS_CERT=/any/where\n")
        port = str(plain.getsockname()[1])
        assert is_healthy({"PORT": port}, str(file))
        thread.join()


def test_a_plain_answer_to_tls_is_not_alive() -> None:
    assert not is_healthy({"PORT": "1", "STS_TLS_CERT": "any"}, "no file")
