"""Whether the service on this machine is alive, for a container's health check.

It runs every few seconds beside the calls, so it starts without the settings, the
command line's library and whatever else they bring: `_socket` is what `socket` is made of,
without its enumerations and selectors, and `ssl` is imported where the port speaks TLS.
"""

import _socket

from .environment import NOT_SET, Unreadable, read_dotenv, unwrapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class _Connection(Protocol):
        def sendall(self, data: bytes, /) -> object: ...
        def recv(self, size: int, /) -> bytes: ...


TIMEOUT_S = 3.0
# The defaults of the settings, and where a service is heard that listens everywhere.
_PORT, _HOST = "6030", "0.0.0.0"  # noqa: S104
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_TLS = "STS_TLS_CERT"
_READ = ("HOST", "PORT", _TLS)
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_LINE_BYTES = 256


def is_healthy(
    environ: "Mapping[str, str]", dotenv_path: str, timeout_s: float = TIMEOUT_S
) -> bool:
    """Whether it answers ``GET /healthz`` in time.

    Args:
        environ: The real environment, for ``HOST``, ``PORT`` and ``STS_TLS_CERT``.
        dotenv_path: The file beneath it, which may be missing.
        timeout_s: For each step.
    """
    given = _given(environ, dotenv_path)
    host = given.get("HOST", _HOST)
    host = _EVERY_ADDRESS.get(host, host)
    try:
        # As the settings read it: 6030.0 is a whole number, too.
        port = int(float(given.get("PORT", _PORT)))
        if _TLS in given:
            return _asks_by_tls(host, port, timeout_s)
        connection = _connected(host, port, timeout_s)
        try:
            return _asks(connection)
        finally:
            connection.close()
    except (OSError, ValueError, OverflowError):
        return False


def _connected(host: str, port: int, timeout_s: float) -> _socket.socket:
    """Connect to the first address of a host that takes it."""
    failure: OSError | None = None
    # Of text Python would make an international name, with all that belongs to it.
    name = host.encode() if host.isascii() else host
    found = _socket.getaddrinfo(name, port, 0, _socket.SOCK_STREAM)
    for family, kind, protocol, _, address in found:
        connection = _socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_s)
            connection.connect(address)
        except OSError as exc:
            connection.close()
            failure = exc
        else:
            return connection
    raise failure or OSError("no address")


def _asks_by_tls(host: str, port: int, timeout_s: float) -> bool:
    """The certificate is not looked at: it is for another name than this machine's own."""
    import socket
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout_s) as connection,
        context.wrap_socket(connection) as secured,
    ):
        return _asks(secured)


def _asks(connection: "_Connection") -> bool:
    connection.sendall(_REQUEST)
    answer = b""
    while b"\n" not in answer and len(answer) < _LINE_BYTES:
        chunk = connection.recv(_LINE_BYTES)
        if not chunk:
            return False
        answer += chunk
    version, _, rest = answer.partition(b" ")
    return version.startswith(b"HTTP/") and rest[:1] == b"2"


def _given(environ: "Mapping[str, str]", dotenv_path: str) -> dict[str, str]:
    """What is set of what is read here."""
    given = _only_values(environ)
    try:
        return _only_values(read_dotenv(dotenv_path).values) | given
    except Unreadable:
        # There is none, as a rule; of a faulty one the service itself has told.
        return given


def _only_values(values: "Mapping[str, str]") -> dict[str, str]:
    wanted = {name: values[name] for name in _READ if name in values}
    return {
        name: value
        for name, value in unwrapped(wanted).items()
        if value.lower() not in NOT_SET
    }
