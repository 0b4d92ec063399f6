"""The facts about models: one file, whole, dated and consistent."""

from datetime import date

import pytest
from attrs import asdict

from trio_sts.modelfacts import facts


def test_every_model_that_can_be_had_has_a_price_and_others_a_successor() -> None:
    for name, model in facts().models.items():
        if model.price is None:
            assert model.ends, name
            assert model.ends <= facts().read_on, name
        else:
            assert facts().price(name) is not None
        if model.ends:
            successor = facts().models[model.use]
            assert successor.price is not None
            assert successor.ends is None


def test_every_transcriber_has_a_price_and_a_cheap_successor() -> None:
    for name, known in facts().transcribers.items():
        assert known.minute or (known.tokens_in and known.tokens_out), name
        if known.ends:
            successor = facts().transcribers[known.use]
            assert successor.ends is None
            assert successor.minute <= 0.006


@pytest.mark.parametrize("name", sorted(facts().prices))
def test_cached_input_is_never_dearer_than_fresh_input(name: str) -> None:
    price = facts().prices[name]
    assert all(figure > 0 for figure in asdict(price).values())
    assert price.audio_cached < price.audio_in
    assert price.text_cached < price.text_in


@pytest.mark.parametrize(
    "name", ["gpt-realtime-2.1", "gpt-realtime-2-2026-05-07", "GPT-Realtime-1.5"]
)
def test_a_name_is_found_with_a_date_and_in_any_case(name: str) -> None:
    assert facts().price(name) is not None
    assert facts().price(f"my-{name}") is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gpt-realtime-2.1", ""),
        ("gpt-realtime-3-turbo", ""),
        ("gpt-4o-realtime-preview", ""),
        ("gpt-live-1", "speaks another protocol"),
        ("gpt-live-1.1", "speaks another protocol"),
        ("GPT-3.5-turbo", "is no Realtime model"),
        ("whisper-1", "is no Realtime model"),
        ("gpt-realtime-whisper", "writes down speech and does not answer"),
        ("gpt-realtime-translate", "translates, by a protocol of its own"),
    ],
)
def test_a_model_that_holds_no_session_is_known(name: str, why: str) -> None:
    assert facts().why_no_session(name) == why


def test_the_file_was_read_on_a_day_that_has_been() -> None:
    assert date(2026, 11, 25) <= facts().read_on
