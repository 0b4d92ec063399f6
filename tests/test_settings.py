"""Settings: from an environment to typed values, faults and warnings."""

import stat
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve, fields
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, describe, effective, load
from trio_sts.wire.realtime.session import Dialect

KEY = "sk-test-0123456789abcdefghij"
# A key that no pattern gives away.
PLAIN_KEY = "0f9e8d7c6b5a49382716f5e4d3c2b1a0"


def read(**environ: str) -> tuple[Settings, tuple[str, ...]]:
    return load({"OPENAI_API_KEY": KEY, **environ}, None, strict=False)


def faults(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return caught.value.faults


def test_only_a_key_gives_every_default() -> None:
    settings, warnings = read()
    assert settings == Settings(api_key=KEY)
    assert warnings == ()
    assert (settings.port, settings.host) == (6030, "0.0.0.0")
    assert (settings.model, settings.voice) == ("gpt-realtime-2.1", "alloy")
    assert (settings.max_tokens, settings.reasoning_effort) == ("inf", "low")
    assert settings.ami_url == "http://127.0.0.1:6006"
    assert settings.tools_dir == Path("tools")


def test_every_field_is_named_after_its_variable() -> None:
    for row in describe():
        bare = row.variable.removeprefix("OPENAI_").removeprefix("STS_")
        assert row.name == bare.lower()


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("PORT", "6999", 6999),
        ("PORT", ' " 6999" ', 6999),
        ("HOST", "::1", "::1"),
        ("HOST", "[::]", "::"),
        ("OPENAI_REALTIME_API", "Beta", Dialect.BETA),
        ("OPENAI_LANGUAGE", "IT", "it"),
        ("OPENAI_LANGUAGE", "auto", None),
        ("OPENAI_LANGUAGE", "NULL", None),
        ("OPENAI_TEMPERATURE", "0.0", 0.0),
        ("OPENAI_TEMPERATURE", "1.2", 1.2),
        ("OPENAI_MAX_TOKENS", "INF", "inf"),
        ("OPENAI_MAX_TOKENS", "Infinity", "inf"),
        ("OPENAI_MAX_TOKENS", "4096", 4096),
        ("OPENAI_MAX_TOKENS", "1", 1),
        ("OPENAI_REASONING_EFFORT", "HIGH", "high"),
        ("OPENAI_TRANSCRIPTION_MODEL", "None", None),
        ("OPENAI_TRANSCRIPTION_MODEL", "gpt-transcribe", "gpt-transcribe"),
        ("OPENAI_TRANSCRIPTION_MODEL", "Auto", "auto"),
        ("OPENAI_TURN_DETECTION", "Semantic_VAD", "semantic_vad"),
        ("OPENAI_TURN_DETECTION_EAGERNESS", "Low", "low"),
        ("OPENAI_VOICE", "Marin", "marin"),
        ("OPENAI_VOICE", "voice_AbC", "voice_AbC"),
        ("OPENAI_NOISE_REDUCTION", "far_field", "far_field"),
        ("OPENAI_NOISE_REDUCTION", "none", None),
        ("OPENAI_AUDIO_FORMAT", "PCMU", "pcmu"),
        ("OPENAI_INSTRUCTIONS", '"You are helpful."', "You are helpful."),
        ("OPENAI_INSTRUCTIONS", "'It''s'", "It''s"),
        ("OPENAI_INSTRUCTIONS", '"', '"'),
        ("OPENAI_INSTRUCTIONS", "one\ntwo", "one\ntwo"),
        ("OPENAI_WELCOME_MESSAGE", "Ciao {{name}}", "Ciao {{name}}"),
        ("STS_BARGE_IN", "OFF", "off"),
        ("STS_MAX_CALL_S", "0.5e2", 50.0),
        ("STS_LOG_FORMAT", "console", "console"),
        ("STS_TOOL_RESULT_KIB", "64", 64),
        ("STS_SILENCE_PROMPT_S", "0", 0.0),
        ("STS_HOLD_SOUND", "Soft", "soft"),
        ("STS_APOLOGY", "OFF", "off"),
        ("STS_CALL_CONTROL_TOOLS", "bye, to-desk ,bye,", ("bye", "to-desk")),
        ("STS_TOOLS_OFF", "None", ()),
        ("STS_TRANSFER_TO", "100, 2??,+39*", ("100", "2??", "+39*")),
        ("STS_TRANSFER_TO", "Any", ()),
        ("STS_FALLBACK_EXTENSION", "*97", "*97"),
        ("STS_FALLBACK_EXTENSION", "none", None),
        ("OPENAI_TRANSCRIPTION_KEYWORDS", "Grüezi, PX 200", ("Grüezi", "PX 200")),
        ("OPENAI_TRUNCATION", "Disabled", "disabled"),
        ("OPENAI_TRUNCATION", "0.8", 0.8),
        ("OPENAI_SPEED", "1.25", 1.25),
        ("OPENAI_SAFETY_ID", "on", True),
        ("STS_RENEW", "off", False),
        ("TZ", "Europe/Rome", ZoneInfo("Europe/Rome")),
        ("STS_INSTRUCTIONS_METADATA", "off", False),
        *[("STS_EMBEDDED", word, True) for word in ("on", "True", "1", "YES")],
        *[("STS_FAST_PATH", word, False) for word in ("off", "FALSE", "0", "no")],
    ],
)
def test_a_good_value_is_read(variable: str, text: str, value: object) -> None:
    settings, warnings = read(**{variable: text})
    name = next(row.name for row in describe() if row.variable == variable)
    assert getattr(settings, name) == value
    assert warnings == ()


