"""The outputs of function calls: one for each, which `rounds` sends."""

from trio_sts.conversation.inputs import ToolFinished
from trio_sts.conversation.state import State


def tool_finished(state: State, event: ToolFinished, now: float) -> None:
    """A tool has answered. After a hangup or transfer nothing is owed any more."""
    owes_answer = not (event.silent or state.goodbye.ends_by(event.key))
    settle(state, event.key, event.output, now, owes_answer=owes_answer)


def settle(
    state: State, key: str, output: str, now: float, *, owes_answer: bool = True
) -> None:
    """Settle a call's output; it is sent when its response is done."""
    call = state.calls.finished(key, output, now, owes_answer=owes_answer)
    if call is not None:
        state.history.answered(key, output)
        if owes_answer:
            state.owed_turn.owe()
