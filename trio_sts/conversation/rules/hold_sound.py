"""A quiet sound for a caller who waits for a connection, a tool or a long thought.

So does one whose model shows no sign of life for long: the line is not dead.
"""

from typing import Final

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.state import State
from trio_sts.wire import avr

from . import answering

_CONNECTION_S: Final = 2.0
_WORK_S: Final = 1.5


def play_at(state: State, now: float) -> float:
    """When `play` has something to do."""
    sound = state.hold_sound
    if not sound.pcm or answering.rings(state):
        return NEVER
    if (_wait_s(state, now) is not None) != sound.waits:
        return now
    if sound.waits:
        return sound.deadline
    overdue_at = state.owed_turn.overdue_at
    return overdue_at if overdue_at > now else NEVER


def play(state: State, now: float) -> None:
    """Begin, feed or end the sound."""
    sound = state.hold_sound
    wait_s = _wait_s(state, now)
    if wait_s is None:
        sound.stop()
        return
    sound.wait(now, wait_s)
    if now >= sound.deadline:
        state.out.caller(avr.AgentAudio(sound.feed(now)))
        state.playout.other_sound(sound.ends_at)


def _wait_s(state: State, now: float) -> float | None:
    """After how many seconds the sound begins; None if nobody waits or somebody speaks."""
    if state.playout.audible(now) or state.caller_speech.active:
        return None
    if state.ear.is_speaking(now) or state.keypad.busy or state.apology.under_way:
        return None
    waiting_since = state.connection.waiting_since
    if waiting_since is not None:
        if state.connection.owed_at_drop:
            # The silence has begun before: the lost session did not answer.
            waiting_since = min(waiting_since, state.playout.drained_at)
        return max(waiting_since + _CONNECTION_S - now, 0.0)
    if state.owed_turn.overdue_at <= now and not state.goodbye.under_way:
        return 0.0
    at_work = state.calls.pending or state.mcp.pending or _is_thinking(state)
    if state.rules.hold_sound_always and at_work and not state.goodbye.under_way:
        return _WORK_S
    return None


def _is_thinking(state: State) -> bool:
    return state.owed_turn.owed and state.sequencer.busy
