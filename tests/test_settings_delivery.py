"""Settings of the database and of the webhook: what is allowed, and what is never shown."""

from base64 import b64encode
from pathlib import Path

import pytest

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, effective, load, secrets_of, sqlite_path
from trio_sts.settings.webhooks import webhook_key

KEY = {"OPENAI_API_KEY": "sk-test-1234567"}
SECRET = "whsec_" + b64encode(bytes(range(32))).decode()
HOOK = "https://crm.example/calls"


def settings(**environ: str) -> Settings:
    return load({**KEY, **environ}, None, strict=True)[0]


def faults(**environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(**environ)
    return "\n".join(caught.value.faults)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("sqlite:///calls.db", "sqlite:///calls.db"),
        ("postgresql://u:p@db.example:5433/c", "postgresql://u:p@db.example:5433/c"),
        (
            "postgres://u:p@db/c?sslmode=require",
            "postgresql://u:p@db/c?sslmode=require",
        ),
        ("postgresql+psycopg://db/c", "postgresql://db/c"),
        (
            "postgresql:///c?host=/run/postgresql",
            "postgresql:///c?host=/run/postgresql",
        ),
    ],
)
def test_databases_that_may_be_named(given: str, read: str) -> None:
    assert settings(STS_CALLS_DB=given).calls_db == read


@pytest.mark.parametrize(
    "given",
    [
        "calls.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://calls.db",
        "sqlite:///:memory:",
        "sqlite:///calls.db?mode=ro",
        "mysql://u:hush-hush@db/c",
        "postgresql://u:hush-hush@db:port/c",
        "postgresql",
    ],
)
def test_others_are_a_fault_without_their_password(given: str) -> None:
    told = faults(STS_CALLS_DB=given)
    assert told.startswith("STS_CALLS_DB=")
    assert "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME" in told
    assert "hush" not in told


def test_an_sqlite_file_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    assert "a folder that exists" in faults(
        STS_CALLS_DB=f"sqlite:///{tmp_path}/no/c.db"
    )
    assert "is a folder" in faults(STS_CALLS_DB=f"sqlite:///{tmp_path}")
    url = f"sqlite:///{tmp_path}/c.db"
    assert settings(STS_CALLS_DB=url).calls_db == url


def test_the_path_of_a_file_is_what_follows_three_slashes() -> None:
    assert sqlite_path("sqlite:///calls.db") == Path("calls.db")
    assert sqlite_path("sqlite:////var/calls.db") == Path("/var/calls.db")
    assert sqlite_path("postgresql://db/c") is None


def test_a_webhook_needs_a_secret() -> None:
    told = faults(STS_WEBHOOK_URL=HOOK)
    assert told == (
        "STS_WEBHOOK_SECRET is not set: STS_WEBHOOK_URL needs it, or "
        "STS_WEBHOOK_SECRET_FILE"
    )
    with_both = settings(STS_WEBHOOK_URL=HOOK, STS_WEBHOOK_SECRET=SECRET)
    assert with_both.webhook_secret == SECRET


def test_the_secret_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    read = settings(STS_WEBHOOK_URL=HOOK, STS_WEBHOOK_SECRET_FILE=str(file))
    assert read.webhook_secret == SECRET
    file.write_text("hush-hush")
    told = faults(STS_WEBHOOK_URL=HOOK, STS_WEBHOOK_SECRET_FILE=str(file))
    assert "24 to 64 bytes in base64" in told
    assert "hush" not in told
    gone = faults(STS_WEBHOOK_URL=HOOK, STS_WEBHOOK_SECRET_FILE=str(tmp_path / "gone"))
    assert "is not a file" in gone


def test_the_environment_wins_over_the_file() -> None:
    _, warnings = load(
        {
            **KEY,
            "STS_WEBHOOK_URL": HOOK,
            "STS_WEBHOOK_SECRET": SECRET,
            "STS_WEBHOOK_SECRET_FILE": "/run/secrets/hook",
        },
        None,
        strict=True,
    )
    assert warnings == (
        "STS_WEBHOOK_SECRET_FILE is not read: STS_WEBHOOK_SECRET is set too",
    )


@pytest.mark.parametrize(
    "secret",
    [
        "hush-hush",
        b64encode(bytes(23)).decode(),
        b64encode(bytes(65)).decode(),
        "whsec_" + "é" * 40,
        f"{SECRET} {SECRET}",
    ],
)
def test_a_secret_of_another_form_is_a_fault_that_does_not_show_it(secret: str) -> None:
    told = faults(STS_WEBHOOK_URL=HOOK, STS_WEBHOOK_SECRET=secret)
    assert told == (
        "STS_WEBHOOK_SECRET=*** must be whsec_ and 24 to 64 bytes in base64"
    )


def test_a_secret_may_come_without_its_prefix_or_its_padding() -> None:
    bare = SECRET.removeprefix("whsec_").rstrip("=")
    assert webhook_key(bare) == webhook_key(SECRET) == bytes(range(32))
    assert settings(STS_WEBHOOK_SECRET=bare).webhook_secret == bare


def test_what_is_shown_has_no_secret() -> None:
    read = settings(
        STS_CALLS_DB="postgresql://sts:hush%2Fhush@db/calls?sslmode=require",
        STS_WEBHOOK_URL="https://me:mumble-1@crm.example/calls?key=whisper-2",
        STS_WEBHOOK_SECRET=SECRET,
    )
    shown = repr(read) + str(effective(read))
    for secret in ("hush", "mumble", "whisper", SECRET, SECRET[-20:]):
        assert secret not in shown
    assert {"hush/hush", "mumble-1", SECRET} <= {*secrets_of(read)}
