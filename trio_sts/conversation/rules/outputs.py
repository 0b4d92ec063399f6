"""The outputs of function calls: one for each, and one response after all of them."""

from trio_sts.conversation.inputs import ToolFinished
from trio_sts.conversation.state import State

from . import asking, asks


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


def send_due_at(state: State, _: float) -> float:
    """When `send_due` has something to do."""
    due = state.connection.ready and state.calls.outputs_due
    return asking.now_or_never(due=due)


def send_due(state: State, _: float) -> None:
    """Send what may be sent; one response is wanted when all calls have answered."""
    outputs, wanted = state.calls.take_due()
    for output in outputs:
        state.out.model(output)
    if not wanted or state.goodbye.is_leaving:
        return
    endless = state.calls.one_more_silent_round()
    if endless:
        state.out.note("warning", "tools without a word", tools=endless)
    state.sequencer.want(asks.NO_TOOLS if endless else None)
    state.owed_turn.owe()
