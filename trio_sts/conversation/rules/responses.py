"""The model's responses: they begin, bring audio, end, and are judged by what was audible.

A turn that is owed is settled by a response of which the caller could hear something,
or that called a tool; one that came to nothing is asked for again.
"""

from attrs import evolve

from trio_sts.conversation.parts.failures import (
    CANCEL_NOT_ACTIVE,
    SESSION_EXPIRED,
    Fatal,
    Harmless,
    Retry,
    judge,
)
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ErrorDetail, Item, Response
from trio_sts.wire.realtime.requests import DeleteItem

from . import asking, asks, barge_in, dead_air, mcp, restoring, retrying, tools

_TOKEN_LIMIT = "max_output_tokens"  # noqa: S105  # a reason, no secret
_FILTERED = "content_filter"
_TURN_DETECTED = "turn_detected"


def created(state: State, event: events.ResponseCreated, now: float) -> None:
    """A response begins, ours or the VAD's."""
    response_id = event.response.id
    if state.quarantine.is_done(response_id):
        # Some endpoints use one id for ever.
        state.quarantine.response_begins(response_id)
        state.calls.response_begins(response_id)
        state.playout.response_begins(response_id)
    if response_id:
        _begin(state, response_id, now)


def output_item_added(state: State, event: events.OutputItemAdded, _: float) -> None:
    """A message of the response begins: it is tracked from now on."""
    if event.item.type == "message" and event.item.id:
        response_id = event.response_id or state.sequencer.active or ""
        state.playout.expect(event.item.id, response_id)
        state.history.agent_item(event.item.id)


def audio(state: State, event: events.AudioDelta, now: float) -> None:
    """Agent audio; no event is required to come before it."""
    response_id, quarantine = event.response_id, state.quarantine
    if response_id != state.sequencer.active and _is_new(state, response_id):
        barge_in.new_response(state, response_id, now)
        _begin(state, response_id, now)
    if response_id in quarantine:
        return
    if not state.playout.add(
        event.item_id, response_id, event.audio, event.content_index
    ):
        return
    state.history.agent_item(event.item_id)
    if event.audio and state.mcp.unanswered:
        state.mcp.response_follows()
    _keep_bound(state, response_id)


def _is_new(state: State, response_id: str) -> bool:
    """Whether nothing was seen of a response, or nothing of any is awaited."""
    quarantine = state.quarantine
    if response_id in quarantine or quarantine.is_done(response_id):
        return False
    return state.sequencer.active is None or not state.playout.knows(response_id)


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
    if not response.id:
        response = evolve(response, id=state.sequencer.active or "")
    usage = event.usage or response.usage
    if usage is not None:
        state.counters.add_usage(usage)
    known_end = state.quarantine.is_done(response.id)
    shortened = state.playout.was_shortened(response.id)
    cut_off = response.id in state.quarantine and not shortened
    state.quarantine.response_done(response.id)
    state.sequencer.done(response.id)
    state.greeting.spoken_by(response.id)
    state.greeting.response_done(response.id, failed=response.status == "failed")
    _close_items(state, response, now)
    tools.response_done(state, response)
    state.mcp.response_done(now)
    if not known_end:
        _judge_end(state, response, now, cut_off=cut_off)


def error(state: State, event: events.ErrorEvent, now: float) -> None:
    """An error event; the session stays open."""
    code = event.error.code
    if asking.refused(state, event.error):
        return
    if code == CANCEL_NOT_ACTIVE:
        asking.cancel_refused(state, event.error)
    if code == SESSION_EXPIRED:
        restoring.drop_session(state, now)
        return
    match judge(event.error):
        case Fatal(told=told):
            retrying.refused(state, event.error, told, now)
        case Retry() if asking.is_missing(state):
            retrying.failed(state, event.error, now)
        case Retry() if state.sequencer.active is not None:
            _fail_active(state, event.error, now)
        case Harmless(expected=True):
            state.out.note("debug", "model error", code=code)
        case _:
            state.out.note("warning", "model error", code=code)


def _begin(state: State, response_id: str, now: float) -> None:
    state.sequencer.created(response_id)
    state.owed_turn.sign_of_life()
    state.latencies.response_begins(response_id)
    state.greeting.spoken_by(response_id)
    state.mcp.response_follows()
    if state.keypad.busy and not state.greeting.is_spoken_by(response_id):
        # The VAD answers what was said before the keys; the keys are the turn.
        asking.cancel(state, response_id, now)


