"""A finished call as a row of the table, and back."""

from typing import Any

from sqlalchemy import RowMapping

from trio_sts.record.finished_call import Files, FinishedCall, Tokens, ToolRun, Wait
from trio_sts.record.prices import Cost

from .numbers import number_key

# Columns that are called as the fields are.
_SAME = (
    *("id", "uuid", "begun_at", "ended_at", "duration_s", "outcome", "close_code"),
    *("caller", "called", "model", "turns", "barge_ins", "keys", "tool_calls"),
    *("transcription_s", "caller_audio_s", "agent_audio_s", "dropped_audio_ms"),
    *("unfinished_responses", "nudges", "retries", "reconnects", "renewals"),
    *("host", "version"),
)
_TOKENS = (
    *("input_audio", "input_text", "cached_audio", "cached_text"),
    *("output_audio", "output_text", "transcription_input", "transcription_output"),
)


def row_of(call: FinishedCall) -> dict[str, Any]:
    """The values of a row, by column."""
    return {
        **{name: getattr(call, name) for name in _SAME},
        **{f"{name}_tokens": getattr(call.tokens, name) for name in _TOKENS},
        "tools": [
            {"name": run.name, "duration_ms": run.duration_ms, "outcome": run.outcome}
            for run in call.tools
        ],
        "greeting_latency_ms": call.greeting.worst_ms,
        "turn_latencies": call.turn.count,
        "turn_latency_median_ms": call.turn.median_ms,
        "turn_latency_worst_ms": call.turn.worst_ms,
        "tool_latencies": call.tool.count,
        "tool_latency_median_ms": call.tool.median_ms,
        "tool_latency_worst_ms": call.tool.worst_ms,
        "worst_latency_ms": call.worst_ms,
        "cost_usd": call.cost.usd,
        "no_price_for": list(call.cost.unpriced),
        "call_file": call.files.call,
        "recording_file": call.files.recording,
        "transcript_file": call.files.transcript,
        "caller_key": number_key(call.caller),
        "called_key": number_key(call.called),
    }


def call_of(row: RowMapping) -> FinishedCall:
    """The call that a row is of."""
    greeting_ms = row["greeting_latency_ms"]
    return FinishedCall(
        **{name: row[name] for name in _SAME},
        tokens=Tokens(**{name: row[f"{name}_tokens"] for name in _TOKENS}),
        tools=tuple(
            ToolRun(run["name"], run["duration_ms"], run["outcome"])
            for run in row["tools"]
        ),
        greeting=Wait() if greeting_ms is None else Wait(1, greeting_ms, greeting_ms),
        turn=Wait(
            row["turn_latencies"],
            row["turn_latency_median_ms"],
            row["turn_latency_worst_ms"],
        ),
        tool=Wait(
            row["tool_latencies"],
            row["tool_latency_median_ms"],
            row["tool_latency_worst_ms"],
        ),
        cost=Cost(row["cost_usd"], tuple(row["no_price_for"])),
        files=Files(
            call=row["call_file"],
            recording=row["recording_file"],
            transcript=row["transcript_file"],
        ),
    )
