"""The model's responses: they begin, bring audio, end, or fail."""

from trio_sts.conversation.parts.failures import (
    ACTIVE_RESPONSE,
    CANCEL_NOT_ACTIVE,
    Fatal,
    Harmless,
    Retry,
    judge,
)
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ErrorDetail, Response

from . import asking, barge_in, tools


def created(state: State, event: events.ResponseCreated, _: float) -> None:
    """A response begins, ours or the VAD's."""
    _begin(state, event.response.id)


def output_item_added(state: State, event: events.OutputItemAdded, _: float) -> None:
    """A message of the response begins: it is tracked from now on."""
    if event.item.type == "message":
        response_id = event.response_id or state.sequencer.active or ""
        state.playout.expect(event.item.id, response_id)
        state.history.agent_item(event.item.id)


def audio(state: State, event: events.AudioDelta, _: float) -> None:
    """Agent audio; no event is required to come before it."""
    response_id, quarantine = event.response_id, state.quarantine
    if state.sequencer.active is None and not (
        response_id in quarantine or quarantine.is_done(response_id)
    ):
        _begin(state, response_id)
    if response_id in quarantine:
        return
    if not state.playout.add(
        event.item_id, response_id, event.audio, event.content_index
    ):
        return
    state.history.agent_item(event.item_id)
    if event.audio:
        state.owed_turn.settle()
    _keep_bound(state, response_id)


def audio_done(state: State, event: events.AudioDone, _: float) -> None:
    """No more audio comes for this item: its last syllable is sent now."""
    state.playout.finish(event.item_id)


def output_item_done(state: State, event: events.OutputItemDone, _: float) -> None:
    """A message of the response is complete."""
    if event.item.type == "message":
        state.playout.finish(event.item.id)


def done(state: State, event: events.ResponseDone, now: float) -> None:
    """A response has ended, which may be all that is seen of it."""
    response = event.response
    usage = event.usage or response.usage
    if usage is not None:
        state.counters.add_usage(usage)
    state.mcp.response_done()
    state.quarantine.response_done(response.id)
    state.sequencer.done(response.id)
    state.greeting.spoken_by(response.id)
    state.greeting.response_done(response.id, failed=response.status == "failed")
    _close_items(state, response, now)
    tools.response_done(state, response)
    if response.status == "failed":
        _failed(state, response, now)
    elif response.status == "completed":
        state.retries.worked()
        state.connection.worked()
        state.sequencer.fulfilled()


def error(state: State, event: events.ErrorEvent, now: float) -> None:
    """An error event; the session stays open."""
    code = event.error.code
    if code == ACTIVE_RESPONSE:
        state.sequencer.refused()
        return
    if code == CANCEL_NOT_ACTIVE:
        asking.cancel_refused(state, event.error)
    match judge(event.error):
        case Fatal(told=told):
            _give_up(state, event.error, told)
        case Retry(delay_s=delay_s) if asking.is_missing(state):
            asking.retry(state, now, delay_s, code=code)
        case Harmless(expected=True):
            state.out.note("debug", "model error", code=code)
        case _:
            state.out.note("warning", "model error", code=code)


def _begin(state: State, response_id: str) -> None:
    state.sequencer.created(response_id)
    state.greeting.spoken_by(response_id)
    if state.keypad.busy:
        # The VAD answers what was said before the keys; the keys are the turn.
        asking.cancel(state, response_id)


def _keep_bound(state: State, arriving: str) -> None:
    overflow = state.playout.overflow(arriving)
    if overflow is None:
        return
    response_id, cuts = overflow
    state.out.note("warning", "answer cut", why="longer than STS_PLAYOUT_MAX_S")
    for cut in cuts:
        if response_id == arriving:
            state.history.freeze(cut.item_id)
            barge_in.truncate(state, cut)
        else:
            barge_in.forget_unheard(state, cut)
    if response_id == arriving:
        state.quarantine.add(response_id)


def _close_items(state: State, response: Response, now: float) -> None:
    for item in response.output:
        tools.item_listed(state, item, response.id, now)
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
    detail = response.error or ErrorDetail()
    match judge(detail):
        case Fatal(told=told):
            _give_up(state, detail, told)
        case Retry(delay_s=delay_s):
            asking.retry(state, now, delay_s, code=detail.code or detail.type)
        case _:
            asking.retry(state, now, None, code=detail.code or detail.type)


def _give_up(state: State, detail: ErrorDetail, told: str) -> None:
    state.out.note("warning", "model refused", code=detail.code or detail.type)
    state.out.end(1011, "model refused", f"The assistant is not available: {told}.")
