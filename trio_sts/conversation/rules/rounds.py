"""Rounds of tools: outputs are sent, one response is wanted, and not without end.

A caller who hears nothing while the model calls one tool after the other is owed an
answer: after 8 rounds it is asked for without tools, after 16 another session is tried,
and after 24 the call ends in words.
"""

from typing import Final

from trio_sts.conversation.parts.owed_turn import Remedy
from trio_sts.conversation.parts.toolcalls import MOST_SILENT_ROUNDS
from trio_sts.conversation.state import State

from . import asking, asks, dead_air

_WHY: Final = "tools without a word"
_SESSION_ROUNDS: Final = 2 * MOST_SILENT_ROUNDS
_LAST_ROUND: Final = 3 * MOST_SILENT_ROUNDS


def send_due_at(state: State, _: float) -> float:
    """When `send_due` has something to do."""
    due = state.connection.ready and state.calls.outputs_due
    return asking.now_or_never(due=due)


def send_due(state: State, now: float) -> None:
    """Send what may be sent; one response is wanted when all calls have answered."""
    outputs, wanted = state.calls.take_due()
    for output in outputs:
        state.out.model(output)
    if wanted and not state.goodbye.is_leaving:
        want_answer(state, now)


def want_answer(state: State, now: float) -> None:
    """All tools of a round have answered, ours or remote ones."""
    endless = state.calls.one_more_silent_round()
    rounds = state.calls.silent_rounds
    if endless and rounds in {_SESSION_ROUNDS, _LAST_ROUND}:
        last = rounds == _LAST_ROUND
        remedy = Remedy.GIVE_UP if last else Remedy.OTHER_SESSION
        dead_air.climb(state, now, remedy, why=_WHY)
        return
    if rounds == MOST_SILENT_ROUNDS:
        state.out.note("warning", _WHY, tools=endless)
    heard_until = max(state.playout.drained_at, state.opening.started_at)
    state.latencies.tools_answered(heard_until)
    state.sequencer.want(asks.NO_TOOLS if endless else None)
    state.owed_turn.owe()