@pytest.mark.parametrize("empty", ["", "  ", '""', "''", '" "'])
def test_an_empty_value_means_not_set(empty: str) -> None:
    environ = {row.variable: empty for row in describe()}
    settings, warnings = load(environ | {"OPENAI_API_KEY": KEY}, None, strict=True)
    assert (settings, warnings) == (Settings(api_key=KEY), ())


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "6030.5"),
        ("PORT", "١٢٣"),
        ("PORT", "1_000"),
        ("PORT", "9" * 5000),
        ("HOST", "no host"),
        ("HOST", "::::"),
        ("OPENAI_REALTIME_API", "v1"),
        ("OPENAI_BASE_URL", "api.openai.com/v1"),
        ("OPENAI_BASE_URL", "ftp://host"),
        ("OPENAI_BASE_URL", "https://"),
        ("OPENAI_BASE_URL", "https://a..b"),
        ("OPENAI_BASE_URL", f"https://{'h' * 70}.example"),
        ("HOST", "h" * 70),
        ("OPENAI_BASE_URL", "https://host:port"),
        ("OPENAI_BASE_URL", "https://[::1"),
        ("OPENAI_BASE_URL", "https://münchen.example"),
        ("OPENAI_URL_INSTRUCTIONS", "wss://host"),
        ("OPENAI_MODEL", "two\nlines"),
        ("OPENAI_VOICE", "a" * 201),
        ("OPENAI_NOISE_REDUCTION", "mid_field"),
        ("OPENAI_AUDIO_FORMAT", "opus"),
        ("OPENAI_FILE_INSTRUCTIONS", "a\0b"),
        ("OPENAI_INSTRUCTIONS", "caf\udce9"),
        ("STS_TOKEN", "two words"),
        ("STS_MAX_CALLS", "many"),
        ("STS_IDLE_S", "nan"),
        ("STS_DRAIN_S", "inf"),
        ("STS_GREETING", "maybe"),
        ("STS_BARGE_IN", "sometimes"),
        ("STS_LOG_LEVEL", "loud"),
        ("STS_PLAYOUT_LEAD_MS", "19"),
        ("STS_HOLD_SOUND", "sfot"),
        ("STS_APOLOGY", "/nowhere/sorry.wav"),
        ("STS_CALL_CONTROL_TOOLS", "bye now"),
        ("STS_TRANSFER_TO", "100;200"),
        ("STS_TRANSFER_TO", ",".join(map(str, range(101)))),
        ("STS_FALLBACK_EXTENSION", "100,200"),
        ("OPENAI_TRANSCRIPTION_KEYWORDS", "k" * 101),
        ("OPENAI_TRUNCATION", "0.05"),
        ("OPENAI_TRUNCATION", "never"),
        ("OPENAI_SPEED", "2"),
    ],
)
def test_a_bad_value_is_one_line_with_its_name_and_what_is_allowed(
    variable: str, text: str
) -> None:
    (fault,) = faults(**{variable: text})
    allowed = next(row.allowed for row in describe() if row.variable == variable)
    assert fault.startswith(f"{variable}=")
    assert allowed in fault
    assert fault.isprintable()


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"PORT": "x", "STS_GREETING": "x", "STS_DRAIN_S": "x"}, None, strict=False)
    names = {fault.split("=")[0].split(" ")[0] for fault in caught.value.faults}
    assert names == {"PORT", "STS_GREETING", "STS_DRAIN_S", "OPENAI_API_KEY"}