def _fail_active(state: State, detail: ErrorDetail, now: float) -> None:
    """An error that ends the active response: its ``response.done`` may never come."""
    active = state.sequencer.active or ""
    state.sequencer.gone()
    state.quarantine.response_done(active)
    # What still comes of it would be heard beside the answer that is asked for.
    state.quarantine.add(active)
    state.playout.finish_response(active)
    state.greeting.response_done(active, failed=True)
    retrying.failed(state, detail, now, active)


def _judge_end(state: State, response: Response, now: float, *, cut_off: bool) -> None:
    status, reason = response.status, response.reason
    if status not in {"completed", "in_progress"}:
        state.counters.count("unfinished_responses")
        state.out.note(
            "info" if status == "cancelled" else "warning",
            "response not completed",
            status=status,
            reason=reason,
        )
    if status == "failed":
        detail = response.error or ErrorDetail()
        retrying.failed(state, detail, now, response.id)
    elif cut_off or state.caller_speech.active or _is_cut_by_turn(state, response):
        # Whatever cut it owes the next turn: speech, keys, or our asking again.
        return
    elif _came_to_something(state, response):
        if reason == _TOKEN_LIMIT and status == "incomplete":
            _warn_of_token_limit(state)
        if not (state.mcp.owes or state.sequencer.wanted):
            # A want that outlives this response is the next turn's.
            state.owed_turn.settle()
        state.retries.worked()
    elif state.owed_turn.owed:
        _came_to_nothing(state, response, now)


def _is_cut_by_turn(state: State, response: Response) -> bool:
    """Whether it was cancelled and owes nothing: not if nobody cut it or heard of it."""
    if response.status != "cancelled":
        return False
    return response.reason == _TURN_DETECTED or _came_to_something(state, response)


def _came_to_something(state: State, response: Response) -> bool:
    audible = state.playout.received_of(response.id) > 0
    return audible or state.mcp.owes or state.calls.made_calls(response.id)


def _came_to_nothing(state: State, response: Response, now: float) -> None:
    """Nothing of it was audible: ask again, by why that is so."""
    if response.status == "incomplete" and response.reason == _FILTERED:
        if state.owed_turn.first_withheld():
            state.sequencer.want(asks.CANNOT_ANSWER)
        return
    if response.status == "incomplete" and response.reason == _TOKEN_LIMIT:
        _warn_of_token_limit(state)
        if state.owed_turn.first_cut_by_limit():
            state.sequencer.again()
        return
    written = [item for item in response.output if _is_text_only(item)]
    for item in written:
        event_id = f"delete_{item.id}"
        state.out.model(DeleteItem(item.id, event_id=event_id))
    remedy = state.owed_turn.came_to_nothing()
    if remedy is remedy.ASK_AGAIN:
        why = "text only" if written else "empty"
        state.out.note("warning", "answer came to nothing", why=why)
        if written:
            state.sequencer.again_aloud()
        else:
            state.sequencer.again()
    else:
        dead_air.climb(state, now, remedy, why="answers came to nothing")


def _is_text_only(item: Item) -> bool:
    if item.type != "message" or not item.id:
        return False
    return any(part.type in {"text", "output_text"} for part in item.content)


def _warn_of_token_limit(state: State) -> None:
    if state.counters.first_token_limit():
        setting = "OPENAI_MAX_TOKENS"
        state.out.note("warning", "answer cut by the token limit", setting=setting)


def _keep_bound(state: State, arriving: str) -> None:
    before_ms = state.playout.queued_ms
    cut = state.playout.overflow(arriving)
    state.counters.cut_audio(before_ms - state.playout.queued_ms)
    for response_id in cut:
        state.out.note("warning", "answer cut", why="longer than STS_PLAYOUT_MAX_S")
        for track in state.playout.live_of(response_id):
            state.history.freeze(track.item_id)
        if response_id == arriving:
            state.quarantine.add(response_id)


def _close_items(state: State, response: Response, now: float) -> None:
    for item in response.output:
        whole = response.status in {"completed", "in_progress"}
        tools.item_listed(state, item, response.id, now, whole=whole)
        mcp.item_listed(state, item, now)
        if item.type == "message" and item.id:
            state.playout.expect(item.id, response.id)
            words = " ".join(p.transcript or p.text or "" for p in item.content).strip()
            if words:
                state.history.agent_said(item.id, words)
    state.playout.finish_response(response.id)
    for track in state.playout.live_of(response.id):
        if track.received_ms == 0:
            barge_in.drop_silent(state, track)
