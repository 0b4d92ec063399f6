"""The answers that the port gives itself, in plain HTTP."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, Self

from attrs import frozen

from trio_sts import __version__

TEXT: Final = "text/plain; charset=utf-8"
_LEGACY_PATH = "/speech-to-speech-stream"
_LEGACY = (
    "This service speaks WebSocket: set STS_URL to ws://<host>:<port> "
    "instead of the http:// form.\n"
)


@frozen
class Answer:
    """What a request is answered with before its connection is closed.

    Attributes:
        status: The HTTP status.
        body: What follows the head; an answer to ``HEAD`` is sent without it.
        media_type: What the body is.
    """

    status: int
    body: bytes
    media_type: str = TEXT

    @classmethod
    def text(cls, status: int, body: str) -> Self:
        """One in plain text."""
        return cls(status, body.encode())


def answer(
    method: str,
    path: str,
    *,
    draining: bool,
    full: bool,
    warnings: Iterable[str] = (),
) -> Answer:
    """The answer to a request that asks for no WebSocket.

    ``/healthz`` says that the process is alive, and its version; ``/readyz`` that it would take one more
    call; a ready service names its ``warnings``, which are fit for anybody who reaches the
    port. AVR's legacy HTTP transport gets the ``ws://`` form to use.
    """
    if method in {"GET", "HEAD"} and path == "/healthz":
        return Answer.text(HTTPStatus.OK, f"ok\nversion: {__version__}\n")
    if method in {"GET", "HEAD"} and path == "/readyz":
        if draining:
            return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        if full:
            return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE, "full\n")
        lines = ("ready", *(f"warning: {warning}" for warning in warnings))
        return Answer.text(HTTPStatus.OK, "".join(f"{line}\n" for line in lines))
    if method == "POST" and path == _LEGACY_PATH:
        return Answer.text(HTTPStatus.UPGRADE_REQUIRED, _LEGACY)
    return Answer.text(
        HTTPStatus.NOT_FOUND, "There is nothing here but the WebSocket.\n"
    )
