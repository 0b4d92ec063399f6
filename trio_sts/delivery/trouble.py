"""Saying that something does not work, without saying it for every call."""

import structlog
import trio
from attrs import define

_AGAIN_AFTER_S = 60.0

_log = structlog.get_logger()


@define
class Trouble:
    """One thing that may be away: told when it begins, once a minute, and when it ends.

    Attributes:
        event: The line of the log.
        sink: What it is about.
    """

    event: str
    sink: str
    _told_at: float | None = None
    _times: int = 0

    def tell(self, why: str) -> None:
        """It does not work, for this reason."""
        self._times += 1
        now = trio.current_time()
        if self._told_at is None or now - self._told_at >= _AGAIN_AFTER_S:
            self._told_at = now
            _log.warning(self.event, sink=self.sink, why=why, times=self._times)

    def over(self) -> None:
        """It works."""
        if self._told_at is not None:
            _log.info("works again", was=self.event, sink=self.sink, times=self._times)
        self._told_at = None
        self._times = 0
