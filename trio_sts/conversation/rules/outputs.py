"""What the model is told of a function call: one output each, and one response after it."""

from trio_sts.conversation.inputs import ToolFinished
from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.conversation.state import State


def tool_finished(state: State, event: ToolFinished, now: float) -> None:
    """A tool has answered. After a hangup or transfer nothing is owed any more."""
    owes_answer = not state.goodbye.ends_by(event.call_id)
    settle(state, event.call_id, event.output, now, owes_answer=owes_answer)


def settle(
    state: State, call_id: str, output: str, now: float, *, owes_answer: bool = True
) -> None:
    """Settle a call's output; it is sent when its response is done."""
    call = state.calls.finished(call_id, output, now, owes_answer=owes_answer)
    if call is not None:
        state.history.answered(call_id, output)
        if owes_answer:
            state.owed_turn.owe()


def send_due_at(state: State, _: float) -> float:
    """When `send_due` has something to do."""
    due = state.connection.ready and state.calls.outputs_due
    return AT_ONCE if due else NEVER


def send_due(state: State, _: float) -> None:
    """Send what may be sent; one response is wanted when all calls have answered."""
    outputs, wanted = state.calls.take_due()
    for output in outputs:
        state.out.model(output)
    if wanted and not state.goodbye.is_leaving:
        state.sequencer.want()
        state.owed_turn.owe()
