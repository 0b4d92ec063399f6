"""The caller interrupts the agent: audio is dropped, the model's record truncated."""

from trio_sts.conversation.parts.playout import Cut, Track
from trio_sts.conversation.state import State
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import DeleteItem, TruncateItem

from . import asking, retelling
from .transcripts import record_heard


def speech_started(state: State, _: events.SpeechStarted, now: float) -> None:
    """Speech is a barge-in, unless the operator wants the agent to finish.

    Speech during a transfer's wait is one always: the transfer does not go on otherwise.
    """
    transfer_waits = state.goodbye.waits and state.goodbye.kind == "transfer"
    if state.rules.barge_in or transfer_waits:
        interrupt(state, now, by="speech")


def input_committed(state: State, _: events.InputCommitted, now: float) -> None:
    """A turn of the caller's; some endpoints never send ``speech_started`` for it."""
    announced = state.caller_speech.committed()
    if announced:
        return
    if state.rules.barge_in and state.playout.audible(now):
        interrupt(state, now, by="committed turn")
    state.owed_turn.owe_caller()


def response_created(state: State, event: events.ResponseCreated, now: float) -> None:
    """A response begins."""
    new_response(state, event.response.id, now)


def new_response(state: State, response_id: str, now: float) -> None:
    """A response that nobody asked for: the VAD answers a turn it did not announce."""
    sequencer = state.sequencer
    unasked = not sequencer.asked and response_id != sequencer.active
    if not unasked or state.mcp.unanswered or not state.rules.barge_in:
        return
    if state.playout.audible(now):
        interrupt(state, now, by="new response")


def interrupt(state: State, now: float, *, by: str) -> None:
    """Drop the agent's audio, and truncate the model's record to what was heard.

    After a key, or where the VAD may not interrupt, the response is cancelled first.
    """
    close_heard(state, now)
    active = state.sequencer.active
    cuts: list[Cut] = []
    if state.playout.audible(now):
        cuts = state.playout.interrupt(now)
        state.out.caller(avr.Interruption())
        state.counters.count("barge_ins")
        state.out.note("info", "barge-in", by=by)
    elif active is not None:
        # Part of a frame may wait for the rest, which is not to come any more.
        for track in state.playout.live_of(active):
            cut = state.playout.drop(track)
            record_heard(state, cut.item_id)
    if active is not None:
        vad_cancels = by != "key" and state.rules.barge_in
        if not vad_cancels and active not in state.quarantine:
            asking.cancel(state, active, now)
        asking.give_up_active(state, active, now)
    for cut in cuts:
        forget_unheard(state, cut)


def close_heard(state: State, now: float) -> None:
    """Close what the caller has heard to its end by now."""
    for track in state.playout.settle(now):
        _record_end(state, track)
        if track.shortened or not track.received_ms:
            _tell_model(state, state.playout.end_of(track))


def drop_silent(state: State, track: Track) -> None:
    """An audio part that has ended without any audio: nobody has heard it."""
    state.playout.drop(track)
    if not state.playout.is_live(track.item_id):
        record_heard(state, track.item_id)


def record_unheard(state: State, now: float) -> None:
    """The call is over: cut the history to what was heard; nothing is sent."""
    for track in state.playout.settle(now):
        _record_end(state, track)
    for cut in state.playout.interrupt(now):
        record_heard(state, cut.item_id)


def forget_unheard(state: State, cut: Cut) -> None:
    """Make the model's record of an item what the caller heard of it."""
    record_heard(state, cut.item_id)
    _tell_model(state, cut)


def _record_end(state: State, track: Track) -> None:
    """An audio part has been heard as far as it is ever played."""
    if not track.item_id or state.playout.is_live(track.item_id):
        # What was said is told when all parts of it have been heard.
        return
    if track.shortened or not track.received_ms:
        record_heard(state, track.item_id)
    else:
        heard_ms, _ = state.playout.heard_of(track.item_id)
        state.history.heard(track.item_id, heard_ms)


def _tell_model(state: State, cut: Cut) -> None:
    if cut.fully_heard:
        return
    if cut.past:
        retelling.correct(state, cut.item_id)
    else:
        _correct(state, cut)


def _correct(state: State, cut: Cut) -> None:
    """Tell the model where one audio part of an item ended."""
    if cut.received_ms > 0:
        # Sums of times may miss a whole number by their last bits.
        heard_ms = int(min(cut.heard_ms, cut.received_ms) + 1e-6)
        event_id = f"truncate_{cut.item_id}"
        state.out.model(
            TruncateItem(cut.item_id, heard_ms, cut.content_index, event_id=event_id)
        )
    elif cut.item_id and not state.playout.heard_of(cut.item_id)[1]:
        event_id = f"delete_{cut.item_id}"
        state.out.model(DeleteItem(cut.item_id, event_id=event_id))
