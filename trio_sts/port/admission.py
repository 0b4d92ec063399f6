"""Who is let in, and what everybody else is answered."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol

import structlog
from attrs import define, field, frozen
from typing_extensions import override

from trio_sts.legs.http_head import RequestHead, has_token
from trio_sts.settings import Settings
from trio_sts.tools.targets import Targets
from trio_sts.wire.asterisk import SUBPROTOCOL

from .answers import Answer, Readiness, answer
from .next_step import call_in, next_step
from .peer import Peer
from .places import Place, Places

_METRICS: Final = "/metrics"
_TOKEN_NEEDED: Final = Answer.text(
    HTTPStatus.UNAUTHORIZED, "A valid token is needed.\n"
)
_NO_ASTERISK: Final = Answer.text(
    HTTPStatus.BAD_REQUEST,
    "Calls that Asterisk dials itself are turned off here: STS_ASTERISK is off.\n",
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


@frozen(eq=False)
class Told:
    """What the port asks the rest of the service.

    Attributes:
        warnings: What does not work, in words that anybody may read.
        unready: Why calls would fail here now, in such words; None if nothing is known.
        refused: Counts a caller that was refused, by the reason.
        metrics: Answers ``GET /metrics`` for this ``Accept`` header: the body and its
            media type.
        targets: Where calls go on whose leg we have ended.
    """

    warnings: Callable[[], Iterable[str]]
    unready: Callable[[], str | None]
    refused: Callable[[str], object]
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]
    targets: Targets = field(factory=Targets)


@define(eq=False)
class PortAdmission(Admission):
    """Decides by the settings, the places, and what is known of the service.

    Attributes:
        settings: May be changed.
        places: The calls at once.
        told: What it asks.
        draining: Whether nobody is let in, because the service stops.
    """

    settings: Settings
    places: Places
    told: Told
    draining: bool = field(default=False, init=False)

    @override
    async def decide(self, head: RequestHead, peer: Peer) -> Place | Answer:
        if not head.is_upgrade and head.path == _METRICS:
            return await self._tell_metrics(head)
        if not head.is_upgrade and (uuid := call_in(head.path)) is not None:
            return self._tell_next(head, uuid)
        if not head.is_upgrade:
            return answer(head.method, head.path, self._readiness())
        if not has_token(head, self.settings.token or ""):
            _log.info("refused a caller", why="token", peer=str(peer))
            self.told.refused("token")
            return _TOKEN_NEEDED
        if SUBPROTOCOL in head.subprotocols and not self.settings.asterisk:
            _log.info("refused a caller", why="asterisk", peer=str(peer))
            self.told.refused("asterisk")
            return _NO_ASTERISK
        place = await self.places.take(partial(self._refuse, peer))
        return place or no_more_calls(self._refuse(peer))

    def drain(self) -> None:
        """Let nobody in any more, because the service stops."""
        self.draining = True
        self.places.close()

    def _readiness(self) -> Readiness:
        return Readiness(
            draining=self.draining,
            unready=self.told.unready(),
            full=self.places.full,
            ready_when_full=self.settings.ready_when_full,
            warnings=self.told.warnings(),
        )

    def _refuse(self, peer: Peer) -> str:
        why = "stopping" if self.draining else "full"
        calls = self.places.calls
        _log.warning("refused a caller", why=why, calls=calls, peer=str(peer))
        self.told.refused(why)
        return why

    def _tell_next(self, head: RequestHead, uuid: str) -> Answer:
        if not has_token(head, self.settings.token or ""):
            return _TOKEN_NEEDED
        return next_step(head.method, uuid, self.told.targets)

    async def _tell_metrics(self, head: RequestHead) -> Answer:
        """They tell nobody's words or numbers, but how much is called, and what it costs."""
        if not has_token(head, self.settings.token or ""):
            return _TOKEN_NEEDED
        if head.method not in {"GET", "HEAD"}:
            return _GET_ALONE
        body, media_type = await self.told.metrics(head.headers.get("accept", ""))
        return Answer(HTTPStatus.OK, body, media_type)
