"""What the model says: responses, audio, words, errors."""

from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ErrorDetail, Response
from trio_sts.wire.realtime.requests import CancelResponse

from . import actions, turns
from .failures import ACTIVE_RESPONSE, CANCEL_NOT_ACTIVE, Fatal, Harmless, Retry, judge
from .state import Greeting, State


def response_created(state: State, event: events.ResponseCreated, _: float) -> None:
    """A response begins, ours or the VAD's."""
    _active(state, event.response.id)


def _greet(state: State, response_id: str) -> None:
    if state.greeting is Greeting.ASKED:
        state.greeting = Greeting.SPEAKING
        state.greeting_response_id = response_id


def _active(state: State, response_id: str) -> None:
    state.sequencer.created(response_id)
    _greet(state, response_id)
    if state.keypad.busy:
        # The VAD answers what was said before the keys; the keys are the turn.
        state.quarantine.add(response_id)
        event_id = f"cancel_{response_id}"
        state.out.model(CancelResponse(response_id, event_id=event_id))


def audio(state: State, event: events.AudioDelta, _: float) -> None:
    """Agent audio; no event is required to come before it."""
    known = event.response_id in state.quarantine or (
        event.response_id in state.done_responses
    )
    if state.sequencer.active is None and not known:
        _active(state, event.response_id)
    if event.response_id in state.quarantine:
        return
    if not state.playout.add(
        event.item_id, event.response_id, event.audio, event.content_index
    ):
        return
    state.history.agent_item(event.item_id)
    if event.audio:
        state.patience.satisfied()
    _mind_bound(state, event.response_id)


def _mind_bound(state: State, arriving: str) -> None:
    overflow = state.playout.overflow(arriving)
    if overflow is None:
        return
    response_id, cuts = overflow
    state.out.note("warning", "answer cut", why="longer than STS_PLAYOUT_MAX_S")
    for cut in cuts:
        if response_id == arriving:
            state.history.freeze(cut.item_id)
            turns.truncate(state, cut)
        else:
            turns.forget_unheard(state, cut)
    if response_id == arriving:
        state.quarantine.add(response_id)


def audio_done(state: State, event: events.AudioDone, _: float) -> None:
    """No more audio comes for this item: its last syllable is sent now."""
    state.playout.finish(event.item_id)


def transcript_delta(state: State, event: events.TranscriptDelta, _: float) -> None:
    """More of the agent's words."""
    state.playout.expect(event.item_id, event.response_id)
    state.history.agent_says(event.item_id, event.delta)


def transcript_done(state: State, event: events.TranscriptDone, _: float) -> None:
    """All of the agent's words."""
    state.playout.expect(event.item_id, event.response_id)
    state.history.agent_said(event.item_id, event.transcript)


def response_done(state: State, event: events.ResponseDone, now: float) -> None:
    """A response has ended, which may be all that is seen of it."""
    response = event.response
    usage = event.usage or response.usage
    if usage is not None:
        state.tally.add_usage(usage)
    state.remote_calls.clear()
    state.done_responses.append(response.id)
    state.quarantine.release(response.id)
    state.sequencer.done(response.id)
    _greet(state, response.id)
    _close_items(state, response, now)
    for call in state.calls.response_done(response):
        state.goodbye.dropped(call)
    if response.status == "failed":
        _failed(state, response, now)
    elif response.status == "completed":
        state.retries = state.reconnects = 0
        state.sequencer.fulfilled()


def error(state: State, event: events.ErrorEvent, now: float) -> None:
    """An error event; the session stays open."""
    if event.error.code == ACTIVE_RESPONSE:
        state.sequencer.refused()
        return
    if event.error.code == CANCEL_NOT_ACTIVE:
        _cancelled_in_vain(state, event.error.event_id)
    match judge(event.error):
        case Fatal(told=told):
            _give_up(state, event.error, told)
        case Retry(delay_s=delay_s) if state.response_missing:
            state.retry(now, delay_s, code=event.error.code)
        case Harmless(expected=True):
            state.out.note("debug", "model error", code=event.error.code)
        case _:
            state.out.note("warning", "model error", code=event.error.code)


def _cancelled_in_vain(state: State, cited: str | None) -> None:
    # What we took for active was over: its end would have come before this answer.
    active = state.sequencer.active
    if active in state.quarantine and cited in {None, f"cancel_{active}"}:
        state.sequencer.gone()


def session_updated(state: State, event: events.SessionUpdated, _: float) -> None:
    """The formats are compared on every echo: a wrong one is noise in the ear."""
    echoed = {event.session.input_format, event.session.output_format} - {None}
    if echoed - {state.rules.audio_format}:
        state.out.end(
            1011, "wrong format", "The model does not speak our audio format."
        )


def caller_item(state: State, event: events.InputCommitted, now: float) -> None:
    """The caller's turn has its place in the conversation."""
    state.history.caller_turn(event.item_id, now)


def item_added(state: State, event: events.ItemAdded, now: float) -> None:
    """An item has its place; ours (text) are known already."""
    typed = any(part.type == "input_text" for part in event.item.content)
    if event.item.role == "user" and not typed:
        state.history.caller_turn(event.item.id, now)


def caller_words(state: State, event: events.TranscriptionCompleted, _: float) -> None:
    """The caller's words; cumulative ones are waited out."""
    if event.status in {None, "completed"}:
        state.history.caller_said(event.item_id, event.transcript)


def no_caller_words(state: State, event: events.TranscriptionFailed, _: float) -> None:
    """The caller's words will never come."""
    state.history.caller_said(event.item_id, "")
    state.out.note("info", "transcription failed", code=event.error.code)


def _close_items(state: State, response: Response, now: float) -> None:
    for item in response.output:
        actions.item_listed(state, item, response.id, now)
        if item.type == "message":
            state.playout.expect(item.id, response.id)
            words = " ".join(p.transcript or p.text or "" for p in item.content).strip()
            if words:
                state.history.agent_said(item.id, words)
    state.playout.finish_response(response.id)
    for track in state.playout.live_of(response.id):
        if track.received_ms == 0:
            state.playout.drop(track)
            state.history.cut(track.item_id, 0, 0)


def _failed(state: State, response: Response, now: float) -> None:
    error = response.error or ErrorDetail()
    if response.id == state.greeting_response_id:
        state.greeting = Greeting.ASKED
    match judge(error):
        case Fatal(told=told):
            _give_up(state, error, told)
        case Retry(delay_s=delay_s):
            state.retry(now, delay_s, code=error.code or error.type)
        case _:
            state.retry(now, None, code=error.code or error.type)


def _give_up(state: State, error: ErrorDetail, told: str) -> None:
    state.out.note("warning", "model refused", code=error.code or error.type)
    state.out.end(1011, "model refused", f"The assistant is not available: {told}.")
