"""What is done for a caller whose model can't be had, before the call ends."""

from enum import Enum, auto
from typing import Final

from attrs import define

from trio_sts.conversation.moments import NEVER

# A transfer that was asked for has so long to take the caller away.
_TRANSFER_S: Final = 10.0
# The apology is heard, or the fallback answers, so long after the caller could have
# heard all of it; then the call ends without.
_SLACK_S: Final = 20.0


class Stage(Enum):
    """How far it has come."""

    NONE = auto()
    SPEAKING = auto()
    TRANSFERRING = auto()
    LEAVING = auto()


@define
class Apology:
    """The end of a call that its model failed.

    Written by: giving_up.

    Attributes:
        outcome: How the call ends: why the model was given up.
        reason_for_caller: What AVR Core is told, in plain words.
    """

    stage: Stage = Stage.NONE
    outcome: str = ""
    reason_for_caller: str = ""
    _limit: float = NEVER

    @property
    def under_way(self) -> bool:
        """Whether the model was given up."""
        return self.stage is not Stage.NONE

    def begin(self, outcome: str, reason: str, now: float, waits_ms: float) -> None:
        """The caller hears it now, after ``waits_ms`` of the agent that still wait."""
        self.stage = Stage.SPEAKING
        self.outcome = outcome
        self.reason_for_caller = reason
        self._limit = now + waits_ms / 1000 + _SLACK_S

    def transfer(self) -> None:
        """It was heard: a human is to take over."""
        self.stage = Stage.TRANSFERRING

    def transferred(self, now: float) -> None:
        """The caller is on the way to a human."""
        self.stage = Stage.LEAVING
        self.outcome = "transferred"
        self._limit = now + _TRANSFER_S

    def deadline(self, heard_at: float) -> float:
        """When it goes on, if all that was said is heard at ``heard_at``."""
        if self.stage is Stage.SPEAKING:
            return min(self._limit, heard_at)
        return self._limit
