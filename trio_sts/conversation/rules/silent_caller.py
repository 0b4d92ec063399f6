"""A caller who says and presses nothing is asked twice, then hung up on."""

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.parts.caller_silence import MOST_QUESTIONS
from trio_sts.conversation.state import State

from . import asks, goodbye


def watch_at(state: State, now: float) -> float:
    """When `watch` has something to do."""
    silence = state.caller_silence
    if not silence.prompt_s:
        return NEVER
    if _is_excused(state, now) == silence.clock_runs:
        # The clock is to be started, or stopped.
        return now
    return silence.deadline(state.ear.last_speech_at)


def watch(state: State, now: float) -> None:
    """Run the clock of the caller's silence; ask or hang up when it is up."""
    silence, heard_at = state.caller_silence, state.ear.last_speech_at
    silence.watch(now, excused=_is_excused(state, now))
    if now < silence.deadline(heard_at):
        return
    questions = silence.take(heard_at)
    silence.asked(now)
    if questions < MOST_QUESTIONS:
        state.out.note("info", "caller silent", questions=questions + 1)
        state.sequencer.want(asks.STILL_THERE)
        state.owed_turn.owe()
    else:
        state.out.note("info", "caller silent", step="hangup")
        goodbye.hang_up(state, now, "caller silent")


def _is_excused(state: State, now: float) -> bool:
    return (
        not state.connection.ready
        or state.owed_turn.owed
        or not state.sequencer.idle
        or state.caller_speech.active
        or state.keypad.busy
        or state.goodbye.under_way
        or state.calls.pending
        or state.mcp.pending
        or state.mcp.unanswered
        or state.playout.audible(now)
    )
