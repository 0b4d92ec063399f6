"""A replayed call as a list of what happened, for people who do not know the code."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from attrs import define, field, frozen

from trio_sts.conversation import inputs
from trio_sts.conversation.session import Conversation

from .reading import Line
from .replay import Pass
from .silence import LONG_S, Listener, Silence

# Notes of what the core is told as well.
_CORE_KNOWS: Final = frozenset({"tool"})
_TEXT_CHARS: Final = 600
_HOLD: Final = "the hold sound begins"


@frozen
class Entry:
    """One line of a timeline.

    Attributes:
        at: Seconds since the caller leg opened.
        who: Whose act it is: caller, agent, model, tool, call, silence, clock, note.
        what: What happened, in a sentence.
        rule: The rule that was due by the clock, if one was.
        kind: What kind of thing that was, in a word or two; empty if it has no name.
        until: When it ended, if it is told where it began.
    """

    at: float
    who: str
    what: str
    rule: str = ""
    kind: str = ""
    until: float | None = None


@define
class Since:
    """When things began that are still going on."""

    caller_speech: float | None = None
    caller_stopped: float | None = None
    asked: float | None = None
    dialled: float | None = None
    tools: dict[str, tuple[float, str]] = field(factory=dict[str, tuple[float, str]])


@define(eq=False)
class Timeline:
    """Takes passes and notes in their order, and keeps what is to be told.

    Attributes:
        core: The conversation, as far as it was run.
        begins: When the caller leg opened, on the clock of the file.
        keeps_text: Whether texts are what was said.
        entries: What happened; to be sorted by time, since a silence is told where it
            began.
        rules: How often each rule was due by the clock.
        now: Seconds since the caller leg opened.
        since: When things began.
        is_heard: Whether the agent is being heard.
        ended: Whether the core has ended the call.
    """

    core: Conversation
    begins: float
    keeps_text: bool
    entries: list[Entry] = field(factory=list[Entry])
    rules: Counter[str] = field(factory=Counter[str])
    now: float = 0.0
    _rule: str = ""
    since: Since = field(factory=Since)
    _listener: Listener = field(factory=Listener)
    is_heard: bool = False
    _holds: bool = False
    _is_over: bool = False
    ended: bool = False

    def __attrs_post_init__(self) -> None:
        self._listener.begin(self.begins)

    def begin_pass(self, passed: Pass) -> None:
        """One pass: what is added from here on belongs to it."""
        self.now = passed.at - self.begins
        is_tick = isinstance(passed.input, inputs.Tick)
        self._rule = passed.due if is_tick else ""
        if self._rule:
            self.rules[self._rule] += 1

    def end_pass(self, at: float) -> None:
        """The pass is over: all of it was told."""
        self._rule = ""
        self._listen(at)

    def noted(self, line: Line) -> None:
        """A line that is no pass."""
        if line.get("note") in _CORE_KNOWS:
            return
        if "note" in line:
            self.now = line["at"] - self.begins
            names = {k: v for k, v in line.items() if k not in {"note", "at"}}
            self.note(str(line["note"]), names)
        elif "end" in line:
            self.now = line["at"] - self.begins
            self._finish(line["at"])
            told = line["end"]
            code = told.get("close_code", told.get("code"))
            what = f"is over: {told.get('outcome')} (close code {code})"
            # The core's own end was told already.
            if not self.ended:
                self.add("call", what)

    def sorted(self) -> list[Entry]:
        """All entries by time."""
        return sorted(self.entries, key=lambda entry: entry.at)

    def add(self, who: str, what: str, kind: str = "") -> None:
        """Add an entry at this moment; what a terminal would obey is left out."""
        what = "".join(
            char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in what
        )
        self.entries.append(Entry(self.now, who, what, self._rule, kind))

    def text(self, text: str) -> str:
        """A text as it is shown: on one line, and not without end."""
        if not self.keeps_text:
            return f"({len(text)} characters, not kept)"
        cut = text if len(text) <= _TEXT_CHARS else f"{text[:_TEXT_CHARS]}…"
        return f"“{' '.join(cut.split())}”"

    # What is heard.

    def _listen(self, at: float) -> None:
        state = self.core.state
        silence = self._listener.after(state, at)
        if silence is not None:
            self._silence(silence)
        self.is_heard &= state.playout.audible(at)
        self._holds &= at < state.hold_sound.ends_at

    def _finish(self, at: float) -> None:
        if not self._is_over:
            self._is_over = True
            self._listener.after(self.core.state, at)
            silence = self._listener.end()
            if silence is not None:
                self._silence(silence)

    def _silence(self, silence: Silence) -> None:
        if silence.seconds > LONG_S:
            told = f"of {silence.seconds:.1f} s: {silence.told()}"
            since, until = silence.since - self.begins, silence.until - self.begins
            self.entries.append(
                Entry(since, "silence", told, kind="silence", until=until)
            )

    def audio(self) -> None:
        """Sound leaves for the caller: the agent's, or the hold sound."""
        if self.now + self.begins < self.core.state.hold_sound.ends_at:
            if not self._holds:
                self._holds = True
                self.add("call", _HOLD)
            return
        if self.is_heard:
            return
        self.is_heard = True
        since = self.since
        waits = (
            (since.caller_stopped, "after the caller stopped"),
            (since.asked, "after it was asked"),
        )
        told = [f"{self.now - at:.2f} s {what}" for at, what in waits if at is not None]
        told = ["begins to be heard", *told[:1]]
        self.add("agent", ", ".join(told), kind="first audio")
        since.caller_stopped = since.asked = None

    def note(self, event: str, fields: Mapping[str, Any]) -> None:
        """Add a note, of the core's or of what it does not see."""
        told = ", ".join(f"{k} {_shown(v)}" for k, v in fields.items() if v is not None)
        self.add("note", f"{event}: {told}" if told else event, kind=event)


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
