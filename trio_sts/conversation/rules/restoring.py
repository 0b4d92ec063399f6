"""A session that drops in mid-call is replaced, and the new one is given the history.

What the caller said and heard goes as text, tool calls with their outputs; audio is
never sent again. All ids of the old session are forgotten: the new one may use the same.
"""

from collections.abc import Iterator

from trio_sts.conversation.inputs import ModelLost, ModelReady
from trio_sts.conversation.parts.greeting import Stage
from trio_sts.conversation.parts.history import Entry
from trio_sts.conversation.parts.keypad import keys_message
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import (
    ClientEvent,
    CreateFunctionCall,
    CreateFunctionOutput,
    CreateMessage,
)

from . import giving_up

_INAUDIBLE = "(inaudible)"


def model_ready(state: State, event: ModelReady, now: float) -> None:
    """A session is set up and hears the caller from now on; a later one gets the history."""
    came_back = not state.connection.ready and state.counters.reconnects > 0
    state.connection.opened()
    state.intake.start(model_hears_speech=state.caller_speech.active)
    state.out.note("info", "model ready", model=event.info.model)
    if came_back:
        _restore(state, now)


def model_lost(state: State, _: ModelLost, now: float) -> None:
    """The model leg is gone."""
    drop_session(state, now)


def replace_session(state: State, now: float) -> None:
    """The session is of no use: another one is to answer the turn that is owed."""
    drop_session(state, now, owed=True)


def session_updated(state: State, event: events.SessionUpdated, now: float) -> None:
    """The formats are compared on every echo: a wrong one is noise in the ear."""
    echoed = {event.session.input_format, event.session.output_format} - {None}
    if echoed - {state.rules.audio_format}:
        told = "The model does not speak our audio format."
        giving_up.give_up(state, now, "wrong format", told)


def drop_session(state: State, now: float, *, owed: bool = False) -> None:
    """Ask for another session, or end the call."""
    if state.apology.under_way:
        return
    gone = state.goodbye.is_leaving
    if gone or not state.rules.reconnect or state.connection.given_up:
        told = "The connection to the assistant was lost."
        giving_up.give_up(state, now, "model lost", told)
        return
    state.counters.count("reconnects")
    mcp_owed = state.mcp.leave_session()
    state.connection.lost(now, owed=owed or mcp_owed or _owes_turn(state))
    state.intake.stop()
    state.caller_speech.leave_session()
    state.goodbye.speech_stopped(now)
    state.owed_turn.settle()
    _forget_ids(state)
    state.out.reconnect()


def _restore(state: State, now: float) -> None:
    """Give a new session the history, and ask for what is owed."""
    state.out.note("info", "model restored", entries=len(state.history.kept))
    for event in _retold(state):
        state.out.model(event)
    owed = state.calls.mark_retold() or state.connection.owed_at_drop
    state.connection.restored()
    asked = state.greeting.stage is not Stage.NONE
    if asked and not state.counters.agent_audio_ms:
        # Nobody has heard the greeting: the call begins anew.
        state.greeting.forget()
    elif owed:
        state.sequencer.again()
        # If the caller's kept audio is speech, the VAD answers that.
        state.sequencer.speech_stopped(now)
        state.owed_turn.owe()


def _owes_turn(state: State) -> bool:
    if state.calls.pending or state.goodbye.under_way:
        return False
    sequencer = state.sequencer
    asked = sequencer.wanted or sequencer.asked or sequencer.busy
    return asked or state.owed_turn.owed or state.caller_speech.active


def _forget_ids(state: State) -> None:
    state.sequencer.leave_session()
    state.quarantine.leave_session()
    state.greeting.leave_session()
    mark = f"@{state.counters.reconnects}"
    state.playout.leave_session(mark)
    state.history.leave_session(mark)
    state.calls.leave_session(mark)


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
