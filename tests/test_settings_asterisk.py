"""Settings of Asterisk and its REST interface: what goes together, and what is shown."""

from pathlib import Path

import pytest

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, effective, load, secrets_of

KEY = {"OPENAI_API_KEY": "sk-test-1234567"}
ARI = {
    "STS_ARI_URL": "http://127.0.0.1:8088/ari",
    "STS_ARI_USER": "trio-sts",
    "STS_ARI_PASSWORD": "hush hush, señor",
}


def settings(environ: dict[str, str]) -> Settings:
    return load({**KEY, **environ}, None, strict=True)[0]


def faults(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        settings(environ)
    return list(caught.value.faults)


def test_asterisk_s_calls_are_taken_unless_that_is_off() -> None:
    assert settings({}).asterisk
    assert not settings({"STS_ASTERISK": "off"}).asterisk


def test_ari_is_not_used_unless_it_is_set() -> None:
    read = settings({})
    assert (read.ari_url, read.ari_user, read.ari_password) == (None, None, None)
    read = settings(ARI)
    assert {read.ari_url, read.ari_user, read.ari_password} == {*ARI.values()}


@pytest.mark.parametrize("missing", list(ARI))
def test_two_of_the_three_are_a_fault_that_names_the_third(missing: str) -> None:
    two = {name: value for name, value in ARI.items() if name != missing}
    first = next(iter(two))
    instead = ", or STS_ARI_PASSWORD_FILE" if missing == "STS_ARI_PASSWORD" else ""
    assert faults(two) == [f"{missing} is not set: {first} needs it{instead}"]


@pytest.mark.parametrize("given", list(ARI))
def test_one_of_the_three_is_a_fault_for_each_of_the_others(given: str) -> None:
    told = faults({given: ARI[given]})
    assert [line.split(" ", 1)[0] for line in told] == [
        name for name in ARI if name != given
    ]


def test_the_password_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{ARI['STS_ARI_PASSWORD']}\n")
    given = {**ARI, "STS_ARI_PASSWORD": "", "STS_ARI_PASSWORD_FILE": str(file)}
    assert settings(given).ari_password == ARI["STS_ARI_PASSWORD"]
    file.write_text("two\nlines of hush")
    (told,) = faults(given)
    assert told.startswith("STS_ARI_PASSWORD_FILE=")
    assert "must hold one key" in told
    assert "hush" not in told
    file.unlink()
    (told,) = faults(given)
    assert told.endswith("is not a file")


def test_a_password_beside_its_file_wins_and_is_told() -> None:
    _, warnings = load(
        {**KEY, **ARI, "STS_ARI_PASSWORD_FILE": "/run/secrets/ari"}, None, strict=True
    )
    assert warnings == (
        "STS_ARI_PASSWORD_FILE is not read: STS_ARI_PASSWORD is set too",
    )


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8088/ari",
        "ws://127.0.0.1:8088/ari",
        "http://trio-sts:hushhush@127.0.0.1:8088/ari",
        "http://127.0.0.1:8088/ari?api_key=trio-sts:hushhush",
        "http://127.0.0.1:8088/ari#hushhush",
        "http:///ari",
        "http://127.0.0.1:port/ari",
    ],
)
def test_a_url_of_another_form_is_one_fault_without_its_secrets(url: str) -> None:
    (told,) = faults({**ARI, "STS_ARI_URL": url})
    assert told.startswith("STS_ARI_URL=")
    assert "http://127.0.0.1:8088/ari" in told
    assert "hushhush" not in told


@pytest.mark.parametrize("user", ["trio:sts", "trio\x07sts", "x" * 201])
def test_a_user_that_cannot_be_told_from_its_password_is_a_fault(user: str) -> None:
    (told,) = faults({**ARI, "STS_ARI_USER": user})
    assert "without a colon" in told


def test_a_faulty_password_is_one_fault_that_does_not_show_it() -> None:
    (told,) = faults({**ARI, "STS_ARI_PASSWORD": "hush\x07hush"})
    assert told.startswith("STS_ARI_PASSWORD=*** must be one printable line")


def test_the_password_is_never_shown() -> None:
    read = settings(ARI)
    assert ARI["STS_ARI_PASSWORD"] not in repr(read) + str(effective(read))
    assert ARI["STS_ARI_PASSWORD"] in secrets_of(read)
