"""The one line that a call leaves in the log."""

from typing import Any

from trio_sts.conversation.tally import Tally

from .prices import cost_usd


def summary(
    tally: Tally, *, outcome: str, code: int, duration_s: float, model: str
) -> dict[str, Any]:
    """The fields of the line: how the call ended and what it was like.

    Nothing in it is anybody's words or number; the cost is in US dollars, in list
    prices, and missing for a model without one.
    """
    fields: dict[str, Any] = {
        "outcome": outcome,
        "close_code": code,
        "duration_s": round(duration_s, 1),
        "turns": tally.turns,
        "barge_ins": tally.barge_ins,
        "tools": tally.tools,
        "keys": tally.keys,
        "tokens_in": tally.input_audio_tokens + tally.input_text_tokens,
        "tokens_cached": tally.cached_audio_tokens + tally.cached_text_tokens,
        "tokens_out": tally.output_audio_tokens + tally.output_text_tokens,
        "worst_latency_ms": round(tally.worst_latency_s * 1000),
        "caller_audio_s": round(tally.caller_audio_ms / 1000, 1),
        "agent_audio_s": round(tally.agent_audio_ms / 1000, 1),
        "dropped_audio_ms": round(tally.dropped_audio_ms),
        "nudges": tally.nudges,
        "retries": tally.retries,
        "reconnects": tally.reconnects,
    }
    cost = cost_usd(tally, model)
    if cost is not None:
        fields["cost_usd"] = round(cost, 4)
    return fields
