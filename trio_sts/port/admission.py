"""Who is let in, and what everybody else is answered."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol

import structlog
from attrs import define, field
from typing_extensions import override

from trio_sts.legs.http_head import RequestHead, has_token

from .answers import Answer, answer
from .peer import Peer
from .places import Place, Places

_METRICS: Final = "/metrics"
_TOKEN_NEEDED: Final = Answer.text(
    HTTPStatus.UNAUTHORIZED, "A valid token is needed.\n"
)
_GET_ALONE: Final = Answer.text(
    HTTPStatus.METHOD_NOT_ALLOWED, "Metrics are read with GET.\n"
)

_log = structlog.get_logger()


def no_more_calls(why: str) -> Answer:
    """What a caller is answered that cannot be let in."""
    told = f"No more calls: this service is {why}.\n"
    return Answer.text(HTTPStatus.SERVICE_UNAVAILABLE, told)


class Admission(Protocol):
    """Decides on each request."""

    async def decide(self, head: RequestHead, peer: Peer) -> Place | Answer:
        """A place for one that may become a call; for all others their answer."""
        ...


@define(eq=False)
class PortAdmission(Admission):
    """Decides by the settings, the places, and what is known of the service.

    Attributes:
        places: The calls at once.
        token: What a caller has to present; empty for nothing.
        warnings: What does not work, in words that anybody may read.
        refused: Counts a caller that was refused, by the reason.
        metrics: Answers ``GET /metrics`` for this ``Accept`` header: the body and its
            media type.
        draining: Whether nobody is let in, because the service stops.
    """

    places: Places
    token: str
    warnings: Callable[[], Iterable[str]]
    refused: Callable[[str], None]
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    draining: bool = field(default=False, init=False)

    @override
    async def decide(self, head: RequestHead, peer: Peer) -> Place | Answer:
        if not head.is_upgrade and head.path == _METRICS:
            return await self._tell_metrics(head)
        if not head.is_upgrade:
            return answer(
                head.method,
                head.path,
                draining=self.draining,
                full=self.places.full,
                warnings=self.warnings(),
            )
        if not has_token(head, self.token):
            _log.info("refused a caller", why="token", peer=str(peer))
            self.refused("token")
            return _TOKEN_NEEDED
        place = await self.places.take(partial(self._refuse, peer))
        return place or no_more_calls(self._refuse(peer))

    def drain(self) -> None:
        """Let nobody in any more, because the service stops."""
        self.draining = True
        self.places.close()

    def _refuse(self, peer: Peer) -> str:
        why = "stopping" if self.draining else "full"
        calls = self.places.calls
        _log.warning("refused a caller", why=why, calls=calls, peer=str(peer))
        self.refused(why)
        return why

    async def _tell_metrics(self, head: RequestHead) -> Answer:
        """They tell nobody's words or numbers, but how much is called, and what it costs."""
        if not has_token(head, self.token):
            return _TOKEN_NEEDED
        if head.method not in {"GET", "HEAD"}:
            return _GET_ALONE
        body, media_type = await self.metrics(head.headers.get("accept", ""))
        return Answer(HTTPStatus.OK, body, media_type)
