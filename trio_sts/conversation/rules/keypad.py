"""Keys that the caller presses: the first is a barge-in, all of them are one turn."""

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.parts.keypad import keys_message
from trio_sts.conversation.state import State
from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import CreateMessage

from . import barge_in, goodbye


def key_pressed(state: State, message: avr.DtmfDigit, now: float) -> None:
    """A key: the first of a message is a barge-in."""
    state.counters.count("keys")
    if state.keypad.press(message.digit, now):
        state.owed_turn.settle()
        barge_in.interrupt(state, now, ours=True)
        goodbye.interrupt(state, now)
        if not state.caller_speech.active:
            state.goodbye.speech_stopped()


def send_keys_at(state: State, _: float) -> float:
    """When `send_keys` has something to do."""
    if not state.connection.ready:
        return NEVER
    return state.keypad.deadline(response_active=_response_active(state))


def send_keys(state: State, now: float) -> None:
    """Send the keys that are complete, once the cancelled response is done."""
    for digits in state.keypad.take(now, response_active=_response_active(state)):
        state.out.model(CreateMessage("user", keys_message(digits)))
        state.out.note("info", "keys pressed", keys="*" * len(digits))
        state.history.keys(digits)
        state.sequencer.want()
        state.owed_turn.owe()


def _response_active(state: State) -> bool:
    return state.sequencer.busy or state.sequencer.asked
