"""Why a session was to be replaced in mid-call, and whether that has worked."""

from typing import Final

from attrs import define, field

from trio_sts.conversation.commands import Note
from trio_sts.conversation.parts.counters import Counters
from trio_sts.conversation.parts.failures import SESSION_EXPIRED
from trio_sts.wire.realtime.items import ErrorDetail

from .labels import Why
from .registry import Metrics

_OTHER_SESSION: Final = "other_session"


@define(eq=False)
class Reconnects:
    """Follows the sessions of one call.

    The core tells what it asks for before the event that made it ask is told, so a session
    is ``lost`` until that event says more.
    """

    metrics: Metrics
    counters: Counters
    _why: Why | None = None
    _spare: bool = False
    _silent: bool = False
    _renewals: int = field(default=0, init=False)

    def began(self) -> None:
        """The session is gone, and another one is asked for."""
        if self._why is not None:
            self._count(self._why, "failed")
        self._why = "silent" if self._silent else "lost"
        self._silent = self._spare = False

    def spare_began(self) -> None:
        """A session that is to follow is asked for."""
        self._spare = True

    def silence(self, step: str) -> None:
        """A step of the ladder of dead air: it may ask for another session."""
        self._silent = step == _OTHER_SESSION

    def error(self, error: ErrorDetail) -> None:
        """The endpoint has reported an error."""
        if error.code == SESSION_EXPIRED and self._why == "lost":
            self._why = "expired"

    def noted(self, note: Note) -> None:
        """A note of the core's that may say how it has ended."""
        if note.event == "model restored":
            self._restored()
        elif note.event == "next session lost":
            self._spare = False
            self._count("renewal", "failed")

    def failed(self) -> None:
        """The model is given up."""
        self.call_over(failed=True)

    def call_over(self, *, failed: bool) -> None:
        """Nothing more comes of what is under way."""
        if self._why is not None:
            self._count(self._why, "failed" if failed else "call over")
        self._why = None
        self._spare = False

    def _restored(self) -> None:
        renewed = self.counters.renewals > self._renewals
        self._renewals = self.counters.renewals
        instead: Why = "silent" if self._silent else "lost"
        self._count(self._why or ("renewal" if renewed else instead), "restored")
        self._why = None
        self._spare = self._silent = False

    def _count(self, why: Why, result: str) -> None:
        self.metrics.model_reconnects.labels(why, result).inc()
