"""Every field of the line that a call leaves, with its unit and its digits."""

from trio_sts.record.finished_call import Wait
from trio_sts.record.prices import Cost
from trio_sts.record.summary import log_fields

from .kit import finished


def test_each_field_has_its_figure_in_its_unit() -> None:
    assert log_fields(finished()) == {
        "outcome": "hung up by the agent",
        "close_code": 1000,
        "duration_s": 61.3,
        "turns": 1,
        "barge_ins": 2,
        "tools": 3,
        "keys": 4,
        "tokens_in": 3_000,
        "tokens_cached": 900,
        "tokens_out": 3_100,
        "greeting_latency_ms": 700,
        "turn_latency_median_ms": 810,
        "turn_latency_worst_ms": 2400,
        "tool_latency_median_ms": 3000,
        "tool_latency_worst_ms": 3000,
        "caller_audio_s": 60.1,
        "agent_audio_s": 33.3,
        "dropped_audio_ms": 346,
        "unfinished_responses": 8,
        "nudges": 5,
        "retries": 6,
        "reconnects": 7,
        "renewals": 9,
        "cost_usd": 0.2452,
        "no_price_for": ["our-own"],
    }


def test_what_there_was_none_of_is_missing() -> None:
    call = finished(greeting=Wait(), turn=Wait(), tool=Wait(), cost=Cost())
    fields = log_fields(call)
    assert not [name for name in fields if "latency" in name]
    assert "cost_usd" not in fields
    assert "no_price_for" not in fields


def test_nobody_s_number_is_in_the_log() -> None:
    told = str(log_fields(finished()))
    assert "123-456" not in told
    assert "5001" not in told
