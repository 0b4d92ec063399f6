"""The greeting: asked for, spoken, over; and the protection it may have."""

from enum import Enum, auto

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE, NEVER

# A protected greeting withholds the caller's audio no longer than this.
PROTECTION_S = 20.0


class Stage(Enum):
    """How far the greeting has come."""

    NONE = auto()
    ASKED = auto()
    SPEAKING = auto()
    OVER = auto()


@define
class Greeting:
    """The first answer of a call, and whether the caller is to hear all of it.

    Written by: greeting; restoring when nobody has heard it.

    Attributes:
        stage: How far it has come.
        welcome_message: What this call is to be greeted with, if there is such a thing.
    """

    stage: Stage = Stage.NONE
    welcome_message: str | None = field(default=None, repr=False)
    _response_id: str | None = None
    _response_done: bool = False
    _protected_until: float = NEVER

    def known(self, welcome_message: str | None) -> None:
        """It is known what to greet with."""
        self.welcome_message = welcome_message

    def ask(self) -> None:
        """It is being asked for."""
        self.stage = Stage.ASKED

    def protect(self, now: float) -> None:
        """The caller's audio is withheld until `heard_at`."""
        self._protected_until = now + PROTECTION_S

    def spoken_by(self, response_id: str) -> None:
        """A response begins: it is the greeting if that was asked for."""
        if self.stage is Stage.ASKED:
            self.stage = Stage.SPEAKING
            self._response_id = response_id
            self._response_done = False

    def is_spoken_by(self, response_id: str) -> bool:
        """Whether a response is the greeting."""
        return response_id == self._response_id

    def response_done(self, response_id: str, *, failed: bool) -> None:
        """A response has ended; if it was the greeting and failed, another one will be."""
        if response_id != self._response_id:
            return
        self._response_done = True
        if failed:
            self.stage = Stage.ASKED

    def leave_session(self) -> None:
        """The session is gone: the greeting has been spoken as far as it got."""
        if self._response_id is not None:
            self._response_id = ""
            self._response_done = True

    def forget(self) -> None:
        """Nobody has heard it: it may be asked for again."""
        self.stage = Stage.NONE

    def end_if_heard(self, now: float, *, audible: bool) -> bool:
        """Whether the caller has heard it, or its protection has lasted long enough."""
        if now >= self._protected_until or (
            self.stage is Stage.SPEAKING and self._response_done and not audible
        ):
            self.stage = Stage.OVER
        return self.stage is Stage.OVER

    def heard_at(self, drained_at: float) -> float:
        """When `end_if_heard` is true, if all audio has been heard at ``drained_at``."""
        if self.stage is Stage.OVER:
            return AT_ONCE
        spoken = self.stage is Stage.SPEAKING and self._response_done
        return min(self._protected_until, drained_at if spoken else NEVER)