def test_a_shown_value_is_cut_at_60_characters() -> None:
    (fault,) = faults(PORT="y" * 61)
    assert f"PORT='{'y' * 59}…' " in fault
    (fault,) = faults(PORT="y" * 60)
    assert f"PORT='{'y' * 60}' " in fault


@pytest.mark.parametrize(
    ("variable", "text", "value", "word"),
    [
        ("OPENAI_TEMPERATURE", "7", 1.2, "1.2 is used"),
        ("OPENAI_TEMPERATURE", "-1", 0.0, "0 is used"),
        ("OPENAI_TEMPERATURE", "warm", None, "the default is used"),
        ("OPENAI_TEMPERATURE", "nan", None, "the default is used"),
        ("OPENAI_MAX_TOKENS", "0", 1, "1 is used"),
        ("OPENAI_MAX_TOKENS", "9999999", 4096, "4096 is used"),
        ("OPENAI_MAX_TOKENS", "10.4", 10, "10 is used"),
        ("OPENAI_MAX_TOKENS", "lots", "inf", "the default is used"),
        ("OPENAI_REASONING_EFFORT", "hihg", "high", "high is used"),
        ("OPENAI_REASONING_EFFORT", "zzz", "low", "the default is used"),
        ("OPENAI_TURN_DETECTION", "push_to_talk", "server_vad", "the default is used"),
        ("OPENAI_TURN_DETECTION", "semantic", "semantic_vad", "semantic_vad is used"),
        ("OPENAI_TURN_DETECTION_EAGERNESS", "extreme", "auto", "the default is used"),
        ("OPENAI_TURN_DETECTION_THRESHOLD", "1.5", 1.0, "1 is used"),
        ("OPENAI_TURN_DETECTION_SILENCE_MS", "-5", 0, "0 is used"),
        ("OPENAI_TURN_DETECTION_PREFIX_PADDING_MS", "1e9", 10_000, "10000 is used"),
        ("OPENAI_LANGUAGE", "en-US", "en", "en is used"),
        ("OPENAI_LANGUAGE", "klingon", None, "the default is used"),
        ("OPENAI_LANGUAGE", "xx", None, "the default is used"),
    ],
)
def test_a_lenient_variable_warns_where_it_serves_and_fails_where_it_checks(
    variable: str, text: str, value: object, word: str
) -> None:
    settings, (warning,) = read(**{variable: text})
    row = next(row for row in describe() if row.variable == variable)
    assert row.lenient
    assert getattr(settings, row.name) == value
    assert warning.startswith(f"{variable}='{text}' must be {row.allowed}")
    assert warning.endswith(word)
    with pytest.raises(SettingsError) as caught:
        load({"OPENAI_API_KEY": KEY, variable: text}, None, strict=True)
    assert caught.value.faults == (warning.removesuffix(f"; {word}"),)


def test_exactly_the_tolerated_variables_are_lenient() -> None:
    lenient = {row.variable for row in describe() if row.lenient}
    assert lenient == {
        "OPENAI_TEMPERATURE",
        "OPENAI_MAX_TOKENS",
        "OPENAI_REASONING_EFFORT",
        "OPENAI_LANGUAGE",
        "OPENAI_TURN_DETECTION",
        "OPENAI_TURN_DETECTION_EAGERNESS",
        "OPENAI_TURN_DETECTION_THRESHOLD",
        "OPENAI_TURN_DETECTION_SILENCE_MS",
        "OPENAI_TURN_DETECTION_PREFIX_PADDING_MS",
    }


