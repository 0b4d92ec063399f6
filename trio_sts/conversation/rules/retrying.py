"""A response that failed is asked for again, or the model is given up."""

from trio_sts.conversation.parts.failures import Fatal, Retry, judge
from trio_sts.conversation.state import State
from trio_sts.wire.realtime.items import ErrorDetail

from . import asks, giving_up


def failed(
    state: State, detail: ErrorDetail, now: float, response_id: str = ""
) -> None:
    """A response has failed for this reason; if it had begun to speak, it goes on."""
    judged = judge(detail)
    if isinstance(judged, Fatal):
        refused(state, detail, judged.told, now)
        return
    named_s = judged.delay_s if isinstance(judged, Retry) else None
    _retry(state, detail, now, named_s, response_id)


def _retry(
    state: State,
    detail: ErrorDetail,
    now: float,
    named_s: float | None,
    response_id: str,
) -> None:
    """Ask for a failed response again after a delay, or end the call."""
    delay_s = state.retries.next_delay_s(named_s)
    if delay_s is None:
        told = "The assistant cannot answer just now."
        giving_up.give_up(state, now, "model failed", told)
        return
    state.counters.count("retries")
    state.out.note(
        "warning",
        "response failed",
        code=detail.code or detail.type,
        retry_in_s=delay_s,
    )
    begun = bool(response_id) and state.playout.received_of(response_id) > 0
    ask = asks.GO_ON if begun else None
    state.sequencer.again(ask, not_before=now + delay_s)
    if not state.owed_turn.owed:
        state.owed_turn.owe()


def refused(state: State, detail: ErrorDetail, told: str, now: float) -> None:
    """The endpoint refuses, and would again: it is not asked any more."""
    state.out.note("warning", "model refused", code=detail.code or detail.type)
    reason = f"The assistant is not available: {told}."
    giving_up.give_up(state, now, "model refused", reason)
