"""Settings of the console: it is for nobody else without a token."""

import pytest

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, effective, is_loopback, load, secrets_of

TOKEN = "admin-Token-4711"


def settings(**environ: str) -> Settings:
    return load({"STS_EMBEDDED": "on", **environ}, None, strict=False)[0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "console.example.org"])
def test_others_need_a_token(host: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(STS_ADMIN_PORT="6090", STS_ADMIN_HOST=host)
    (fault,) = caught.value.faults
    assert "STS_ADMIN_TOKEN" in fault
    assert host in fault
    found = settings(STS_ADMIN_PORT="6090", STS_ADMIN_HOST=host, STS_ADMIN_TOKEN=TOKEN)
    assert found.admin_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_this_machine_needs_none(host: str) -> None:
    assert is_loopback(host)
    assert settings(STS_ADMIN_PORT="0", STS_ADMIN_HOST=host).admin_port == 0


def test_without_a_port_there_is_no_console_to_be_open() -> None:
    assert settings(STS_ADMIN_HOST="0.0.0.0").admin_port is None


@pytest.mark.parametrize("word", ["undefined", "null", "none"])
def test_a_token_that_is_no_secret_is_a_fault(word: str) -> None:
    with pytest.raises(SettingsError):
        settings(STS_ADMIN_PORT="6090", STS_ADMIN_TOKEN=word)


def test_the_token_is_a_secret() -> None:
    found = settings(STS_ADMIN_TOKEN=TOKEN)
    assert TOKEN in secrets_of(found)
    assert TOKEN not in repr(found)
    assert all(TOKEN not in row.value for row in effective(found))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("", ()),
        ("none", ()),
        (
            "a.example, 10.0.0.5:6030,[::1]:6030",
            ("a.example", "10.0.0.5:6030", "[::1]:6030"),
        ),
    ],
)
def test_services_that_may_be_talked_to(given: str, read: tuple[str, ...]) -> None:
    assert settings(STS_CONSOLE_SERVICES=given).console_services == read


@pytest.mark.parametrize("given", ["ws://a.example", "a b", "a:123456", "*", "a/b"])
def test_services_that_are_none_are_told(given: str) -> None:
    with pytest.raises(SettingsError, match="STS_CONSOLE_SERVICES"):
        settings(STS_CONSOLE_SERVICES=given)
