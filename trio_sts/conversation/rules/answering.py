"""A caller who hears ringing is answered when there is something to hear.

That is the agent's first audio; where the caller is to speak first, a session that hears
them. Whoever cannot be helped is never answered, and the dialplan goes on.
"""

from typing import Final

from trio_sts.conversation.state import State
from trio_sts.wire import avr

from .asking import now_or_never

# A phone may send nothing at all.
_PATH_S: Final = 0.3


def rings(state: State) -> bool:
    """Whether the caller still hears ringing."""
    return state.rules.awaits_answer and not state.opening.answered


def answer(state: State, now: float) -> None:
    """Answer the call, once.

    The phone hears nothing before it has seen the answer, and its own first audio shows
    that it has: until then, or for 300 ms, the agent's waits.
    """
    if not rings(state):
        return
    state.opening.answer()
    # Nobody is silent before.
    state.caller_silence.broken(now)
    state.out.caller(avr.Answer())
    if not state.counters.caller_audio_ms:
        state.opening.await_path()
        state.playout.hold(now + _PATH_S)


def heard(state: State) -> None:
    """Audio of the caller's has come."""
    if state.opening.path_awaited:
        state.opening.path_shown()
        state.playout.release()


def answer_at(state: State, _: float) -> float:
    """When `answer` has something to do without any audio: the caller speaks first."""
    ready = state.connection.ready and not state.rules.greeting
    return now_or_never(due=ready and rings(state))
