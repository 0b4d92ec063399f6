"""Settings: what is allowed and will surprise."""

from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

from trio_sts.settings import Settings, load, surprises

OPENAI = Settings(api_key="key")
TODAY = date(2026, 11, 25)
AZURE = {"OPENAI_BASE_URL": "https://acme.openai.azure.com"}
LOCAL = {"OPENAI_BASE_URL": "ws://localhost:8080/v1"}


def told(environ: dict[str, str], today: date = TODAY) -> tuple[str, ...]:
    settings, _ = load({"OPENAI_API_KEY": "key", **environ}, None, strict=False)
    return surprises(settings, today)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        AZURE,
        LOCAL,
        {"OPENAI_MODEL": "gpt-4o-realtime-preview"},
        {"OPENAI_MODEL": "gpt-realtime"},
        {"OPENAI_TRANSCRIPTION_MODEL": "whisper-1"},
        {"OPENAI_VOICE": "voice_123abc"},
        {"OPENAI_VOICE": "Marin"},
        {"OPENAI_MAX_TOKENS": "300"},
        {"OPENAI_TURN_DETECTION": "semantic_vad"},
        {"OPENAI_TRANSCRIPTION_KEYWORDS": "Acme"},
        {"STS_SILENCE_PROMPT_S": "0", "STS_IDLE_S": "5"},
        {**AZURE, "OPENAI_MODEL": "my-deployment", "OPENAI_VOICE": "nova"},
        {**LOCAL, "OPENAI_MODEL": "gpt-3.5-turbo", "OPENAI_VOICE": "onyx"},
    ],
)
def test_what_works_as_it_says_is_no_surprise(environ: dict[str, str]) -> None:
    assert told(environ) == ()


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"OPENAI_MODEL": "gpt-3.5-turbo"}, ("gpt-3.5-turbo is no Realtime model",)),
        ({"OPENAI_MODEL": "gpt-live-1"}, ("another protocol", "gpt-realtime-2.1")),
        ({"OPENAI_VOICE": "nova"}, ("OPENAI_VOICE=nova", "alloy")),
        ({"OPENAI_VOICE": "onyx"}, ("OPENAI_VOICE=onyx",)),
        ({"OPENAI_MAX_TOKENS": "100"}, ("OPENAI_MAX_TOKENS=100", "mid-sentence")),
        ({"OPENAI_REALTIME_API": "beta"}, ("2026-05-12",)),
        ({"STS_IDLE_S": "20"}, ("STS_IDLE_S=20", "STS_SILENCE_PROMPT_S=20")),
        (
            {"STS_GREETING": "off", "OPENAI_WELCOME_MESSAGE": "Hi"},
            ("OPENAI_WELCOME_MESSAGE is not spoken",),
        ),
        (
            {
                "OPENAI_TRANSCRIPTION_MODEL": "whisper-1",
                "OPENAI_TRANSCRIPTION_KEYWORDS": "Acme",
            },
            ("whisper-1 takes none",),
        ),
        ({**AZURE, "OPENAI_TURN_DETECTION": "semantic_vad"}, ("Azure",)),
        (
            {"OPENAI_BASE_URL": "https://a.openai.azure.com/openai/v1?api-version=1"},
            ("api-version",),
        ),
        (
            {
                "OPENAI_MCP_SERVERS": '[{"server_label": "crm", "server_url": '
                '"https://crm.example", "require_approval": "always"}]'
            },
            ("crm wants its calls approved",),
        ),
        (
            {"STS_FALLBACK_EXTENSION": "100", "AMI_URL": "avr-ami"},
            ("STS_FALLBACK_EXTENSION",),
        ),
        (
            {
                "STS_RECORD_DIR": ".",
                "STS_RECORD_AUDIO": "on",
                "STS_RECORD_TEXT": "off",
            },
            ("STS_RECORD_TEXT=off", "STS_RECORD_AUDIO=on"),
        ),
    ],
)
def test_what_will_surprise_is_one_line(
    environ: dict[str, str], words: tuple[str, ...]
) -> None:
    (line,) = told(environ)
    assert all(word in line for word in words)
    assert line.isprintable()


def test_a_model_is_a_surprise_once_its_day_has_come() -> None:
    names = {
        "OPENAI_MODEL": "gpt-realtime",
        "OPENAI_TRANSCRIPTION_MODEL": "gpt-4o-transcribe",
    }
    assert told(names, date(2027, 1, 19)) == ()
    (model,) = told(names, date(2027, 1, 20))
    assert "OPENAI_MODEL=gpt-realtime was shut down" in model
    assert len(told(names, date(2027, 2, 26))) == 2


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "it is not a file"),
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        ("Grüezi".encode("latin-1"), "it is not UTF-8 text"),
        (b"a" * (256 * 1024 + 1), "longer than 262144 bytes"),
    ],
)
def test_a_prompt_file_that_gives_none_is_told(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "prompt.txt"
    if content is not None:
        file.write_bytes(content)
    settings = evolve(OPENAI, file_instructions=file)
    (line,) = surprises(settings, TODAY)
    assert line.startswith("OPENAI_FILE_INSTRUCTIONS=")
    assert why in line
    # It is not read where the environment has the prompt.
    assert surprises(evolve(settings, instructions="Hello."), TODAY) == ()


def test_a_prompt_file_that_is_read_is_no_surprise(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("\ufeffBe kind.", encoding="utf-8")
    assert surprises(evolve(OPENAI, file_instructions=file), TODAY) == ()
