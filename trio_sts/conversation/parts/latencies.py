"""How long the caller waits for an answer, by what is waited for."""

from typing import Literal

from attrs import define, field

# Far more than a call has turns; further ones count for the worst alone.
_MOST_KEPT = 4096
# Responses in a row of which nothing is heard end the call long before.
_MOST_ANSWERS = 64

Kind = Literal["greeting", "turn", "tool"]


@define
class Waits:
    """Waits of one kind, in seconds.

    Attributes:
        seconds: The first 4096 of them, in order.
        count: How many there were.
        worst_s: The longest; 0 if there was none.
    """

    seconds: list[float] = field(factory=list[float])
    count: int = 0
    worst_s: float = 0

    def add(self, seconds: float) -> None:
        """One more."""
        self.count += 1
        self.worst_s = max(self.worst_s, seconds)
        if len(self.seconds) < _MOST_KEPT:
            self.seconds.append(seconds)


@define
class Latencies:
    """From what began a wait to the first audio of its answer that leaves for AVR Core.

    A greeting is waited for from the opening of the caller leg, an answer from the end of
    the caller's turn (speech or keys). An answer that needed tools is waited for from the
    last that the caller heard or said before it: the caller's turn, or the agent's words.

    Written by: greeting, hearing, keypad, responses and rounds.
    """

    greeting: Waits = field(factory=Waits)
    turn: Waits = field(factory=Waits)
    tool: Waits = field(factory=Waits)
    _since: float | None = field(default=None, repr=False)
    _kind: Kind = field(default="turn", repr=False)
    # Responses that began since; audio of an older one is no answer.
    _answers: set[str] = field(factory=set[str], repr=False)

    def greeting_asked(self, opened_at: float) -> None:
        """The greeting is asked for; the caller has waited since the leg opened."""
        if not self.greeting.count:
            self._wait(opened_at, "greeting")

    def turn_ended(self, now: float) -> None:
        """The caller has finished a turn."""
        self._wait(now, "turn")

    def tools_answered(self, heard_until: float) -> None:
        """All tools of a round have answered: the next response is the answer.

        Args:
            heard_until: When the agent's words before it have been heard; without any
                words when the call began.
        """
        self._wait(heard_until if self._since is None else self._since, "tool")

    def response_begins(self, response_id: str) -> None:
        """A response begins: it is the answer, unless nothing of it is heard."""
        if self._since is not None and len(self._answers) < _MOST_ANSWERS:
            self._answers.add(response_id)

    def agent_audio(self, response_id: str, now: float) -> tuple[Kind, float] | None:
        """Audio of a response leaves for AVR Core.

        Returns:
            The wait that is over with it, of which kind and in seconds; None if none is.
        """
        if self._since is None or response_id not in self._answers:
            return None
        waits: Waits = getattr(self, self._kind)
        after_s = max(now - self._since, 0)
        waits.add(after_s)
        self._since = None
        return self._kind, after_s

    def _wait(self, since: float, kind: Kind) -> None:
        self._since = since
        self._kind = kind
        self._answers.clear()
