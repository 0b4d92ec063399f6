"""A masked text has the shape of its text, and nothing else of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.conversation.parts.failures import judge, refused_field, says_active
from trio_sts.conversation.parts.history import first_words
from trio_sts.dialplan import may_transfer
from trio_sts.record.masking import (
    NO_PATTERN,
    Masker,
    masked,
    masked_arguments,
    masked_message,
    masked_name,
)
from trio_sts.wire.json_object import is_object
from trio_sts.wire.realtime.items import ErrorDetail

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSONS = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=8,
)
EXTENSIONS = st.sampled_from(("100", "200", 100, True, None, "", " 100 ", ["100"]))
PATTERNS = st.sampled_from(((), ("100",), ("1*",), ("?00",), ("9",)))


@given(TEXTS)
def test_lengths_and_gaps_stay(text: str) -> None:
    told = masked(text)
    assert len(told) == len(text)
    assert len(told.encode()) == len(text.encode())
    assert [c.isspace() for c in told] == [c.isspace() for c in text]
    assert masked(told) == told
    assert bool(told.strip()) is bool(text.strip())


@given(TEXTS, st.floats(0, 1))
def test_words_end_where_they_did(text: str, share: float) -> None:
    assert first_words(masked(text), share) == masked(first_words(text, share))


@given(st.text("abcXYZ019+", min_size=1, max_size=20))
def test_no_letter_or_digit_stays(text: str) -> None:
    assert set(masked(text)) == {"x"}


@given(JSONS | st.dictionaries(TEXTS, JSONS, max_size=4))
def test_masked_arguments_are_an_object_if_they_were(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False)
    told = masked_arguments(text, ())
    assert is_object(told) is is_object(text)
    assert len(told.encode()) == len(text.encode())
    assert masked_arguments(told, ()) == told


@given(TEXTS)
def test_what_is_no_json_is_none_when_masked(text: str) -> None:
    assert is_object(masked_arguments(text, ())) is is_object(text)


@given(EXTENSIONS, PATTERNS)
def test_whether_a_transfer_is_permitted_stays(
    extension: object, patterns: tuple[str, ...]
) -> None:
    text = json.dumps({"transfer_extension": extension, "why": "because"})
    told = masked_arguments(text, patterns)
    judged_by = (NO_PATTERN,) if patterns else ()
    assert may_transfer(told, judged_by) is may_transfer(text, patterns)
    assert "because" not in told
    assert masked_arguments(told, judged_by) == told


@pytest.mark.parametrize(
    "message",
    [
        "Rate limit reached for +49 30 1234. Please try again in 1m12s. Visit us.",
        "try again in 350ms, said Anna",
        "retry after 5 seconds-2",
        "Conversation already has an active response in progress: resp_secret.",
        "Audio content of 900ms is already shorter than 1000ms, dear Anna",
        "Unknown parameter: 'response.tool_choice2' of Anna",
        "“response.instructions”: Anna",
        "Anna says 12",
    ],
)
@pytest.mark.parametrize("code", [None, "rate_limit_exceeded"])
def test_what_the_core_reads_in_an_error_stays(message: str, code: str | None) -> None:
    error = ErrorDetail(None, code, message)
    told = ErrorDetail(None, code, masked_message(message))
    assert judge(told) == judge(error)
    assert refused_field(told) == refused_field(error)
    assert says_active(told) is says_active(error)
    assert len(told.message.encode()) == len(message.encode())
    for secret in ("Anna", "1234", "secret"):
        assert secret not in told.message


def masker(*, keeps_text: bool = True, number: str = "") -> Masker:
    return Masker.of_call(
        keeps_text=keeps_text, number=number, secrets=("sk-key", "a-token", "any")
    )


def test_the_key_and_the_token_are_never_written() -> None:
    assert masker().text("it is sk-key and a-token") == "it is xxxxxx and xxxxxxx"
    assert masker().plain("id-sk-key") == "id-xxxxxx"


def test_a_key_that_is_a_word_costs_no_words() -> None:
    assert masker().text("any company") == "any company"


@pytest.mark.parametrize("number", ["+4930123456", "004930123456", "4930123456"])
def test_without_texts_the_number_is_in_no_id(number: str) -> None:
    assert "30123456" not in masker(keeps_text=False, number=number).plain(
        f"call-{number}-7"
    )
    assert "30123456" in masker(number=number).plain(f"call-{number}")


def test_a_file_is_not_named_after_the_caller() -> None:
    assert masked_name("a-+4930123456-b", "+4930123456") == "a-xxxxxxxxxxx-b"
    assert masked_name("a-4930123456-b", "+4930123456") == "a-xxxxxxxxxx-b"


def test_digits_that_were_pressed_are_masked_where_the_model_repeats_them() -> None:
    one = masker()
    for digit in "4711":
        assert one.digit(digit) == "0"
    assert one.digit("#") == "#"
    assert (
        one.arguments('{"pin": "4711", "year": 2026}')
        == '{"pin": "1111", "year": 2026}'
    )
    # The same words come again as a command.
    assert one.arguments('{"pin": "4711"}') == one.given("arguments", '{"pin": "4711"}')
    assert one.output("4711") == one.given("output", "4711") == "1111"


def test_digits_that_come_before_the_keys_are_what_they_were() -> None:
    """Or the file would hold another command than its replay."""
    one = masker()
    arguments = '{"number": "4711"}'
    assert one.arguments(arguments) == arguments
    for digit in "4711":
        one.digit(digit)
    # The end of the response lists them once more.
    assert one.arguments(arguments) == arguments
    assert one.given("arguments", arguments) == arguments
