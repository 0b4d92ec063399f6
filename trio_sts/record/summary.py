"""The one line that a call leaves in the log."""

from typing import Any

from .finished_call import FinishedCall, Wait


def log_fields(call: FinishedCall) -> dict[str, Any]:
    """The fields of the line: how the call ended and what it was like.

    It has no transcript, digit or number of anybody. Each latency says what was waited
    for; one that there was none of is missing. The cost is in US dollars, in list prices,
    with the caller's transcripts, and missing for a model without one.
    """
    tokens = call.tokens
    fields: dict[str, Any] = {
        "outcome": call.outcome,
        "close_code": call.close_code,
        "duration_s": round(call.duration_s, 1),
        "turns": call.turns,
        "barge_ins": call.barge_ins,
        "tools": call.tool_calls,
        "keys": call.keys,
        "tokens_in": tokens.input_audio + tokens.input_text,
        "tokens_cached": tokens.cached_audio + tokens.cached_text,
        "tokens_out": tokens.output_audio + tokens.output_text,
        **_latency("greeting", call.greeting),
        **_latency("turn", call.turn),
        **_latency("tool", call.tool),
        "caller_audio_s": call.caller_audio_s,
        "agent_audio_s": call.agent_audio_s,
        "dropped_audio_ms": call.dropped_audio_ms,
        "unfinished_responses": call.unfinished_responses,
        "nudges": call.nudges,
        "retries": call.retries,
        "reconnects": call.reconnects,
        "renewals": call.renewals,
    }
    if call.cost.usd is not None:
        fields["cost_usd"] = round(call.cost.usd, 4)
    if call.cost.unpriced:
        fields["no_price_for"] = list(call.cost.unpriced)
    return fields


def _latency(kind: str, wait: Wait) -> dict[str, int]:
    if wait.median_ms is None or wait.worst_ms is None:
        return {}
    if kind == "greeting":
        # There is one in a call.
        return {"greeting_latency_ms": wait.worst_ms}
    return {
        f"{kind}_latency_median_ms": wait.median_ms,
        f"{kind}_latency_worst_ms": wait.worst_ms,
    }
