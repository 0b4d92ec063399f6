"""The end of a call whose model can't be had: apology, transfer, close."""

from enum import Enum, auto
from typing import Final

from attrs import define

from trio_sts.conversation.moments import NEVER

# After an accepted transfer AVR Core has so long to close the caller leg.
_TRANSFER_S: Final = 10.0
# The apology and the transfer's answer have so long beyond the playing time of what
# waited before; then the call ends without them.
_SLACK_S: Final = 20.0


class Stage(Enum):
    """How far it has come."""

    NONE = auto()
    SPEAKING = auto()
    TRANSFERRING = auto()
    LEAVING = auto()


@define
class Apology:
    """How far the end of a call without a model has come.

    Written by: giving_up.

    Attributes:
        outcome: How the call ends: why the model was given up; once a transfer is
            asked for, a caller leg that closes is its success.
        why: Why the model was given up.
        reason_for_caller: The reason that AVR Core is sent, in plain words.
    """

    stage: Stage = Stage.NONE
    outcome: str = ""
    why: str = ""
    reason_for_caller: str = ""
    _limit: float = NEVER

    @property
    def under_way(self) -> bool:
        """Whether the model was given up."""
        return self.stage is not Stage.NONE

    def begin(self, outcome: str, reason: str, now: float, waits_ms: float) -> None:
        """The caller hears it now, after ``waits_ms`` of the agent that still wait."""
        self.stage = Stage.SPEAKING
        self.outcome = self.why = outcome
        self.reason_for_caller = reason
        self._limit = now + waits_ms / 1000 + _SLACK_S

    def transfer(self) -> None:
        """It was heard: the transfer is asked for."""
        self.stage = Stage.TRANSFERRING
        self.outcome = "transferred"

    def transferred(self, now: float) -> None:
        """The transfer was accepted."""
        self.stage = Stage.LEAVING
        self._limit = now + _TRANSFER_S

    def deadline(self, heard_at: float) -> float:
        """When it goes on, if all that was said is heard at ``heard_at``."""
        if self.stage is Stage.SPEAKING:
            return min(self._limit, heard_at)
        return self._limit
