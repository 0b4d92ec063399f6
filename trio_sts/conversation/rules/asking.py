"""When ``response.create`` is sent. No other rule sends one."""

from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.conversation.parts.failures import refused_field, says_active
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ErrorDetail
from trio_sts.wire.realtime.requests import CancelResponse


def speech_started(state: State, _: events.SpeechStarted, __: float) -> None:
    """The caller speaks: the VAD will create the next response."""
    state.sequencer.speech_started()
    state.owed_turn.owe_caller()


def speech_stopped(state: State, _: events.SpeechStopped, now: float) -> None:
    """The VAD's response is due; after a second we ask ourselves."""
    state.sequencer.speech_stopped(now)
    state.owed_turn.owe_caller()


def input_timeout(state: State, _: events.InputTimeout, __: float) -> None:
    """The VAD's idle timeout: the model speaks unasked."""
    state.owed_turn.owe()


def send_if_due_at(state: State, _: float) -> float:
    """When `send_if_due` has something to do."""
    return state.sequencer.deadline if _may_ask(state) else NEVER


def send_if_due(state: State, now: float) -> None:
    """Send the ``response.create`` that is due, if one is."""
    if _may_ask(state):
        create = state.sequencer.next(now)
        if create is not None:
            state.out.model(create)
            state.owed_turn.sign_of_life()


def refused(state: State, error: ErrorDetail) -> bool:
    """A create is refused, for another response or for a field: it is asked again.

    Returns:
        Whether the error is about that.
    """
    if says_active(error):
        state.sequencer.refused()
        if state.sequencer.wanted and not state.owed_turn.owed:
            state.owed_turn.owe()
        return True
    field = refused_field(error)
    if field is None or not state.sequencer.do_without(field):
        return False
    state.out.note("warning", "ask refused", field=field)
    return True


def cancel(state: State, response_id: str, now: float) -> None:
    """Cancel a response by id, and drop what still comes of it."""
    event_id = f"cancel_{response_id}"
    state.out.model(CancelResponse(response_id, event_id=event_id))
    give_up_active(state, response_id, now)


def give_up_active(state: State, response_id: str, now: float) -> None:
    """A response is cancelled, by us or by the VAD: it has 2 s for its end."""
    state.quarantine.add(response_id)
    if response_id == state.sequencer.active:
        state.sequencer.cancelled(now)


def cancel_refused(state: State, error: ErrorDetail) -> None:
    """``response_cancel_not_active``: what we took for active was over before.

    Its end would have come before this answer.
    """
    active = state.sequencer.active
    if active in state.quarantine and error.event_id in {None, f"cancel_{active}"}:
        state.sequencer.gone()


def forget_cancelled_at(state: State, _: float) -> float:
    """When `forget_cancelled` has something to do."""
    return state.sequencer.gone_at


def forget_cancelled(state: State, _: float) -> None:
    """A cancelled response whose ``response.done`` does not come counts as gone."""
    state.sequencer.gone()


def is_missing(state: State) -> bool:
    """Whether a turn is owed and no response has begun that could still fail."""
    owed = state.sequencer.asked or state.owed_turn.owed
    return owed and not state.sequencer.busy


def now_or_never(*, due: bool) -> float:
    """A deadline of a rule that only events make due."""
    return AT_ONCE if due else NEVER


def _may_ask(state: State) -> bool:
    ready = state.connection.ready and not state.goodbye.is_leaving
    # Keys that wait are the next turn: they are sent before a response is asked for.
    return ready and not state.keypad.busy
