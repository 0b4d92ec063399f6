import pytest

from trio_sts.conversation.parts.counters import Counters
from trio_sts.record.prices import PRICES, cost_usd
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


@pytest.mark.parametrize("model", sorted(PRICES))
def test_cached_input_is_never_dearer_than_fresh_input(model: str) -> None:
    price = PRICES[model]
    assert price.audio_cached < price.audio_in
    assert price.text_cached < price.text_in
