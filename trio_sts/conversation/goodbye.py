"""Hangup and transfer wait until the caller has heard what was said."""

from enum import Enum, auto
from typing import Literal

from attrs import define

from .toolcalls import ToolCall

# A hangup that is spoken over is cancelled this often per call.
_HANGUP_CANCELS = 2
# A transfer that is spoken over proceeds if the caller is silent again within this time.
_TRANSFER_PATIENCE_S = 2.0
# How long AVR Core has to end the call itself.
_AFTER_HANGUP_S = 3.0
_AFTER_TRANSFER_S = 10.0
NEVER = float("inf")

STILL_TALKING = (
    '{"error": "The caller is still talking. Listen, answer, and try again later."}'
)
IN_PROGRESS = '{"result": "This is already being done."}'

Kind = Literal["hangup", "transfer"]


class Stage(Enum):
    """How far a goodbye has come."""

    NONE = auto()
    WAITING = auto()
    RUNNING = auto()
    LEAVING = auto()


@define
class Goodbye:
    """The one call control action that is under way, if any."""

    timeout_s: float
    stage: Stage = Stage.NONE
    kind: Kind = "hangup"
    call: ToolCall | None = None
    _limit: float = NEVER
    _talking: bool = False
    _talking_limit: float = NEVER
    _cancels: int = 0
    _leave_at: float = NEVER
    _look_at: float = NEVER

    def start(self, kind: Kind, call: ToolCall, now: float) -> bool:
        """Wait with a call; False if another one is under way already."""
        if self.stage is not Stage.NONE:
            return False
        self.stage = Stage.WAITING
        self.kind = kind
        self.call = call
        self._limit = now + self.timeout_s
        return True

    def speech_started(self, now: float) -> ToolCall | None:
        """The caller speaks over it.

        Returns:
            The call that is cancelled by this and has to be told `STILL_TALKING`.
        """
        if self.stage is not Stage.WAITING:
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

    def dropped(self, call: ToolCall) -> None:
        """The call is not to be acted on after all."""
        if self.stage is Stage.WAITING and self.call is call:
            self._drop()

    def given_up(self, now: float) -> ToolCall | None:
        """A transfer whose caller kept talking: the call to be told `STILL_TALKING`."""
        waiting = self.stage is Stage.WAITING and self.kind == "transfer"
        if waiting and now >= self._talking_limit:
            return self._drop()
        return None

    def look_again_at(self, heard_at: float, now: float) -> None:
        """All that was said will have been heard at ``heard_at``."""
        self._look_at = heard_at if heard_at > now else NEVER

    def proceed(self, now: float, *, heard: bool) -> ToolCall | None:
        """The waiting call if it is to be run now: all is heard and the caller silent, or time is up."""
        if (heard and not self._talking) or now >= self._limit:
            self.stage = Stage.RUNNING
            return self.call
        return None

    def running(self, call_id: str) -> bool:
        """Whether avr-ami is being asked for this call."""
        running = self.stage is Stage.RUNNING
        return running and self.call is not None and self.call.call_id == call_id

    def finished(self, now: float, *, ok: bool) -> bool:
        """Avr-ami has answered, or has not.

        Returns:
            Whether the call ends by this, so that the model owes nothing.
        """
        if ok:
            self.stage = Stage.LEAVING
            wait_s = _AFTER_HANGUP_S if self.kind == "hangup" else _AFTER_TRANSFER_S
            self._leave_at = now + wait_s
        elif self.kind == "hangup":
            self.stage = Stage.LEAVING
            self._leave_at = now
        else:
            self.stage = Stage.NONE
        return self.stage is Stage.LEAVING

    def over(self, now: float) -> bool:
        """Whether it is on us to close the call."""
        return self.stage is Stage.LEAVING and now >= self._leave_at

    @property
    def deadline(self) -> float:
        """When something has to be looked at again."""
        if self.stage is Stage.WAITING:
            limit = self._talking_limit if self.kind == "transfer" else NEVER
            return min(self._limit, limit, self._look_at)
        return self._leave_at

    def _drop(self) -> ToolCall | None:
        self.stage = Stage.NONE
        self._talking = False
        self._talking_limit = NEVER
        return self.call
