"""A session that drops in mid-call is replaced, and the new one is given the history.

All ids of the old session are forgotten: the new one may use the same. What the caller
said and the old one has neither transcribed nor answered is sent again as audio.
"""

from trio_sts.audio.formats import decoder
from trio_sts.conversation.inputs import ModelLost, ModelReady
from trio_sts.conversation.parts import greeting
from trio_sts.conversation.parts.renewal import Stage
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events

from . import asks, giving_up, retelling


def model_ready(state: State, event: ModelReady, now: float) -> None:
    """A session is set up and hears the caller from now on; a later one gets the history."""
    came_back = not state.connection.ready and state.counters.reconnects > 0
    state.connection.opened(now)
    state.out.note("info", "model ready", model=event.info.model)
    if came_back:
        _begin_session(state, now)
    else:
        state.intake.start(model_hears_speech=state.caller_speech.active)


def use_spare(state: State, now: float) -> None:
    """The session that was to follow takes over, before anything is lost."""
    owed = state.mcp.leave_session() or _owes_turn(state)
    state.out.use_spare()
    leave_session(state, now)
    state.renewal.use(now)
    state.connection.renewed(now, owed=owed)
    _begin_session(state, now)


def model_lost(state: State, event: ModelLost, now: float) -> None:
    """The model leg is gone."""
    if event.unsent:
        unsent = _unsent(state, event.unsent)
        state.replay.refused(unsent, now)
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
    owed = state.mcp.leave_session() or owed or _owes_turn(state)
    state.connection.lost(now, owed=owed, cut=_cuts_answer(state))
    gone = state.goodbye.is_leaving
    if gone or not state.rules.reconnect or state.connection.given_up:
        told = "The connection to the assistant was lost."
        giving_up.give_up(state, now, "model lost", told)
        return
    state.counters.count("reconnects")
    leave_session(state, now)
    if state.renewal.stage is Stage.READY:
        # It was to follow in any case.
        state.out.use_spare()
        state.renewal.use(now)
        state.connection.opened(now)
        _begin_session(state, now)
        return
    state.renewal.leave()
    state.out.reconnect(state.connection.pause_s)


def leave_session(state: State, now: float) -> None:
    """Forget what was the session's own, and keep what is the call's."""
    state.intake.stop()
    state.history.resent(state.replay.turn)
    state.intake.put_back(state.replay.take())
    state.caller_speech.leave_session()
    state.goodbye.speech_stopped(now)
    state.owed_turn.settle()
    for item_id in state.history.unfinished():
        # Its words are ahead of its audio, and no more of that comes.
        state.history.cut_to_audio(item_id, state.playout.came_of(item_id))
    _forget_ids(state)


def _begin_session(state: State, now: float) -> None:
    """Give a new session the history and the caller, and ask for what is owed."""
    state.intake.start(model_hears_speech=state.caller_speech.active)
    state.out.note("info", "model restored", entries=len(state.history.kept))
    retelling.tell(state)
    owed = state.calls.mark_retold() or state.connection.owed_at_drop
    ask = asks.GO_ON if state.connection.cut_at_drop else None
    state.connection.restored()
    asked = state.greeting.stage is not greeting.Stage.NONE
    if asked and not state.counters.agent_audio_ms:
        # Nobody has heard the greeting: the call begins anew.
        state.greeting.forget()
    elif owed:
        state.sequencer.ask_anew(ask)
        # If the caller's kept audio is speech, the VAD answers that.
        state.sequencer.speech_stopped(now)
        state.owed_turn.owe()


def _unsent(state: State, audio: bytes) -> bytes:
    """What the session cannot have got, as the caller's line has it."""
    rules = state.rules
    return decoder(rules.audio_format, rules.caller_rate_hz).decode(audio)


def _owes_turn(state: State) -> bool:
    if state.calls.pending or state.goodbye.under_way:
        return False
    sequencer = state.sequencer
    asked = sequencer.wanted or sequencer.asked or sequencer.busy
    return asked or state.owed_turn.owed or state.caller_speech.active


def _cuts_answer(state: State) -> bool:
    """Whether the caller has heard, or will hear, the beginning of an answer only."""
    active = state.sequencer.active
    if active is None or active in state.quarantine:
        return False
    return state.playout.received_of(active) > 0


def _forget_ids(state: State) -> None:
    state.sequencer.leave_session()
    state.quarantine.leave_session()
    state.greeting.leave_session()
    mark = f"@{state.connection.sessions}"
    state.playout.leave_session(mark)
    state.history.leave_session(mark)
    state.calls.leave_session(mark)
