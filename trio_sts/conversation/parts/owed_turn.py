"""The turn that the model owes: how it is settled, and what its silence leads to."""

from enum import Enum, auto
from typing import Final

from attrs import define

from trio_sts.conversation.moments import AT_ONCE, NEVER

# Answers in a row that came to nothing: then another session is tried, once.
_MOST_EMPTY: Final = 3
# Of the time after which the first step is taken.
_OVERDUE_SHARE: Final = 0.75


class Remedy(Enum):
    """The steps of the ladder, taken one after the other while the model is silent."""

    ASK_AGAIN = auto()
    OTHER_SESSION = auto()
    GIVE_UP = auto()


_LADDER: Final = (Remedy.ASK_AGAIN, Remedy.OTHER_SESSION, Remedy.GIVE_UP)


@define
class OwedTurn:
    """A turn is owed until a response has ended of which something was audible.

    The clocks run only while a turn is owed and nothing excuses the silence: one since
    the last sign of life, one since the silence began.

    Written by: whatever makes the model owe a turn (asking for the caller's speech,
    keypad, outputs, mcp, greeting, silent_caller, restoring), responses (which settle
    it), hearing (what is audible); the clocks by dead_air alone.

    Attributes:
        owed: Whether the model is to speak.
        by_ear: Only our own ear says so: the model has shown no sign of having heard.
        answered: Whether the agent was audible since the caller's last turn.
    """

    dead_air_s: float
    thinking_max_s: float
    owed: bool = False
    by_ear: bool = False
    answered: bool = False
    _step: int = 0
    _empty: int = 0
    _other_session: bool = False
    _limit_asked: bool = False
    _filter_asked: bool = False
    _no_sign_since: float | None = None
    _silent_since: float | None = None

    def owe(self) -> None:
        """The model owes a new turn: after a tool, keys, or the greeting's request."""
        self.owed = True
        self.by_ear = False
        self._limit_asked = self._filter_asked = False
        self._stop_clocks()

    def owe_caller(self) -> None:
        """The caller takes a turn: the model owes the next one."""
        self.owe()
        self.answered = False

    def owe_deaf(self, since: float) -> None:
        """Our ear has heard the caller since, and the model shows no sign of it."""
        if not self.owed:
            self.owe()
            self.by_ear = True
            self._no_sign_since = self._silent_since = since

    def settle(self) -> None:
        """The turn is over."""
        self.owed = self.by_ear = False
        self._stop_clocks()

    def sign_of_life(self) -> None:
        """There is an event of the response that answers it."""
        self._no_sign_since = None

    def audible(self) -> None:
        """Agent audio is sent to the caller: the ladder starts from its first step."""
        self.answered = True
        self._step = self._empty = 0
        self._other_session = False

    def came_to_nothing(self) -> Remedy:
        """A response was completed, and nothing of it was audible."""
        self._empty += 1
        if self._empty < _MOST_EMPTY:
            return Remedy.ASK_AGAIN
        self._empty = 0
        if self._other_session:
            return Remedy.GIVE_UP
        self._other_session = True
        return Remedy.OTHER_SESSION

    def first_cut_by_limit(self) -> bool:
        """Whether this turn is cut by the token limit for the first time."""
        first = not self._limit_asked
        self._limit_asked = True
        return first

    def first_withheld(self) -> bool:
        """Whether this turn is withheld by the content filter for the first time."""
        first = not self._filter_asked
        self._filter_asked = True
        return first

    def watch(self, now: float, *, excused: bool) -> None:
        """Start, hold or reset the clocks; to be called while a turn is owed."""
        if excused:
            self._stop_clocks()
            return
        if self._no_sign_since is None:
            self._no_sign_since = now
        if self._silent_since is None:
            self._silent_since = now

    def take_remedy(self, now: float) -> Remedy | None:
        """The next step of the ladder, if the silence has lasted."""
        if now < self.deadline:
            return None
        self._stop_clocks()
        self.by_ear = False
        remedy = _LADDER[min(self._step, len(_LADDER) - 1)]
        self._step += 1
        return remedy

    @property
    def overdue_at(self) -> float:
        """From when the silence is too long without a sign of life; inf if it is not."""
        if self.owed and self._step > 0:
            return AT_ONCE
        if self._no_sign_since is None:
            return NEVER
        return self._no_sign_since + self.dead_air_s * _OVERDUE_SHARE

    @property
    def clocks_run(self) -> bool:
        """Whether silence is being counted."""
        return self._no_sign_since is not None and self._silent_since is not None

    @property
    def clocks_stand(self) -> bool:
        """Whether no silence is being counted."""
        return self._no_sign_since is None and self._silent_since is None

    @property
    def deadline(self) -> float:
        """When the silence has lasted; never while the clocks stand."""
        if self._no_sign_since is None or self._silent_since is None:
            return NEVER
        return min(
            self._no_sign_since + self.dead_air_s,
            self._silent_since + self.thinking_max_s,
        )

    def _stop_clocks(self) -> None:
        self._no_sign_since = self._silent_since = None
