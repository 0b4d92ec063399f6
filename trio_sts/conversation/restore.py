"""A model leg that drops in mid-call is replaced, and the new session is told the past.

What the caller said and heard goes as text, tool calls with their outputs; audio is
never sent again. All ids of the old session are forgotten: the new one may use the same.
"""

from collections.abc import Iterator

from trio_sts.wire.realtime.requests import (
    ClientEvent,
    CreateFunctionCall,
    CreateFunctionOutput,
    CreateMessage,
)

from .goodbye import Stage
from .history import Entry
from .keypad import keys_message
from .responses import Sequencer
from .state import Greeting, Quarantine, State

# With no completed response between them; then the model's side is given up.
MOST_RECONNECTS = 3
_INAUDIBLE = "(inaudible)"


def lost(state: State) -> None:
    """The model leg is gone: ask for another one, or end the call."""
    if state.goodbye.stage is Stage.LEAVING:
        state.out.end(1000, state.parting or "over")
        return
    if not state.rules.reconnect or state.reconnects >= MOST_RECONNECTS:
        told = "The connection to the assistant was lost."
        state.out.end(1011, "model lost", told)
        return
    state.reconnects += 1
    state.tally.reconnects += 1
    state.owed_at_drop = _owes_turn(state)
    state.ready = state.intake.open = state.caller_speaking = False
    state.goodbye.speech_stopped()
    state.patience.satisfied()
    _forget_ids(state)
    state.out.reconnect()


def restore(state: State, now: float) -> None:
    """A new session is set up: tell it the past, and ask for what is owed."""
    state.out.note("info", "model restored", entries=len(state.history.kept))
    for event in _retold(state):
        state.out.model(event)
    owed = state.calls.all_told() or state.owed_at_drop
    state.owed_at_drop = False
    if state.greeting is not Greeting.NONE and not state.tally.agent_audio_ms:
        # Nobody has heard it: the call begins anew.
        state.greeting = Greeting.NONE
    elif owed:
        state.sequencer.want()
        # If the caller's kept audio is speech, the VAD answers that.
        state.sequencer.speech_stopped(now)
        state.patience.owe()


def _owes_turn(state: State) -> bool:
    if state.calls.pending or state.goodbye.stage is not Stage.NONE:
        return False
    sequencer = state.sequencer
    asked = sequencer.wanted or sequencer.asked or sequencer.busy
    return asked or state.patience.owed or state.caller_speaking


def _forget_ids(state: State) -> None:
    state.sequencer = Sequencer(blocked=state.keypad.busy)
    state.quarantine = Quarantine()
    state.done_responses.clear()
    state.remote_items.clear()
    state.remote_calls.clear()
    mark = f"@{state.tally.reconnects}"
    state.playout.leave_session(mark)
    state.history.leave_session(mark)
    state.calls.leave_session(mark)
    if state.greeting_response_id is not None:
        # Its end will not be seen: it has been said as far as it got.
        state.greeting_response_id += mark
        state.done_responses.append(state.greeting_response_id)


def _retold(state: State) -> Iterator[ClientEvent]:
    told: set[str] = set()
    for entry in state.history.kept:
        if entry.kind == "call":
            if state.calls.is_retold(entry.item_id):
                told.add(entry.item_id)
                yield CreateFunctionCall(entry.item_id, entry.name, entry.text)
        elif entry.kind == "output":
            if entry.item_id in told:
                yield CreateFunctionOutput(entry.item_id, entry.text)
        elif entry.kind != "agent" or entry.text.strip():
            yield _message(entry)


def _message(entry: Entry) -> CreateMessage:
    if entry.kind == "agent":
        return CreateMessage("assistant", entry.text)
    if entry.kind == "keys":
        return CreateMessage("user", keys_message(entry.text))
    return CreateMessage("user", entry.text.strip() or _INAUDIBLE)
