"""Whether there is a session with the model, since when, and how often it was lost."""

from typing import Final

from attrs import define

from trio_sts.conversation.moments import AT_ONCE

# Sessions in a row that each were ready, and lost within this time: then it is given up.
MOST_SHORT_SESSIONS: Final = 3
SHORT_S: Final = 10.0
# Before the next session is opened; twice as long after each further short one.
_FIRST_PAUSE_S: Final = 0.25


@define
class Connection:
    """The model's side of the call.

    Written by: restoring, renewal.

    Attributes:
        ready: Whether there is a session that is set up.
        sessions: How many were, so far.
        owed_at_drop: Whether a turn was owed when the last session was lost.
        cut_at_drop: Whether a part of its answer had come by then.
        waiting_since: Since when the caller waits for a session; None if none is awaited.
    """

    ready: bool = False
    sessions: int = 0
    owed_at_drop: bool = False
    cut_at_drop: bool = False
    waiting_since: float | None = None
    _ready_at: float = AT_ONCE
    _short_sessions: int = 0

    def dialling(self, now: float) -> None:
        """A session is being opened."""
        self.waiting_since = now

    def opened(self, now: float) -> None:
        """A session is set up."""
        self.ready = True
        self.sessions += 1
        self.waiting_since = None
        self._ready_at = now

    def renewed(self, now: float, *, owed: bool) -> None:
        """Another session has taken over before this one's time was up."""
        self.opened(now)
        self._short_sessions = 0
        self.owed_at_drop = owed

    def left(self) -> None:
        """There is no session, and none is awaited."""
        self.ready = False
        self.waiting_since = None

    def lost(self, now: float, *, owed: bool, cut: bool) -> None:
        """The session is gone; another one is asked for, unless it is given up."""
        if self.ready:
            is_short = now - self._ready_at < SHORT_S
            self._short_sessions = self._short_sessions + 1 if is_short else 0
        self.ready = False
        self.waiting_since = now
        # It may be told twice of one drop, or of another before a session was ready.
        self.owed_at_drop = self.owed_at_drop or owed
        self.cut_at_drop = self.cut_at_drop or cut

    def restored(self) -> None:
        """The new session knows what was owed at the drop."""
        self.owed_at_drop = self.cut_at_drop = False

    @property
    def pause_s(self) -> float:
        """How long to wait before the next session is opened."""
        if not self._short_sessions:
            return 0.0
        return _FIRST_PAUSE_S * 2.0 ** (self._short_sessions - 1)

    @property
    def given_up(self) -> bool:
        """Whether sessions were lost so soon that another one is not worth it."""
        return self._short_sessions >= MOST_SHORT_SESSIONS