def test_an_unknown_name_warns_with_the_nearest_known_one() -> None:
    _, warnings = read(STS_MAX_CALSS="4", STS_DEADAIR="1")
    assert warnings == (
        "STS_DEADAIR is unknown; did you mean STS_DEAD_AIR_S?",
        "STS_MAX_CALSS is unknown; did you mean STS_MAX_CALLS?",
    )


def test_the_names_of_others_are_ignored() -> None:
    _, warnings = read(
        AGENT_ID="1",
        AGENT_NAME="a",
        PROVIDER_STS_ID="2",
        PROVIDER_STS_TYPE="openai",
        STS_URL="ws://trio-sts:6030",
        PATH="/bin",
        OPENAI_ORG="x",
    )
    assert warnings == ()


def test_a_key_is_required() -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY is not set"):
        load({}, None, strict=False)


def test_the_embedded_model_needs_no_key() -> None:
    settings, _ = load({"STS_EMBEDDED": "on"}, None, strict=True)
    assert settings.embedded
    assert settings.api_key is None


def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    settings, warnings = load({"OPENAI_API_KEY_FILE": str(file)}, None, strict=True)
    assert settings.api_key == KEY
    assert warnings == ()


def test_the_key_itself_wins_over_its_file(tmp_path: Path) -> None:
    settings, (warning,) = read(OPENAI_API_KEY_FILE=str(tmp_path / "missing"))
    assert settings.api_key == KEY
    assert warning == "OPENAI_API_KEY_FILE is not read: OPENAI_API_KEY is set too"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "is not a file"),
        (b"", "is empty"),
        (b"one two", "must hold one key"),
        (b"\xff\xfe", "must hold one key"),
    ],
)
def test_a_bad_key_file_is_a_fault(
    tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "k"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load({"OPENAI_API_KEY_FILE": str(file)}, None, strict=False)
    (fault,) = caught.value.faults
    assert fault.startswith("OPENAI_API_KEY_FILE='")
    assert told in fault


def test_the_real_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        f"\ufeffOPENAI_API_KEY='{KEY}'\nPORT=7001\nHOST=127.0.0.1\n"
        "OPENAI_VOICE=sage\nSTS_TOKEN=a$b${PORT}c\nLONELY\n",
        encoding="utf-8",
    )
    settings, _ = load({"PORT": "7002", "OPENAI_VOICE": ""}, file, strict=True)
    assert (settings.port, settings.host, settings.voice) == (7002, "127.0.0.1", "sage")
    assert settings.api_key == KEY
    assert settings.token == "a$b${PORT}c"


def test_a_missing_file_is_no_fault(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": KEY}
    assert load(environ, tmp_path / ".env", strict=True)[1] == ()


def test_a_file_that_is_not_text_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"PORT=\xff\xfe\n")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load({"OPENAI_API_KEY": KEY}, file, strict=True)


def test_a_missing_tools_folder_is_a_warning(tmp_path: Path) -> None:
    settings, (warning,) = read(TOOLS_DIR=str(tmp_path / "no"))
    assert settings.tools_dir == Path("tools")
    assert warning.startswith("TOOLS_DIR='")
    assert warning.endswith("is no folder; tools is used")
    settings, warnings = read(TOOLS_DIR=str(tmp_path))
    assert (settings.tools_dir, warnings) == (tmp_path, ())


def test_a_name_that_no_disk_can_hold_is_told() -> None:
    name = "n" * 300
    with pytest.raises(SettingsError, match="cannot be read: File name too long"):
        load({"OPENAI_API_KEY_FILE": name}, None, strict=True)
    assert read(TOOLS_DIR=name)[0].tools_dir == Path("tools")


def test_the_transcript_folder_is_created_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    settings, _ = read(STS_TRANSCRIPT_DIR=str(folder))
    assert settings.transcript_dir == folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


def test_a_recording_needs_a_folder(tmp_path: Path) -> None:
    (fault,) = faults(STS_RECORD_AUDIO="on")
    assert fault == "STS_RECORD_AUDIO=on needs a folder: set STS_RECORD_DIR"
    settings, _ = read(STS_RECORD_AUDIO="on", STS_RECORD_DIR=str(tmp_path))
    assert settings.record_audio
    assert not read()[0].record_audio


