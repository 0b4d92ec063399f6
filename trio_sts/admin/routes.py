"""The answers to plain HTTP requests on the port."""

from collections.abc import Iterable
from http import HTTPStatus

from trio_sts import __version__

_LEGACY_PATH = "/speech-to-speech-stream"
_LEGACY = (
    "This service speaks WebSocket: set STS_URL to ws://<host>:<port> "
    "instead of the http:// form.\n"
)


def answer(
    method: str,
    path: str,
    *,
    draining: bool,
    full: bool,
    warnings: Iterable[str] = (),
) -> tuple[HTTPStatus, str]:
    """The status and body for a request that asks for no WebSocket.

    ``/healthz`` says that the process is alive, and its version; ``/readyz`` that it would take one more
    call; a ready service names its ``warnings``, which are fit for anybody who reaches the
    port. AVR's legacy HTTP transport gets the ``ws://`` form to use.
    """
    if method in {"GET", "HEAD"} and path == "/healthz":
        return HTTPStatus.OK, f"ok\nversion: {__version__}\n"
    if method in {"GET", "HEAD"} and path == "/readyz":
        if draining:
            return HTTPStatus.SERVICE_UNAVAILABLE, "draining\n"
        if full:
            return HTTPStatus.SERVICE_UNAVAILABLE, "full\n"
        lines = ("ready", *(f"warning: {warning}" for warning in warnings))
        return HTTPStatus.OK, "".join(f"{line}\n" for line in lines)
    if method == "POST" and path == _LEGACY_PATH:
        return HTTPStatus.UPGRADE_REQUIRED, _LEGACY
    return HTTPStatus.NOT_FOUND, "There is nothing here but the WebSocket.\n"
