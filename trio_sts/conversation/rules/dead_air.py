"""A turn that the model owes ends in audio, in asking again, or in the end of the call."""

from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.conversation.parts.owed_turn import Remedy
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events

from . import asking


def speech_started(state: State, _: events.SpeechStarted, __: float) -> None:
    """The caller speaks: whatever was owed, the next turn is another one."""
    state.owed_turn.settle()


def watch_at(state: State, now: float) -> float:
    """When `watch` has something to do."""
    if not state.owed_turn.owed:
        return NEVER
    if _is_excused(state, now) == state.owed_turn.clock_runs:
        # The clock is to be started, or stopped.
        return AT_ONCE
    return state.owed_turn.deadline


def watch(state: State, now: float) -> None:
    """Run the clock of dead air, and do what a silence asks for."""
    state.owed_turn.watch(now, excused=_is_excused(state, now))
    remedy = state.owed_turn.take_remedy(now)
    if remedy is Remedy.ASK_AGAIN:
        _ask_again(state, now)
    elif remedy is Remedy.GIVE_UP:
        state.out.end(1011, "model silent", "The assistant has stopped answering.")


def _is_excused(state: State, now: float) -> bool:
    return (
        not state.connection.ready
        or state.caller_speech.active
        or state.sequencer.waiting_for_retry(now)
        or state.goodbye.under_way
        or state.keypad.busy
        or state.calls.pending
        or state.mcp.pending
        or state.playout.audible(now)
    )


def _ask_again(state: State, now: float) -> None:
    state.counters.count("nudges")
    active = state.sequencer.active
    state.out.note("warning", "dead air", after_s=state.rules.dead_air_s)
    if active is not None:
        asking.cancel(state, active)
    state.sequencer.nudge()
    asking.send_if_due(state, now)
    state.owed_turn.watch(now, excused=False)