def test_a_transcript_folder_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for wrong in (file, file / "below", Path("/proc/nowhere")):
        (fault,) = faults(STS_TRANSCRIPT_DIR=str(wrong))
        assert "must be a folder that can be written: " in fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[", "not JSON"),
        ('{"server_label": "a"}', "not a list"),
        ("[1]", "entry 1 is not an object"),
        ('[{"server_url": "https://a"}]', "entry 1 has no server_label"),
        ('[{"server_label": "a"}]', "entry 1 has no server_url, connector_id or"),
        (
            '[{"type": "function", "server_label": "a", "server_url": "https://a"}]',
            "type other",
        ),
        (
            '[{"server_label": "a", "tunnel_id": "x"},{"server_label": "a",  "tunnel_id": "y"}]',
            "same server_label",
        ),
        (
            '[{"server_label": "a", "tunnel_id": "x", "authorization": "t",  "headers": {"authorization": "t"}}]',
            "both authorization",
        ),
        ("[" * 100_000, "not JSON"),
        ('["\\ud800"]', "not JSON"),
    ],
)
def test_a_bad_list_of_mcp_servers_is_told_without_its_content(
    text: str, why: str
) -> None:
    (fault,) = faults(OPENAI_MCP_SERVERS=text)
    assert fault.startswith("OPENAI_MCP_SERVERS=*** must be a JSON list")
    assert why in fault


@pytest.mark.parametrize(
    "text", ["avr-ami:6006", "http://a b", "ftp://ami", "http://", "http://ami:port"]
)
@pytest.mark.parametrize("strict", [True, False])
def test_an_unusable_address_of_avr_ami_costs_call_control_alone(
    text: str, strict: bool
) -> None:
    settings, (warning,) = load(
        {"OPENAI_API_KEY": KEY, "AMI_URL": text}, None, strict=strict
    )
    assert settings.ami_url is None
    assert warning.startswith("AMI_URL='")
    assert warning.endswith(
        "; avr_hangup and avr_transfer are not offered to calls of AVR Core"
    )
    (row,) = (row for row in effective(settings) if row.variable == "AMI_URL")
    assert row.value == "unusable"


@pytest.mark.parametrize("word", ["undefined", "null", "None", "UNDEFINED"])
def test_words_for_nothing_mean_not_set(word: str) -> None:
    environ = {
        row.variable: word
        for row in describe()
        if row.variable not in {"STS_TOKEN", "STS_ADMIN_TOKEN", "AMI_URL", "TZ"}
    }
    settings, warnings = load(environ | {"OPENAI_API_KEY": KEY}, None, strict=True)
    is_none = word.lower() == "none"
    off = None if is_none else Settings().transcription_model
    assert settings == Settings(api_key=KEY, transcription_model=off)
    assert warnings == ()


def test_a_word_for_nothing_is_no_token_and_no_key() -> None:
    (fault,) = faults(STS_TOKEN="undefined")
    assert fault.startswith("STS_TOKEN=*** is the word undefined")
    (fault,) = faults(OPENAI_API_KEY="null")
    assert fault.startswith("OPENAI_API_KEY is not set")


def test_the_panel_s_address_of_avr_ami_is_told() -> None:
    settings, (warning,) = read(AMI_URL="undefined")
    assert settings.ami_url == "http://127.0.0.1:6006"
    assert warning == "AMI_URL is the word undefined and counts as not set"


def test_the_endpoint_has_a_second_name() -> None:
    url = "wss://acme.example/v1"
    settings, warnings = read(OPENAI_REALTIME_ENDPOINT=url)
    assert (settings.base_url, warnings) == (url, ())
    settings, warnings = read(OPENAI_REALTIME_ENDPOINT="undefined")
    assert (settings.base_url, warnings) == (Settings().base_url, ())
    settings, (warning,) = read(
        OPENAI_REALTIME_ENDPOINT=url, OPENAI_BASE_URL="wss://other"
    )
    assert settings.base_url == "wss://other"
    assert warning == "OPENAI_REALTIME_ENDPOINT is not used: OPENAI_BASE_URL is set too"
    (fault,) = faults(OPENAI_REALTIME_ENDPOINT="acme")
    assert fault.startswith("OPENAI_BASE_URL='acme' must be")


