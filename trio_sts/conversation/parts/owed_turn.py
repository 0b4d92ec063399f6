"""The turn that the model owes, and the clock of the dead air before it."""

from enum import Enum, auto

from attrs import define

from trio_sts.conversation.moments import NEVER


class Remedy(Enum):
    """What a silence of ``dead_air_s`` asks for."""

    ASK_AGAIN = auto()
    GIVE_UP = auto()


@define
class OwedTurn:
    """The clock runs only while a turn is owed and nothing excuses the silence.

    Written by: whatever makes the model owe a turn or settles it (dead_air for the
    caller's speech and the agent's audio, greeting, keypad, outputs, asking,
    restoring); the clock itself by dead_air alone.
    """

    dead_air_s: float
    owed: bool = False
    asked_again: bool = False
    _since: float | None = None

    def owe(self) -> None:
        """A new turn is the model's: after speech, a tool, or the greeting's request."""
        self.owed = True
        self.asked_again = False
        self._since = None

    def settle(self) -> None:
        """Audio, a tool call or speech."""
        self.owed = False
        self.asked_again = False
        self._since = None

    def restart_clock(self) -> None:
        """A response was asked for just now: the silence begins anew."""
        self._since = None

    def watch(self, now: float, *, excused: bool) -> None:
        """Start, hold or reset the clock; to be called while a turn is owed."""
        if excused:
            self._since = None
        elif self._since is None:
            self._since = now

    def take_remedy(self, now: float) -> Remedy | None:
        """What to do now, if the silence has lasted; each remedy is given once."""
        if now < self.deadline:
            return None
        self._since = None
        if self.asked_again:
            return Remedy.GIVE_UP
        self.asked_again = True
        return Remedy.ASK_AGAIN

    @property
    def clock_runs(self) -> bool:
        """Whether silence is being counted."""
        return self._since is not None

    @property
    def deadline(self) -> float:
        """When the silence has lasted; never while the clock does not run."""
        return NEVER if self._since is None else self._since + self.dead_air_s
