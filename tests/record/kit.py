"""A call that is over, and what it says of itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

from trio_sts.record.finished_call import (
    Files,
    FinishedCall,
    Tokens,
    ToolRun,
    Wait,
)
from trio_sts.record.prices import Cost

BEGUN_AT = datetime(2026, 11, 25, 10, 30, 0, 123_000, tzinfo=UTC)


def finished(**fields: Any) -> FinishedCall:
    """A call with something in every field."""
    given: dict[str, Any] = {
        "uuid": "call-1",
        "begun_at": BEGUN_AT,
        "ended_at": BEGUN_AT + timedelta(seconds=61.26),
        "duration_s": 61.26,
        "outcome": "hung up by the agent",
        "close_code": 1000,
        "caller": "+49 (30) 123-456",
        "called": "5001",
        "model": "gpt-realtime-2.1",
        "turns": 1,
        "barge_ins": 2,
        "keys": 4,
        "tools": (
            ToolRun("look_up", 1234, "ok"),
            ToolRun("avr_hangup", 45, "failed"),
        ),
        "tool_calls": 3,
        "greeting": Wait(1, 700, 700),
        "turn": Wait(4, 810, 2400),
        "tool": Wait(1, 3000, 3000),
        "tokens": Tokens(
            input_audio=2000,
            input_text=1000,
            cached_audio=500,
            cached_text=400,
            output_audio=3000,
            output_text=100,
            transcription_input=7,
            transcription_output=8,
        ),
        "transcription_s": 12.5,
        "cost": Cost(0.24516, ("our-own",)),
        "caller_audio_s": 60.1,
        "agent_audio_s": 33.3,
        "dropped_audio_ms": 346,
        "unfinished_responses": 8,
        "nudges": 5,
        "retries": 6,
        "reconnects": 7,
        "renewals": 9,
        "files": Files(call="/records/a.call", recording="/records/a.wav"),
        "host": "telephone-1",
        "version": "0.1.0",
    }
    return FinishedCall(**{**given, **fields})
