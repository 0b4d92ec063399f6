"""How long the caller has said and pressed nothing, and how often that was asked about."""

from typing import Final

from attrs import define

from trio_sts.conversation.moments import AT_ONCE, NEVER

# The third time it is no question any more.
MOST_QUESTIONS: Final = 2


@define
class CallerSilence:
    """Counts while nothing is audible and nothing is owed.

    Written by: silent_caller; hearing and keypad report speech and keys.

    Attributes:
        prompt_s: After so long something is said about it; 0 is never.
        broken_at: When the caller last spoke or pressed a key, or the call began.
    """

    prompt_s: float
    broken_at: float
    _questions: int = 0
    _asked_at: float = AT_ONCE
    _since: float | None = None

    def broken(self, now: float) -> None:
        """The caller speaks or presses a key: the count starts anew."""
        self.broken_at = max(self.broken_at, now)
        self._questions = 0
        self._since = None

    def watch(self, now: float, *, excused: bool) -> None:
        """Start, hold or reset the clock."""
        if excused:
            self._since = None
        elif self._since is None:
            self._since = now

    def take(self, heard_at: float) -> int:
        """It has lasted.

        Args:
            heard_at: When our own ear last heard the caller.

        Returns:
            How many questions were asked about it before, since the caller last spoke.
        """
        if heard_at > self._asked_at:
            self._questions = 0
        questions = self._questions
        self._questions += 1
        self._since = None
        return questions

    def asked(self, now: float) -> None:
        """The caller is asked now."""
        self._asked_at = now

    @property
    def clock_runs(self) -> bool:
        """Whether silence is being counted."""
        return self._since is not None

    def deadline(self, heard_at: float) -> float:
        """When the silence has lasted, if our own ear last heard the caller then."""
        if self._since is None:
            return NEVER
        return max(self._since, heard_at) + self.prompt_s
