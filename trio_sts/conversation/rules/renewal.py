"""Before a session's time is up another one takes over, and the caller hears nothing.

The next session is opened beside the one in use. It takes over between two turns, when
nobody speaks and nothing is awaited. If there is no such moment, it takes over at the
next pause: the agent may still be heard and tools may run. If there is none either, the
session in use is lost when its time is up, and the next one is there already.
"""

from trio_sts.conversation.inputs import ModelReady, SpareLost, SpareReady
from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.conversation.parts.renewal import Stage
from trio_sts.conversation.state import State

from . import restoring

# So long our ear has heard no speech: between two sentences there is less.
_PAUSE_S = 0.7
# After speech of which the model has shown no sign yet: its VAD may be late.
_UNANSWERED_S = 2.0


def model_ready(state: State, event: ModelReady, now: float) -> None:
    """A session is in use: it is known how long it lasts."""
    if state.rules.renew:
        state.renewal.session_in_use(now, event.ends_at)


def spare_ready(state: State, event: SpareReady, _: float) -> None:
    """The next session is set up."""
    if state.renewal.stage is Stage.OPENING:
        state.renewal.ready(event.ends_at)


def spare_lost(state: State, _: SpareLost, now: float) -> None:
    """The next session could not be opened, or is gone before it was used."""
    if state.renewal.stage is not Stage.NONE:
        state.out.note("warning", "next session lost")
        state.renewal.failed(now)


def go_on_at(state: State, now: float) -> float:
    """When `go_on` has something to do."""
    renewal = state.renewal
    if now < renewal.opens_at:
        return renewal.opens_at
    if not state.connection.ready or _call_ends(state):
        return NEVER
    match renewal.stage:
        case Stage.NONE:
            return AT_ONCE
        case Stage.OPENING:
            return NEVER
        case Stage.READY:
            hurried_at = max(renewal.hurries_at, _pause_at(state))
            return min(_quiet_at(state, now), hurried_at)


def go_on(state: State, now: float) -> None:
    """Open the next session, or use it."""
    if state.renewal.stage is Stage.NONE:
        state.renewal.opening()
        state.out.open_spare()
    elif state.renewal.stage is Stage.READY:
        restoring.use_spare(state, now)
        state.counters.count("renewals")
        state.out.note("info", "session renewed")


def _call_ends(state: State) -> bool:
    return state.goodbye.under_way or state.apology.under_way


def _pause_at(state: State) -> float:
    """When nobody speaks or is about to; never if an event has to come first."""
    sequencer = state.sequencer
    expected = sequencer.busy or sequencer.asked or state.keypad.busy
    if expected or state.caller_speech.active or state.mcp.owes:
        return NEVER
    pause_s = _UNANSWERED_S if state.ear.unanswered_ms else _PAUSE_S
    return state.ear.last_speech_at + pause_s


def _quiet_at(state: State, now: float) -> float:
    """When nothing is heard, owed or awaited either."""
    awaited = (
        state.sequencer.wanted
        or state.owed_turn.owed
        or bool(state.calls.unanswered())
        or state.intake.withheld
    )
    if awaited:
        return NEVER
    heard_at = state.playout.drained_at if state.playout.audible(now) else AT_ONCE
    if state.playout.queued_ms:
        heard_at = NEVER
    return max(_pause_at(state), heard_at, state.history.words_until(now))
