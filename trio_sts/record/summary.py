"""The one line that a call leaves in the log."""

from typing import Any

from trio_sts.conversation.parts.counters import Counters

from .prices import cost_usd


def summary(
    counters: Counters,
    *,
    outcome: str,
    code: int,
    duration_s: float,
    model: str,
    transcriber: str | None = None,
) -> dict[str, Any]:
    """The fields of the line: how the call ended and what it was like.

    It has no transcript, digit or number of anybody; the cost is in US dollars, in list
    prices, with the caller's transcripts, and missing for a model without one.
    """
    fields: dict[str, Any] = {
        "outcome": outcome,
        "close_code": code,
        "duration_s": round(duration_s, 1),
        "turns": counters.turns,
        "barge_ins": counters.barge_ins,
        "tools": counters.tools,
        "keys": counters.keys,
        "tokens_in": counters.input_audio_tokens + counters.input_text_tokens,
        "tokens_cached": counters.cached_audio_tokens + counters.cached_text_tokens,
        "tokens_out": counters.output_audio_tokens + counters.output_text_tokens,
        "worst_latency_ms": round(counters.worst_latency_s * 1000),
        "caller_audio_s": round(counters.caller_audio_ms / 1000, 1),
        "agent_audio_s": round(counters.agent_audio_ms / 1000, 1),
        "dropped_audio_ms": round(counters.dropped_audio_ms),
        "unfinished_responses": counters.unfinished_responses,
        "nudges": counters.nudges,
        "retries": counters.retries,
        "reconnects": counters.reconnects,
        "renewals": counters.renewals,
    }
    cost = cost_usd(counters, model, transcriber)
    if cost is not None:
        fields["cost_usd"] = round(cost, 4)
    return fields
