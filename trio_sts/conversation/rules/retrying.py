"""A response that failed is asked for again, or the model is given up."""

from trio_sts.conversation.parts.failures import Fatal, Retry, judge
from trio_sts.conversation.state import State
from trio_sts.wire.realtime.items import ErrorDetail

from . import giving_up


def failed(state: State, detail: ErrorDetail, now: float) -> None:
    """A response has failed for this reason."""
    match judge(detail):
        case Fatal(told=told):
            refused(state, detail, told, now)
        case Retry(delay_s=delay_s):
            retry(state, now, delay_s, code=detail.code or detail.type)
        case _:
            retry(state, now, None, code=detail.code or detail.type)


def retry(state: State, now: float, named_s: float | None, *, code: str | None) -> None:
    """Ask for a failed response again after a delay, or end the call."""
    delay_s = state.retries.next_delay_s(named_s)
    if delay_s is None:
        told = "The assistant cannot answer just now."
        giving_up.give_up(state, now, "model failed", told)
        return
    state.counters.count("retries")
    state.out.note("warning", "response failed", code=code, retry_in_s=delay_s)
    state.sequencer.again(not_before=now + delay_s)
    if not state.owed_turn.owed:
        state.owed_turn.owe()


def refused(state: State, detail: ErrorDetail, told: str, now: float) -> None:
    """The endpoint refuses, and would again: it is not asked any more."""
    state.out.note("warning", "model refused", code=detail.code or detail.type)
    reason = f"The assistant is not available: {told}."
    giving_up.give_up(state, now, "model refused", reason)
