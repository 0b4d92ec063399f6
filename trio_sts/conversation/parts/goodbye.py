"""Hangup and transfer wait until the caller has heard what was said."""

from enum import Enum, auto
from typing import Literal

from attrs import define

from trio_sts.conversation.moments import NEVER

# A hangup that is spoken over is cancelled this often per call.
_HANGUP_CANCELS = 2
# A transfer that is spoken over proceeds if the caller is silent again within this time.
_TRANSFER_PATIENCE_S = 2.0
# How long AVR Core has to end the call itself.
_AFTER_HANGUP_S = 3.0
_AFTER_TRANSFER_S = 10.0

Kind = Literal["hangup", "transfer"]
Outcome = Literal["hung up by the agent", "transferred"]
_OUTCOMES: dict[Kind, Outcome] = {
    "hangup": "hung up by the agent",
    "transfer": "transferred",
}


class Stage(Enum):
    """How far a goodbye has come."""

    NONE = auto()
    WAITING = auto()
    RUNNING = auto()
    LEAVING = auto()


@define
class Goodbye:
    """The one call control action that is under way, if any.

    Written by: goodbye; restoring, when the model's VAD is gone with its session.

    Attributes:
        stage: How far it has come.
        kind: What it does.
        call_id: The function call that asked for it; empty before the first.
        outcome: How the call ends by it, once it has succeeded.
    """

    timeout_s: float
    stage: Stage = Stage.NONE
    kind: Kind = "hangup"
    call_id: str = ""
    outcome: Outcome | None = None
    _limit: float = NEVER
    _talking: bool = False
    _talking_limit: float = NEVER
    _cancels: int = 0
    _leave_at: float = NEVER

    @property
    def under_way(self) -> bool:
        """Whether it waits, runs or has succeeded."""
        return self.stage is not Stage.NONE

    @property
    def waits(self) -> bool:
        """Whether it waits for its moment."""
        return self.stage is Stage.WAITING

    @property
    def is_leaving(self) -> bool:
        """Whether the call is about to end by it."""
        return self.stage is Stage.LEAVING

    def start(self, kind: Kind, call_id: str, now: float) -> bool:
        """Wait with a call; False if another one is under way already."""
        if self.under_way:
            return False
        self.stage = Stage.WAITING
        self.kind = kind
        self.call_id = call_id
        self._limit = now + self.timeout_s
        return True

    def speech_started(self, now: float) -> str | None:
        """The caller speaks during the wait.

        Returns:
            The id of the call that is cancelled by this.
        """
        if not self.waits:
            return None
        if self.kind == "hangup" and self._cancels < _HANGUP_CANCELS:
            self._cancels += 1
            return self._drop()
        self._talking = True
        self._talking_limit = now + _TRANSFER_PATIENCE_S
        return None

    def speech_stopped(self) -> None:
        """The caller is silent again."""
        self._talking = False
        self._talking_limit = NEVER

    def drop(self, call_id: str) -> None:
        """The call is not to be acted on after all."""
        if self.waits and self.call_id == call_id:
            self._drop()

    def drop_transfer(self, now: float) -> str | None:
        """Give up a transfer whose caller has kept talking.

        Returns:
            The id of its call, if that is so.
        """
        if self.waits and self.kind == "transfer" and now >= self._talking_limit:
            return self._drop()
        return None

    def run_if_due(self, now: float, heard_at: float) -> str | None:
        """Run the waiting action if all is heard and the caller silent, or time is up.

        Returns:
            The id of its call, if that is so.
        """
        if self.waits and now >= min(self._limit, self._quiet_at(heard_at)):
            self.stage = Stage.RUNNING
            return self.call_id
        return None

    def is_running(self, call_id: str) -> bool:
        """Whether avr-ami is being asked for this call."""
        return self.stage is Stage.RUNNING and self.call_id == call_id

    def finished(self, now: float, *, ok: bool) -> None:
        """Avr-ami has answered, or has not: a hangup ends the call all the same."""
        if ok or self.kind == "hangup":
            self.stage = Stage.LEAVING
            self.outcome = _OUTCOMES[self.kind]
            wait_s = _AFTER_HANGUP_S if self.kind == "hangup" else _AFTER_TRANSFER_S
            self._leave_at = now + wait_s if ok else now
        else:
            self.stage = Stage.NONE

    def ends_by(self, call_id: str) -> bool:
        """Whether the call ends by this function call, so that the model owes nothing."""
        return self.is_leaving and self.call_id == call_id

    def is_over(self, now: float) -> bool:
        """Whether it is on us to close the call."""
        return self.is_leaving and now >= self._leave_at

    def deadline(self, heard_at: float) -> float:
        """When it can go on, if all that was said is heard at ``heard_at``."""
        if self.waits:
            limit = self._talking_limit if self.kind == "transfer" else NEVER
            return min(self._limit, limit, self._quiet_at(heard_at))
        return self._leave_at

    def _quiet_at(self, heard_at: float) -> float:
        return NEVER if self._talking else heard_at

    def _drop(self) -> str:
        self.stage = Stage.NONE
        self.speech_stopped()
        return self.call_id
