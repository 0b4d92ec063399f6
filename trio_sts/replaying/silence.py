"""When the caller hears nothing of the agent, and what that waits for."""

from typing import Final

from attrs import define, field

from trio_sts.conversation.state import State

# Shorter ones are pauses.
LONG_S: Final = 1.0


@define
class Silence:
    """One silence at the caller's ear; times in seconds.

    Attributes:
        since: When it began.
        until: When it ended.
        reasons: How long each reason held, in the order in which they came up.
        hold_sound_s: How much of it the hold sound was played.
    """

    since: float
    until: float
    reasons: dict[str, float] = field(factory=dict[str, float])
    hold_sound_s: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.until - self.since

    def told(self) -> str:
        """In words, the longest reason first."""
        longest = sorted(self.reasons.items(), key=lambda each: -each[1])
        shown = [each for each in longest if each[1] >= LONG_S / 10] or longest[:1]
        if len(shown) == 1:
            why = shown[0][0]
        else:
            why = "; ".join(f"{reason} ({seconds:.1f} s)" for reason, seconds in shown)
        hold = self.hold_sound_s
        return why + (f"; the hold sound is heard for {hold:.1f} s" if hold > 0 else "")


@define
class Listener:
    """Follows what is audible, from one pass to the next."""

    _silence: Silence | None = None
    _at: float = 0.0
    _quiet_from: float = float("inf")
    _reason: str = ""
    _hold_until: float = 0.0

    def begin(self, now: float) -> None:
        """The call begins: nothing is heard yet."""
        self._silence = Silence(now, now)
        self._at = self._quiet_from = now
        self._reason = "the call begins"

    def after(self, state: State, now: float) -> Silence | None:
        """A pass is over.

        Returns:
            The silence that ended with it, if one did.
        """
        self._pass_time(now)
        playout = state.playout
        audible_until = float("inf") if playout.queued_ms else playout.drained_at
        self._at = now
        self._quiet_from = max(audible_until, now)
        self._reason = reason(state, now)
        self._hold_until = state.hold_sound.ends_at
        return self.end() if self._quiet_from > now else None

    def end(self) -> Silence | None:
        """The silence so far, which is over now."""
        silence, self._silence = self._silence, None
        return silence

    def _pass_time(self, now: float) -> None:
        since = self._quiet_from
        if now <= since:
            return
        if self._silence is None:
            self._silence = Silence(since, since)
        silence = self._silence
        silence.reasons.setdefault(self._reason, 0.0)
        silence.reasons[self._reason] += now - since
        silence.hold_sound_s += max(min(self._hold_until, now) - since, 0.0)
        silence.until = now


def reason(state: State, now: float) -> str:
    """Why nothing is heard of the agent at a moment."""
    if not state.opening.begun:
        return "AVR Core has not sent init"
    if not state.connection.ready:
        return _no_session(state)
    return _caller_acts(state, now) or _is_at_work(state) or _model_is_due(state, now)


def _no_session(state: State) -> str:
    if state.apology.under_way:
        return "the model cannot be had"
    sessions = state.connection.sessions
    return (
        "the model's connection is lost" if sessions else "the model is being connected"
    )


def _caller_acts(state: State, now: float) -> str:
    if state.caller_speech.active:
        return "the caller speaks"
    if state.ear.is_speaking(now):
        return "the caller speaks, as our own ear hears it"
    return "keys are being gathered" if state.keypad.busy else ""


def _is_at_work(state: State) -> str:
    if state.goodbye.is_leaving:
        return "AVR Core is to end the call"
    if state.goodbye.under_way:
        return f"{state.goodbye.name or 'the goodbye'} waits for its moment, or runs"
    if state.calls.pending:
        names = sorted({each.name for each in state.calls.unanswered()})
        return f"a tool runs: {', '.join(names)}"
    return "a remote tool runs" if state.mcp.pending else ""


def _model_is_due(state: State, now: float) -> str:
    if not state.owed_turn.owed:
        return "it is the caller's turn"
    if state.sequencer.waiting_for_retry(now):
        return "the model has failed and is asked again after a pause"
    if state.sequencer.active is not None:
        return "the model has begun an answer, and no sound of it has come"
    return "the model owes an answer and has not begun one"
