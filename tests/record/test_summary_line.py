"""Every field of the line that a call leaves, with its unit and its digits."""

from trio_sts.conversation.parts.counters import Counters
from trio_sts.record.summary import summary
from trio_sts.wire.realtime.items import Usage

USAGE = Usage(
    input_text_tokens=1_000,
    input_audio_tokens=2_000,
    cached_text_tokens=400,
    cached_audio_tokens=500,
    output_text_tokens=100,
    output_audio_tokens=3_000,
)


def test_each_field_has_its_counter_in_its_unit() -> None:
    counters = Counters(
        turns=1,
        barge_ins=2,
        tools=3,
        keys=4,
        unfinished_responses=8,
        nudges=5,
        retries=6,
        reconnects=7,
        renewals=9,
        caller_audio_ms=1_234_060,
        agent_audio_ms=2_345_060,
        dropped_audio_ms=345.6,
        worst_latency_s=1.2345,
    )
    counters.add_usage(USAGE)

    fields = summary(
        counters,
        outcome="hung up",
        code=1000,
        duration_s=61.26,
        model="gpt-realtime-2.1",
    )

    # What it costs is worked out by hand in `test_summary`.
    assert fields == {
        "outcome": "hung up",
        "close_code": 1000,
        "duration_s": 61.3,
        "turns": 1,
        "barge_ins": 2,
        "tools": 3,
        "keys": 4,
        "tokens_in": 3_000,
        "tokens_cached": 900,
        "tokens_out": 3_100,
        "worst_latency_ms": 1234,
        "caller_audio_s": 1234.1,
        "agent_audio_s": 2345.1,
        "dropped_audio_ms": 346,
        "unfinished_responses": 8,
        "nudges": 5,
        "retries": 6,
        "reconnects": 7,
        "renewals": 9,
        "cost_usd": 0.2452,
    }
