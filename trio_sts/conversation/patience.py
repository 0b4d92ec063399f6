"""The dead-air rule: a turn that the model owes ends in audio, a nudge or an end."""

from enum import Enum, auto

from attrs import define

NEVER = float("inf")


class Remedy(Enum):
    """What a silence of ``dead_air_s`` asks for."""

    NUDGE = auto()
    GIVE_UP = auto()


@define
class Patience:
    """The clock runs only while the model owes a turn and nothing excuses the silence."""

    dead_air_s: float
    owed: bool = False
    nudged: bool = False
    _since: float | None = None

    def owe(self) -> None:
        """A new turn is the model's: after speech, a tool, or the greeting's request."""
        self.owed = True
        self.nudged = False
        self._since = None

    def satisfied(self) -> None:
        """Audio, a tool call or speech."""
        self.owed = False
        self.nudged = False
        self._since = None

    def asked(self) -> None:
        """A response was asked for just now: the silence begins anew."""
        self._since = None

    def watch(self, now: float, *, excused: bool) -> None:
        """Start, hold or reset the clock; to be called while a turn is owed."""
        if excused:
            self._since = None
        elif self._since is None:
            self._since = now

    def due(self, now: float) -> Remedy | None:
        """What to do now, if the silence has lasted."""
        if now < self.deadline:
            return None
        self._since = None
        if self.nudged:
            return Remedy.GIVE_UP
        self.nudged = True
        return Remedy.NUDGE

    @property
    def deadline(self) -> float:
        """When the silence has lasted; infinity while the clock does not run."""
        return NEVER if self._since is None else self._since + self.dead_air_s
