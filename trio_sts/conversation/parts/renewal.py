"""The session that is to follow the one in use, before that one's time is up."""

from enum import Enum, auto
from typing import Final

from attrs import define

from trio_sts.conversation.moments import AT_ONCE, NEVER

# Before the end of a session the next one is opened: the smaller of a time and a share.
_OPEN_S: Final = 300.0
_OPEN_SHARE: Final = 1 / 4
# From then on it is used at the next pause, also while the agent is heard.
_HURRY_S: Final = 30.0
_HURRY_SHARE: Final = 1 / 8
# After an attempt that failed: so much of the time that is left, but not less.
_RETRY_SHARE: Final = 1 / 4
_SHORTEST_RETRY_S: Final = 1.0


class Stage(Enum):
    """How far the next session has come."""

    NONE = auto()
    OPENING = auto()
    READY = auto()


@define
class Renewal:
    """When the next session is opened and used.

    Written by: renewal; restoring when the session in use is gone.

    Attributes:
        stage: How far the next session has come.
        opens_at: When it is opened; inf if never, in the past once it is.
        hurries_at: From when any pause is good enough to use it.
    """

    stage: Stage = Stage.NONE
    opens_at: float = NEVER
    hurries_at: float = NEVER
    _ends_at: float = NEVER
    # Of the next one, in seconds from when it was ready.
    _next_ends_at: float = NEVER

    def session_in_use(self, now: float, ends_at: float) -> None:
        """A session is in use from now on; its time is up at ``ends_at``."""
        left_s = ends_at - now
        self.stage = Stage.NONE
        self._ends_at = ends_at
        self._next_ends_at = NEVER
        self.opens_at = ends_at - min(_OPEN_S, left_s * _OPEN_SHARE)
        self.hurries_at = ends_at - min(_HURRY_S, left_s * _HURRY_SHARE)

    def opening(self) -> None:
        """The next session is being opened."""
        self.stage = Stage.OPENING
        self.opens_at = AT_ONCE

    def ready(self, ends_at: float) -> None:
        """The next session is set up."""
        self.stage = Stage.READY
        self._next_ends_at = ends_at

    def failed(self, now: float) -> None:
        """It could not be opened, or was lost: another one is, unless it is too late."""
        self.stage = Stage.NONE
        left_s = self._ends_at - now
        retry_s = max(left_s * _RETRY_SHARE, _SHORTEST_RETRY_S)
        self.opens_at = now + retry_s if retry_s < left_s else NEVER

    def use(self, now: float) -> None:
        """The next session is the one in use."""
        self.session_in_use(now, self._next_ends_at)

    def leave(self) -> None:
        """There is no session in use, and so none to follow it."""
        self.stage = Stage.NONE
        self.opens_at = self.hurries_at = self._ends_at = NEVER
