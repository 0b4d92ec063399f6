"""Keys that the caller presses: the first is a barge-in, all of them are one turn."""

from trio_sts.conversation.parts.keypad import keys_message
from trio_sts.conversation.state import State
from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import CreateMessage

from . import barge_in, goodbye


def key_pressed(state: State, message: avr.DtmfDigit, now: float) -> None:
    """A key: the first of a message is a barge-in."""
    state.counters.count("keys")
    state.caller_silence.broken(now)
    if state.keypad.press(message.digit, now):
        if state.connection.ready:
            state.owed_turn.settle()
        played_on = state.playout.audible(now) and not state.apology.under_way
        if state.connection.ready or played_on:
            barge_in.interrupt(state, now, by="key")
        goodbye.interrupt(state, now)
        if not state.caller_speech.active:
            state.goodbye.speech_stopped(now)


def send_keys_at(state: State, _: float) -> float:
    """When `send_keys` has something to do."""
    return state.keypad.deadline(
        ready=state.connection.ready, response_active=_response_active(state)
    )


def send_keys(state: State, now: float) -> None:
    """Send the keys that are complete, once the cancelled response is done."""
    state.keypad.close_if_due(now)
    if not state.connection.ready:
        return
    for digits in state.keypad.take(now, response_active=_response_active(state)):
        state.out.model(CreateMessage("user", keys_message(digits), private=True))
        state.out.note("info", "keys pressed", keys="*" * len(digits))
        state.history.keys(digits)
        state.latencies.turn_ended(now)
        state.sequencer.forget_delay()
        state.sequencer.want()
        state.owed_turn.owe_caller()


def _response_active(state: State) -> bool:
    return state.sequencer.busy or state.sequencer.asked
