"""What a call costs, worked out by hand."""

import pytest

from trio_sts.conversation.parts.counters import Counters
from trio_sts.modelfacts import facts
from trio_sts.record.prices import Cost, cost
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
    assert cost(counters, "gpt-realtime-2.1").usd == pytest.approx(0.245160)


@pytest.mark.parametrize(
    "model", [name for name, known in facts().models.items() if known.price]
)
def test_every_model_that_can_be_had_has_a_cost(model: str) -> None:
    counters = Counters(output_audio_tokens=1_000_000)
    found = cost(counters, model)
    assert found.usd in {64, 20}
    assert found.unpriced == ()


def test_a_model_without_a_list_price_has_no_cost_and_is_named() -> None:
    assert cost(Counters(), "our-own") == Cost(None, ("our-own",))


def test_a_model_that_nobody_pays_for_has_no_cost() -> None:
    counters = Counters(output_audio_tokens=1_000_000)
    assert cost(counters, None, "whisper-1") == Cost()


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
    found = cost(counters, "gpt-realtime-2.1").usd
    assert found == pytest.approx((10 * 0.40 + 20 * 0.40) / 1e6)


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
    found = cost(counters, "gpt-realtime-2.1", transcriber)
    assert found.usd == pytest.approx(usd)
    assert found.unpriced == ()


@pytest.mark.parametrize(
    ("transcriber", "usage"),
    [
        ("our-own", {"type": "duration", "seconds": 90}),
        # In the unit that the model is not paid by.
        ("whisper-1", {"type": "tokens", "input_tokens": 9, "output_tokens": 9}),
        ("gpt-4o-transcribe", {"type": "duration", "seconds": 90}),
    ],
)
def test_transcripts_whose_price_is_not_known_are_named(
    transcriber: str, usage: dict[str, object]
) -> None:
    counters = Counters(output_audio_tokens=1_000_000)
    counters.add_transcription(usage)
    assert cost(counters, "gpt-realtime-2.1", transcriber) == Cost(64, (transcriber,))


def test_a_transcriber_without_a_price_that_wrote_nothing_is_not_named() -> None:
    assert cost(Counters(), "gpt-realtime-2.1", "our-own") == Cost(0)
