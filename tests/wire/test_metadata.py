"""The call's metadata, and the placeholders that it fills."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.wire.metadata import clean_metadata, fill


def test_a_query_string_becomes_pairs() -> None:
    query = "?from=2000&to=5001&uniqueid=1770758888.32&channel=PJSIP%2F2000-13&empty="
    assert clean_metadata(query) == {
        "from": "2000",
        "to": "5001",
        "uniqueid": "1770758888.32",
        "channel": "PJSIP/2000-13",
        "empty": "",
    }


def test_pairs_are_cleaned_as_a_query_string_is() -> None:
    assert clean_metadata({"name": "Ann", "token": "x"}) == {"name": "Ann"}


@pytest.mark.parametrize("name", ["token", "TOKEN", " token ", "to%7Bken", "tok%00en"])
def test_the_token_is_removed_however_it_is_spelt(name: str) -> None:
    assert clean_metadata(f"{name}=hush&a=1") == {"a": "1"}


def test_values_lose_controls_and_braces_and_are_cut() -> None:
    assert clean_metadata({"a": "x\r\n\0\x9b\u2028{{y}}\ud800z"}) == {"a": "xyz"}
    assert clean_metadata({"a": "\n" * 300 + "b" * 201}) == {"a": "b" * 200}


def test_the_number_of_pairs_is_bounded() -> None:
    cleaned = clean_metadata("&".join(f"k{index}=v" for index in range(1000)))
    assert list(cleaned) == [f"k{index}" for index in range(64)]


def test_the_first_of_equal_names_wins_and_nameless_values_are_dropped() -> None:
    assert clean_metadata("a=1&a=2&=3&%7B%7D=4") == {"a": "1"}


@given(st.text(st.characters(codec=None)))
def test_any_query_is_cleaned(query: str) -> None:
    for name, value in clean_metadata(query).items():
        assert 1 <= len(name) <= 64
        assert len(value) <= 200
        assert not set(name + value) & set("{}\r\n\0")
        (name + value).encode()


def test_variables_of_the_channel_are_below_the_query() -> None:
    variables = {"from": "3000", "SKILL": "{{x}}billing\n", "Token": "s3cret", " ": "x"}
    assert clean_metadata("from=2000&to=5001", variables) == {
        "from": "2000",
        "to": "5001",
        "SKILL": "xbilling",
    }


def test_what_asterisk_s_driver_sets_itself_is_no_metadata() -> None:
    dialled = "trio-sts/c(slin24)f(json)nv(uuid=call-1,token=hush-hush)"
    variables = {
        "DIALEDPEERNUMBER": dialled,
        "MEDIA_WEBSOCKET_CONNECTION_ID": "trio-sts",
        "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE": "960",
        "__SKILL": "billing",
        "_REGION": "it",
        "ARGS": dialled,
    }
    assert clean_metadata("uuid=call-1&token=hush-hush", variables) == {
        "uuid": "call-1",
        "SKILL": "billing",
        "REGION": "it",
    }
    # Without a token in the query there is none to hide.
    assert clean_metadata("token=", {"A": "b"}) == {"A": "b"}


def test_all_pairs_together_are_bounded() -> None:
    query = "&".join(f"q{number}=x" for number in range(60))
    variables = {f"v{number}": "x" * 300 for number in range(10)}
    found = clean_metadata(query, variables)
    assert list(found)[-4:] == ["v0", "v1", "v2", "v3"]
    assert (len(found), len(found["v0"])) == (64, 200)


def test_placeholders_are_filled() -> None:
    text, unknown = fill("{{name}} {{ from }} {name}", {"name": "Ann", "from": "2"})
    assert (text, unknown) == ("Ann 2 {name}", ())


def test_unknown_placeholders_stay_and_are_named_once() -> None:
    text, unknown = fill("{{a}} {{b}} {{ a }} {{}} {{c d}}", {"b": "2"})
    assert text == "{{a}} 2 {{ a }} {{}} {{c d}}"
    assert unknown == ("a", "c d")


def test_a_value_is_not_filled_again() -> None:
    assert fill("{{a}}{{b}}", {"a": "{{b}}", "b": "{{a}}"})[0] == "{{b}}{{a}}"


@given(st.dictionaries(st.text(), st.text()), st.text())
def test_a_text_without_braces_stays(values: dict[str, str], text: str) -> None:
    text = text.replace("{", "")
    assert fill(text, clean_metadata(values)) == (text, ())
