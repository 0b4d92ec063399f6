"""Whose turn it is: the caller speaks, stops, presses keys; barge-in."""

from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import (
    CancelResponse,
    CreateMessage,
    DeleteItem,
    TruncateItem,
)

from . import actions
from .goodbye import Stage
from .keypad import keys_message
from .playout import Cut
from .state import State


def speech_started(state: State, _: events.SpeechStarted, now: float) -> None:
    """The model's VAD hears the caller."""
    state.caller_speaking = True
    state.sequencer.speech_started()
    state.patience.satisfied()
    leaving_by_transfer = (
        state.goodbye.stage is Stage.WAITING and state.goodbye.kind == "transfer"
    )
    actions.speak_over_goodbye(state, now)
    if state.rules.barge_in or leaving_by_transfer:
        barge_in(state, now, ours=False)


def speech_stopped(state: State, _: events.SpeechStopped, now: float) -> None:
    """The model's VAD hears the end of the caller's turn: the model owes one."""
    state.caller_speaking = False
    state.sequencer.speech_stopped(now)
    state.goodbye.speech_stopped()
    state.tally.caller_finished(now)
    state.patience.owe()


def input_timeout(state: State, _: events.InputTimeout, __: float) -> None:
    """The VAD's idle timeout: the model speaks unasked."""
    state.patience.owe()


def key_pressed(state: State, digit: str, now: float) -> None:
    """A key: the first of a message is a barge-in."""
    state.tally.keys += 1
    if state.keypad.press(digit, now):
        state.patience.satisfied()
        barge_in(state, now, ours=True)
        actions.speak_over_goodbye(state, now)
        if not state.caller_speaking:
            state.goodbye.speech_stopped()


def send_keys(state: State, now: float) -> None:
    """Send the keys that are complete, once the cancelled response is done."""
    state.sequencer.blocked = state.keypad.busy
    if not state.ready:
        return
    pending = state.sequencer.busy or state.sequencer.asked
    for digits in state.keypad.take(now, response_active=pending):
        state.out.model(CreateMessage("user", keys_message(digits)))
        state.out.note("info", "keys pressed", keys="*" * len(digits))
        state.history.keys(digits)
        state.sequencer.want()
        state.patience.owe()
    state.sequencer.blocked = state.keypad.busy


def barge_in(state: State, now: float, *, ours: bool) -> None:
    """Silence the agent, and tell the model what was heard of it.

    ``ours`` says that the model's VAD does not cancel the response by itself.
    """
    settle(state, now)
    active = state.sequencer.active
    cuts: list[Cut] = []
    if state.playout.audible(now):
        cuts = state.playout.interrupt(now)
        state.out.caller(avr.Interruption())
        state.tally.barge_ins += 1
    elif active is not None:
        # Part of a frame may wait for the rest, which is not to come any more.
        for track in state.playout.live_of(active):
            cut = state.playout.drop(track)
            state.history.cut(cut.item_id, cut.heard_ms, cut.received_ms)
    if active is not None:
        if ours and active not in state.quarantine:
            state.out.model(CancelResponse(active, event_id=f"cancel_{active}"))
        state.quarantine.add(active)
    for cut in cuts:
        forget_unheard(state, cut)


def forget_unheard(state: State, cut: Cut) -> None:
    """Make the model's record of an item what the caller heard of it."""
    state.history.cut(cut.item_id, cut.heard_ms, cut.received_ms)
    truncate(state, cut)


def truncate(state: State, cut: Cut) -> None:
    """Tell the model where an item ended; nothing if the caller heard all of it."""
    if cut.fully_heard or cut.past:
        return
    if cut.received_ms == 0:
        event_id = f"delete_{cut.item_id}"
        state.out.model(DeleteItem(cut.item_id, event_id=event_id))
        return
    state.out.model(
        TruncateItem(
            cut.item_id,
            int(min(cut.heard_ms, cut.received_ms)),
            cut.content_index,
            event_id=f"truncate_{cut.item_id}",
        )
    )


def settle(state: State, now: float) -> None:
    """Close what the caller has heard to its end by now."""
    for track in state.playout.settle(now):
        state.history.heard(track.item_id, track.heard_ms)
