"""Names and addresses that a host may have, at their bounds."""

import pytest

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, load

KEY = "sk-test-0123456789abcdefghij"
LABEL = "a" * 63
LONGEST = ".".join((LABEL, LABEL, LABEL, "a" * 61))


def read(**environ: str) -> Settings:
    return load({"OPENAI_API_KEY": KEY, **environ}, None, strict=True)[0]


def test_the_longest_host_name_is_of_253_characters() -> None:
    assert len(LONGEST) == 253
    assert read(HOST=LONGEST).host == LONGEST
    url = f"wss://{LONGEST}/v1"
    assert read(OPENAI_BASE_URL=url).base_url == url


@pytest.mark.parametrize(
    "name",
    [
        f"{LONGEST}a",
        f"{LABEL}a",
        f"a.{LABEL}a.b",
        "-a",
        "a-",
        "a..b",
        ".a",
        "",
        "a b",
        "ä.example",
    ],
)
def test_a_longer_or_odd_one_is_a_fault(name: str) -> None:
    with pytest.raises(SettingsError):
        read(HOST=name or "[]")
    with pytest.raises(SettingsError):
        read(OPENAI_BASE_URL=f"wss://{name}/v1")


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("::", "::"),
        ("[::]", "::"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_an_address_is_taken_with_brackets_and_without(given: str, host: str) -> None:
    assert read(HOST=given).host == host


@pytest.mark.parametrize("given", [":", ":::", "::g", "1:2", "[a:b]", "127.0.0.1:80"])
def test_what_only_looks_like_an_address_is_a_fault(given: str) -> None:
    with pytest.raises(SettingsError):
        read(HOST=given)


@pytest.mark.parametrize("host", ["[::1]", "[fe80::1]", "127.0.0.1", "a_b.example."])
def test_the_same_hold_in_a_url(host: str) -> None:
    url = f"ws://{host}:8080/v1"
    assert read(OPENAI_BASE_URL=url).base_url == url
