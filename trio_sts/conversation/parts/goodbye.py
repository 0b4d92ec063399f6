"""Hangup and transfer wait until the caller has heard what was said."""

from enum import Enum, auto
from typing import Final, Literal

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE, NEVER

# A hangup that is spoken over is cancelled this often per call.
_HANGUP_CANCELS: Final = 2
# A transfer that is spoken over proceeds if the caller is silent again within this time.
_TALKING_S: Final = 2.0
# All of the wait, however long the goodbye is.
_LONGEST_S: Final = 60.0
# A farewell that is asked for has so long to its first audio.
_FAREWELL_S: Final = 5.0
_MOST_TRANSFER_GRACE_MS: Final = 300
# How long AVR Core has to end the call itself.
_AFTER_HANGUP_S: Final = 3.0
_AFTER_TRANSFER_S: Final = 10.0
# A caller who is heard after this has not been transferred, whatever the tool said.
_TRANSFERRED_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.5

Kind = Literal["hangup", "transfer", "either"]
_OUTCOMES: Final[dict[Kind, str]] = {
    "hangup": "hung up by the agent",
    "transfer": "transferred",
    "either": "hung up by the agent",
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

    Written by: goodbye; silent_caller begins one of its own; restoring, when the
    model's VAD is gone with its session; giving_up stops it.

    Attributes:
        timeout_s: How long it waits while nothing is audible and nothing happens.
        grace_ms: How long a hangup waits after the last word was heard.
        stage: How far it has come.
        kind: What it does.
        key: The function call that asked for it; empty before the first.
        name: The tool that does it.
        arguments: The tool's, in JSON.
    """

    timeout_s: float
    grace_ms: float
    stage: Stage = Stage.NONE
    kind: Kind = "hangup"
    key: str = ""
    name: str = ""
    arguments: str = field(default="", repr=False)
    _outcome: str = ""
    _unasked: bool = False
    _started_at: float = AT_ONCE
    _farewell_asked: bool = False
    _farewell_begun: bool = False
    _farewell_limit: float = AT_ONCE
    _talking: bool = False
    _silent_at: float = AT_ONCE
    _talking_limit: float = NEVER
    _cancels: int = 0
    _finished_at: float = NEVER
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

    @property
    def outcome(self) -> str | None:
        """How the call has ended if the caller is gone now; None if not by this."""
        if self.stage in {Stage.RUNNING, Stage.LEAVING}:
            return self._outcome
        return None

    def start(
        self, kind: Kind, key: str, name: str, arguments: str, now: float
    ) -> bool:
        """Wait with a call; False if another one is under way already."""
        if self.under_way:
            return False
        self.stage = Stage.WAITING
        self.kind = kind
        self.key, self.name, self.arguments = key, name, arguments
        self._outcome = _OUTCOMES[kind]
        self._started_at = now
        self._farewell_asked = self._farewell_begun = self._unasked = False
        return True

    def named_outcome(self, outcome: str) -> None:
        """The call is to end with an outcome of its own: no function call asked for it.

        Any sign of the caller cancels it, however often.
        """
        self._outcome = outcome
        self._unasked = True

    @property
    def farewell_asked(self) -> bool:
        """Whether a spoken farewell was asked for."""
        return self._farewell_asked

    def farewell(self, now: float) -> None:
        """One spoken farewell is asked for; it has 5 s to its first audio."""
        self._farewell_asked = True
        self._farewell_begun = False
        self._farewell_limit = now + _FAREWELL_S

    def agent_audible(self) -> None:
        """The agent says something; if a farewell was asked for, this is it."""
        self._farewell_begun = True

    def farewell_awaited(self, now: float, *, response_active: bool) -> bool:
        """Whether a farewell is still to come, or is not whole yet."""
        if not self._farewell_asked:
            return False
        if self._farewell_begun:
            return response_active
        return now < self._farewell_limit

    def speech_started(self, now: float) -> str | None:
        """The caller speaks during the wait.

        Returns:
            The key of the call that is cancelled by this.
        """
        if not self.waits:
            return None
        if self._unasked:
            return self._drop()
        if self.kind != "transfer" and self._cancels < _HANGUP_CANCELS:
            self._cancels += 1
            return self._drop()
        self._talking = True
        self._talking_limit = now + _TALKING_S
        return None

    def is_answered(self, heard_at: float) -> bool:
        """Whether a silent caller is heard after all, by our own ear, at ``heard_at``."""
        return self.waits and self._unasked and heard_at > self._started_at

    def speech_stopped(self, now: float) -> None:
        """The caller is silent again."""
        if self._talking:
            self._silent_at = now
        self._talking = False
        self._talking_limit = NEVER

    def drop(self, key: str) -> None:
        """The call is not to be acted on after all."""
        if self.waits and self.key == key:
            self._drop()

    def abandon(self) -> None:
        """Nothing comes of what waits or runs."""
        self._drop()

    def drop_transfer(self, now: float) -> str | None:
        """Give up a transfer whose caller has kept talking.

        Returns:
            The key of its call, if that is so.
        """
        if self.waits and self.kind == "transfer" and now >= self._talking_limit:
            return self._drop()
        return None

    def run_if_due(
        self, now: float, drained_at: float, *, ready: bool, others_pending: bool
    ) -> bool:
        """Run the waiting action if its time has come; see `deadline`."""
        run_at = self._run_at(drained_at, ready=ready, others_pending=others_pending)
        if self.waits and now >= run_at:
            self.stage = Stage.RUNNING
            return True
        return False

    def is_running(self, key: str) -> bool:
        """Whether avr-ami is being asked for this call."""
        return self.stage is Stage.RUNNING and self.key == key

    def finished(self, now: float, *, ok: bool) -> None:
        """Avr-ami has answered, or has not: a hangup ends the call all the same.

        What may be a transfer is taken for one from here on: if it was a hangup, AVR
        Core ends the call before this side would.
        """
        if ok or self.kind == "hangup":
            self.stage = Stage.LEAVING
            wait_s = _AFTER_HANGUP_S if self.kind == "hangup" else _AFTER_TRANSFER_S
            self._finished_at = now
            self._leave_at = now + wait_s if ok else now
        else:
            self.stage = Stage.NONE

    def ends_by(self, key: str) -> bool:
        """Whether the call ends by this function call, so that the model owes nothing."""
        return self.is_leaving and self.key == key

    def has_failed(self, heard_at: float) -> bool:
        """Whether a transfer did not happen: the caller is still heard.

        Args:
            heard_at: When the caller last gave a sign.
        """
        left = self.is_leaving and self.kind != "hangup"
        return left and heard_at > self._finished_at + _TRANSFERRED_S

    def is_over(self, now: float) -> bool:
        """Whether it is on us to close the call."""
        return self.is_leaving and now >= self._leave_at

    def deadline(
        self, now: float, drained_at: float, *, ready: bool, others_pending: bool
    ) -> float:
        """When it can go on.

        Args:
            now: The time.
            drained_at: When the caller has heard all that was sent so far.
            ready: Nothing else is waited for: the response that asked for it is done,
                the other calls have answered, and a farewell has been said.
            others_pending: Other calls of the response still run: that is no stall.
        """
        if self.waits:
            limit = self._talking_limit if self.kind == "transfer" else NEVER
            awaited = self._farewell_asked and not self._farewell_begun
            farewell_at = self._farewell_limit if awaited else NEVER
            farewell_at = farewell_at if farewell_at > now else NEVER
            run_at = self._run_at(
                drained_at, ready=ready, others_pending=others_pending
            )
            return min(limit, farewell_at, run_at)
        if self.is_leaving and self.kind != "hangup":
            # Our ear is looked at now and then.
            look_at = max(now, self._finished_at + _TRANSFERRED_S) + _LOOK_EVERY_S
            return min(self._leave_at, look_at)
        return self._leave_at

    def _run_at(self, drained_at: float, *, ready: bool, others_pending: bool) -> float:
        quiet_at = max(self._started_at, drained_at, self._silent_at)
        grace_ms = self.grace_ms
        if self.kind == "transfer":
            grace_ms = min(grace_ms, _MOST_TRANSFER_GRACE_MS)
        at = NEVER if self._talking or not ready else quiet_at + grace_ms / 1000
        stalled_at = max(self._started_at, drained_at) + self.timeout_s
        stalled_at = NEVER if others_pending else stalled_at
        return min(at, stalled_at, self._started_at + _LONGEST_S)

    def _drop(self) -> str:
        self.stage = Stage.NONE
        self._talking = False
        self._talking_limit = NEVER
        self._finished_at = self._leave_at = NEVER
        return self.key
