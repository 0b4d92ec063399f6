import pytest

from trio_sts.conversation.parts.counters import Counters
from trio_sts.record.prices import cost_usd
from trio_sts.record.summary import summary
from trio_sts.wire.realtime.items import Usage


def test_a_call_costs_its_tokens_times_the_list_price() -> None:
    counters = Counters()
    counters.add_usage(
        Usage(
            input_text_tokens=1000,
            input_audio_tokens=2000,
            cached_text_tokens=400,
            cached_audio_tokens=500,
            output_text_tokens=100,
            output_audio_tokens=3000,
        )
    )
    # By hand, in millionths: 600 x 4 + 400 x 0.40 + 1500 x 32 + 500 x 0.40
    # + 100 x 24 + 3000 x 64.
    assert cost_usd(counters, "gpt-realtime-2.1") == pytest.approx(0.245160)


def test_a_model_without_a_list_price_has_no_cost_rather_than_a_wrong_one() -> None:
    assert cost_usd(Counters(), "our-own-deployment") is None
    fields = summary(
        Counters(),
        outcome="over",
        code=1000,
        duration_s=1.0,
        model="our-own-deployment",
    )
    assert "cost_usd" not in fields


def test_the_usage_of_all_responses_adds_up() -> None:
    counters = Counters()
    for _ in range(3):
        counters.add_usage(Usage(input_audio_tokens=7, output_audio_tokens=5))
    fields = summary(
        counters, outcome="over", code=1000, duration_s=61.26, model="gpt-realtime-2.1"
    )
    assert (fields["tokens_in"], fields["tokens_out"]) == (21, 15)
    assert fields["duration_s"] == 61.3


def test_cached_tokens_are_never_more_than_the_input() -> None:
    counters = Counters()
    counters.add_usage(
        Usage(
            input_text_tokens=10,
            input_audio_tokens=20,
            cached_text_tokens=1000,
            cached_audio_tokens=1000,
        )
    )
    cost = cost_usd(counters, "gpt-realtime-2.1")
    assert cost == pytest.approx((10 * 0.40 + 20 * 0.40) / 1e6)


@pytest.mark.parametrize(
    ("transcriber", "usage", "usd"),
    [
        ("whisper-1", {"type": "duration", "seconds": 90.0}, 0.009),
        ("gpt-transcribe", {"type": "duration", "seconds": 120}, 0.009),
        (
            "gpt-4o-transcribe",
            {"type": "tokens", "input_tokens": 1_000_000, "output_tokens": 100_000},
            3.5,
        ),
        ("our-own", {"type": "duration", "seconds": 90}, 0),
        (None, {"type": "duration", "seconds": 90}, 0),
        ("whisper-1", {"seconds": "90", "input_tokens": None}, 0),
        ("whisper-1", {"seconds": float("inf")}, 0),
        ("whisper-1", {"seconds": float("nan")}, 0),
        ("whisper-1", {"seconds": True}, 0),
        ("whisper-1", {"seconds": -5}, 0),
    ],
)
def test_the_caller_s_transcripts_are_counted(
    transcriber: str | None, usage: dict[str, object], usd: float
) -> None:
    counters = Counters()
    counters.add_transcription(usage)
    assert cost_usd(counters, "gpt-realtime-2.1", transcriber) == pytest.approx(usd)