def test_mcp_servers_are_read() -> None:
    text = '[{"server_label": "crm", "server_url": "https://crm.example"}]'
    settings, _ = read(OPENAI_MCP_SERVERS=text)
    assert settings.mcp_servers == (
        {"type": "mcp", "server_label": "crm", "server_url": "https://crm.example"},
    )


def secretive() -> Settings:
    mcp = (
        '[{"server_label": "crm", "server_url": "https://u:hush1@crm.example/?k=hush2",'
        ' "authorization": "hush3", "headers": {"X-Key": "hush4", "Y": ["hush5"]},'
        ' "allowed_tools": ["look"], "tunnel_id": "hush6"}]'
    )
    settings, _ = read(
        STS_TOKEN="hush7",
        OPENAI_INSTRUCTIONS="hush8",
        OPENAI_MCP_SERVERS=mcp,
        OPENAI_BASE_URL="wss://hush9:hush10@host/v1?api-version=hush11&hush12#hush13",
        OPENAI_URL_INSTRUCTIONS="https://hush14@host/?k=hush15",
        AMI_URL="http://hush16:hush17@host",
    )
    return settings


def test_the_repr_of_the_settings_holds_no_secret() -> None:
    shown = repr(secretive())
    assert "hush" not in shown
    assert KEY not in shown
    assert "wss://***@host/v1?api-version=***&***#***" in shown


def test_the_effective_rows_hold_no_secret_but_say_what_is_set() -> None:
    rows = {row.variable: row for row in effective(secretive())}
    assert not [row for row in rows.values() if "hush" in row.value or KEY in row.value]
    assert rows["OPENAI_API_KEY"].value == rows["STS_TOKEN"].value == "***"
    assert rows["OPENAI_INSTRUCTIONS"].value == "*** (5 characters)"
    servers = rows["OPENAI_MCP_SERVERS"].value
    assert '"server_label":"crm"' in servers
    assert '"server_url":"https://***@crm.example/?k=***"' in servers
    assert '"allowed_tools":["look"]' in servers
    assert '"headers":{"X-Key":"***","Y":"***"}' in servers
    assert rows["PORT"].is_default
    assert not rows["AMI_URL"].is_default


def test_the_effective_rows_say_what_holds_when_nothing_is_set() -> None:
    rows = {row.variable: row.value for row in effective(Settings())}
    assert rows["OPENAI_TEMPERATURE"] == "0.8"
    assert rows["OPENAI_LANGUAGE"] == "auto"
    assert rows["STS_FAST_PATH"] == "on"
    assert rows["STS_DRAIN_S"] == "8"
    assert rows["OPENAI_REALTIME_API"] == "ga"
    assert rows["STS_TOKEN"] == ""
    assert rows["OPENAI_TRANSCRIPTION_MODEL"] == "auto"
    changed = evolve(Settings(), embedded=True, transcription_model=None)
    rows = {row.variable: row.value for row in effective(changed)}
    assert rows["STS_EMBEDDED"] == "on"
    assert rows["OPENAI_TRANSCRIPTION_MODEL"] == "none"


def test_every_setting_is_described_and_its_default_is_allowed() -> None:
    rows = describe()
    assert len(rows) == len(fields(Settings)) == len({row.variable for row in rows})
    for row in rows:
        assert row.meaning.endswith(".")
        assert row.allowed
        unit = row.name.rpartition("_")[2]
        assert row.unit == {"ms": "ms", "s": "s", "kib": "KiB"}.get(unit, "")
    defaults = {
        row.variable: row.default
        for row in rows
        if row.default and not {" ", "/"} & set(row.default)
    }
    defaults.pop("OPENAI_MCP_SERVERS")
    defaults.pop("STS_TRANSCRIPT_DIR")
    defaults.pop("OPENAI_TEMPERATURE")
    settings, warnings = read(**defaults)
    assert settings == Settings(api_key=KEY)
    assert [line for line in warnings if not line.startswith("TOOLS_DIR")] == []


@pytest.mark.parametrize(
    "key", [KEY, PLAIN_KEY, "gsk_0123456789abcdef", "Ab" * 15 + "12", "eyJhbGciOi.eyJz"]
)
@pytest.mark.parametrize("variable", ["OPENAI_VOICE", "OPENAI_MODEL", "TOOLS_DIR"])
def test_a_key_put_into_another_setting_is_masked(key: str, variable: str) -> None:
    environ = {"OPENAI_API_KEY": "another-key", variable: key}
    settings, warnings = load(environ, None, strict=True)
    shown = [row.value for row in effective(settings)]
    assert key not in " ".join([*shown, *warnings])


