"""Whether the service on this machine is alive, for a container's health check.

It runs every few seconds beside the calls, so it starts without the settings, the
command line's library and whatever else they bring.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress

from .environment import NOT_SET, Unreadable, read_dotenv, unwrapped

TIMEOUT_S = 3.0
# The defaults of the settings, and where a service is heard that listens everywhere.
_PORT, _HOST = "6030", "0.0.0.0"  # noqa: S104
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
_LINE_BYTES = 256


def is_healthy(
    environ: Mapping[str, str], dotenv_path: str, timeout_s: float = TIMEOUT_S
) -> bool:
    """Whether it answers ``GET /healthz`` in time.

    Args:
        environ: The real environment, for ``HOST`` and ``PORT``.
        dotenv_path: The file beneath it, which may be missing.
        timeout_s: For each step.
    """
    host, port = _where(environ, dotenv_path)
    address = _EVERY_ADDRESS.get(host, host)
    try:
        # As the settings read it: 6030.0 is a whole number, too.
        to = (address, int(float(port)))
        with socket.create_connection(to, timeout_s) as connection:
            connection.sendall(_REQUEST)
            answer = b""
            while b"\n" not in answer and len(answer) < _LINE_BYTES:
                chunk = connection.recv(_LINE_BYTES)
                if not chunk:
                    return False
                answer += chunk
    except (OSError, ValueError, OverflowError):
        return False
    version, _, rest = answer.partition(b" ")
    return version.startswith(b"HTTP/") and rest[:1] == b"2"


def _where(environ: Mapping[str, str], dotenv_path: str) -> tuple[str, str]:
    """The host and the port that the settings name."""
    given = _only_values(environ)
    if not given.keys() >= {"HOST", "PORT"}:
        # There is none, as a rule; of a faulty one the service itself has told.
        with suppress(Unreadable):
            given = _only_values(read_dotenv(dotenv_path).values) | given
    return given.get("HOST", _HOST), given.get("PORT", _PORT)


def _only_values(values: Mapping[str, str]) -> dict[str, str]:
    wanted = {name: values[name] for name in ("HOST", "PORT") if name in values}
    return {
        name: value
        for name, value in unwrapped(wanted).items()
        if value.lower() not in NOT_SET
    }
