"""Whether the service on this machine is alive, for a container's health check."""

import http.client

# What the service listens on, and where it is heard then.
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
_OK = range(200, 300)


def is_healthy(host: str, port: int, timeout_s: float) -> bool:
    """Whether it answers ``GET /healthz`` in time.

    Args:
        host: As ``HOST`` says: a name or an address of either family.
        port: As ``PORT`` says.
        timeout_s: For each step.
    """
    address = _EVERY_ADDRESS.get(host, host)
    connection = http.client.HTTPConnection(address, port, timeout=timeout_s)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status in _OK
    except (OSError, http.client.HTTPException, UnicodeError):
        return False
    finally:
        connection.close()
