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


@frozen
class Readiness:
    """What ``/readyz`` tells: whether callers are well sent here, and why not.

    All words are fit for anybody who reaches the port.

    Attributes:
        draining: The service stops.
        unready: Why calls would fail here; None if nothing is known to be wrong.
        full: All places are taken.
        ready_when_full: Whether a full service is called ready.
        warnings: What does not work as expected.
    """

    draining: bool = False
    unready: str | None = None
    full: bool = False
    ready_when_full: bool = True
    warnings: Iterable[str] = ()

    def answer(self) -> Answer:
        """The status and the words; the first line is the state."""
        if self.draining:
            return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE, "draining\n")
        if self.unready is not None:
            told = f"not ready: {self.unready}\n"
            return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE, told)
        if self.full and not self.ready_when_full:
            return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE, "full\n")
        state = "full" if self.full else "ready"
        lines = (state, *(f"warning: {warning}" for warning in self.warnings))
        return Answer.text(HTTPStatus.OK, "".join(f"{line}\n" for line in lines))


def answer(method: str, path: str, readiness: Readiness) -> Answer:
    """The answer to a request that asks for no WebSocket.

    ``/healthz`` says that the process is alive, and its version; ``/readyz`` whether callers
    are well sent here. AVR's legacy HTTP transport gets the ``ws://`` form to use.
    """
    if method in {"GET", "HEAD"} and path == "/healthz":
        return Answer.text(HTTPStatus.OK, f"ok\nversion: {__version__}\n")
    if method in {"GET", "HEAD"} and path == "/readyz":
        return readiness.answer()
    if method == "POST" and path == _LEGACY_PATH:
        return Answer.text(HTTPStatus.UPGRADE_REQUIRED, _LEGACY)
    return Answer.text(
        HTTPStatus.NOT_FOUND, "There is nothing here but the WebSocket.\n"
    )