def test_a_long_value_is_cut_and_stays_on_one_line() -> None:
    settings, _ = read(OPENAI_WELCOME_MESSAGE="a\nb" * 20_000)
    assert all(
        len(row.value) <= 60 and row.value.isprintable() for row in effective(settings)
    )


@pytest.mark.parametrize("variable", ["PORT", "HOST", "OPENAI_AUDIO_FORMAT"])
def test_userinfo_is_not_shown_wherever_it_stands(variable: str) -> None:
    (fault,) = faults(**{variable: "user:hush@example.com"})
    assert "hush" not in fault


@pytest.mark.parametrize("key", [KEY, PLAIN_KEY])
def test_a_key_in_the_wrong_variable_is_not_shown(key: str) -> None:
    for variable in ("PORT", "OPENAI_REALTIME_API", "OPENAI_BASE_URL"):
        with pytest.raises(SettingsError) as caught:
            load(
                {"OPENAI_API_KEY": key, variable: "x" * 40 + " " + key},
                None,
                strict=True,
            )
        assert key[:12] not in str(caught.value)


def test_a_bad_key_is_not_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            {"OPENAI_API_KEY": f"{PLAIN_KEY} x", "STS_TOKEN": "a b"}, None, strict=True
        )
    assert caught.value.faults == (
        "STS_TOKEN=*** must be printable ASCII without spaces",
        "OPENAI_API_KEY=*** must be printable ASCII without spaces",
    )


VARIABLES = st.one_of(
    # The folder of transcripts is created wherever it points: not in this test.
    st.sampled_from(
        [row.variable for row in describe() if row.variable != "STS_TRANSCRIPT_DIR"]
    ),
    st.text(max_size=12).map("STS_".__add__),
    st.text(max_size=12),
)
WORDS = st.sampled_from(
    [
        "on",
        "off",
        "none",
        "auto",
        "inf",
        "-1",
        "0",
        "1e400",
        "'",
        '""',
        "[{}]",
        "https://",
    ]
)
VALUES = st.one_of(
    WORDS,
    st.text(st.characters(codec=None), max_size=80),
    st.floats().map(str),
    st.builds("{}://{}:{}@{}/?{}={}".format, *[st.text(max_size=6)] * 5, st.text()),
    st.text(max_size=70).map(lambda text: f"{text}{PLAIN_KEY}{text}"),
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(environ=st.dictionaries(VARIABLES, VALUES, max_size=12), strict=st.booleans())
def test_any_environment_gives_settings_or_faults_and_never_the_key(
    environ: dict[str, str], strict: bool
) -> None:
    for name in list(environ):
        if PLAIN_KEY in environ[name] and name in {"STS_TOKEN", "OPENAI_API_KEY"}:
            del environ[name]
    environ["OPENAI_API_KEY"] = PLAIN_KEY
    faults: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    try:
        settings, lines = load(environ, None, strict=strict)
    except SettingsError as exc:
        faults = exc.faults
    else:
        assert settings.api_key == PLAIN_KEY
    for line in faults + lines:
        assert PLAIN_KEY[:10] not in line
        assert line.isprintable()


def test_what_a_cluster_sets_beside_a_service_named_sts_is_not_ours() -> None:
    links = {
        "STS_SERVICE_HOST": "10.0.0.1",
        "STS_SERVICE_PORT_WS": "6030",
        "STS_PORT": "tcp://10.0.0.1:6030",
        "STS_PORT_6030_TCP_ADDR": "10.0.0.1",
        "STS_OPENAI_PORT": "tcp://10.0.0.2:6030",
        "STS_NAME": "/core/sts",
    }
    _, warnings = load({"OPENAI_API_KEY": "key", **links}, None, strict=True)
    assert warnings == ()
    _, warnings = load({"OPENAI_API_KEY": "key", "STS_PORT": "6031"}, None, strict=True)
    assert warnings == ("STS_PORT is unknown; did you mean PORT?",)
