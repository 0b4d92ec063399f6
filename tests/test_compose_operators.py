"""Compose files as operators write them: each starts, warns or refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trio_sts.errors import SettingsError
from trio_sts.settings import Settings, load

KEY = "sk-compose-0123456789"


def environment(folder: Path, service: str, env_file: str = "") -> dict[str, str]:
    """What Docker's own program gives to a service's container."""
    folder.joinpath("agent.env").write_text(env_file)
    compose = f"services:\n  avr-sts-openai:\n    image: trio-sts\n{service}"
    folder.joinpath("compose.yaml").write_text(compose)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("docker-compose"),
            *("config", "--format", "json"),
        ],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"]},
        cwd=folder,
    )
    content: dict[str, Any] = json.loads(done.stdout)
    given: dict[str, str | None] = content["services"]["avr-sts-openai"]["environment"]
    # A name without a value is the shell's, which has none. A dollar is written twice.
    return {
        name: value.replace("$$", "$")
        for name, value in given.items()
        if value is not None
    }


def started(folder: Path, service: str, env_file: str = "") -> tuple[Settings, str]:
    settings, warnings = load(environment(folder, service, env_file), None, strict=True)
    return settings, "\n".join(warnings)


LIST = f"""
    environment:
      - PORT=6031
      - OPENAI_API_KEY="{KEY}"
      - OPENAI_INSTRUCTIONS='It''s a "shop".'
      - OPENAI_VOICE=coral
      - OPENAI_MAX_TOKENS="1024"
"""
MAP = f"""
    environment:
      PORT: 6031
      OPENAI_API_KEY: "{KEY}"
      OPENAI_INSTRUCTIONS: |
        You sell tyres.
        Be brief.
      STS_GREETING: "off"
      OPENAI_TEMPERATURE: 0.8
      OPENAI_LANGUAGE:
"""


def test_a_list_keeps_quotes_that_are_taken_off(tmp_path: Path) -> None:
    settings, warnings = started(tmp_path, LIST)
    assert warnings == ""
    assert (settings.port, settings.api_key) == (6031, KEY)
    assert settings.instructions == """It''s a "shop"."""
    assert (settings.voice, settings.max_tokens) == ("coral", 1024)


def test_a_map_has_numbers_blocks_and_names_alone(tmp_path: Path) -> None:
    settings, warnings = started(tmp_path, MAP)
    assert warnings == ""
    assert settings.port == 6031
    assert (settings.instructions or "").splitlines() == [
        "You sell tyres.",
        "Be brief.",
    ]
    assert settings.greeting is False
    assert settings.language is None


def test_an_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    env_file = (
        f"# ours\nOPENAI_API_KEY='{KEY}'\nOPENAI_VOICE=coral # warm\n"
        'OPENAI_INSTRUCTIONS="One.\\nTwo."\nAMI_URL=http://avr-ami:6006\n'
    )
    service = """
    env_file: agent.env
    environment:
      - OPENAI_VOICE=marin
"""
    # The compose file's own list wins over the file, as everywhere.
    settings, warnings = started(tmp_path, service, env_file)
    assert warnings == ""
    assert (settings.api_key, settings.voice) == (KEY, "marin")
    assert settings.instructions == "One.\nTwo."
    assert settings.ami_url == "http://avr-ami:6006"


UNSET = f"""
    environment:
      - OPENAI_API_KEY={KEY}
      - OPENAI_MODEL=${{OPENAI_MODEL}}
      - OPENAI_INSTRUCTIONS=${{OPENAI_INSTRUCTIONS:-"You are helpful."}}
      - OPENAI_VOICE=${{OPENAI_VOICE:-}}
      - OPENAI_MAX_TOKENS=$OPENAI_MAX_TOKENS
      - AMI_URL=${{AMI_URL}}
      - PORT=${{PORT:-6030}}
"""


def test_what_the_shell_does_not_set_is_not_set(tmp_path: Path) -> None:
    settings, warnings = started(tmp_path, UNSET)
    assert warnings == ""
    assert settings.model == "gpt-realtime-2.1"
    assert settings.instructions == "You are helpful."
    assert (settings.voice, settings.max_tokens) == ("alloy", "inf")
    assert settings.ami_url == "http://127.0.0.1:6006"


def test_the_panel_s_undefined_is_warned_of_and_costs_no_start(tmp_path: Path) -> None:
    names = ("AMI_URL", "OPENAI_VOICE", "OPENAI_LANGUAGE", "OPENAI_REALTIME_ENDPOINT")
    lines = [f"      {name}: undefined\n" for name in names]
    service = f"\n    environment:\n      OPENAI_API_KEY: {KEY}\n{''.join(lines)}"
    settings, warnings = started(tmp_path, service)
    assert (settings.voice, settings.language) == ("alloy", None)
    assert settings.base_url == "https://api.openai.com/v1"
    assert settings.ami_url == "http://127.0.0.1:6006"
    assert "AMI_URL" in warnings


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("OPENAI_API_KEY: undefined", "OPENAI_API_KEY"),
        ("OPENAI_API_KEY: ${OPENAI_API_KEY}", "OPENAI_API_KEY"),
        (f"{{OPENAI_API_KEY: {KEY}, PORT: undefined5}}", "PORT"),
        (f"{{OPENAI_API_KEY: {KEY}, STS_TOKEN: undefined}}", "STS_TOKEN"),
    ],
)
def test_what_no_call_can_be_held_with_is_refused(
    tmp_path: Path, line: str, named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        started(tmp_path, f"\n    environment:\n      {line}\n")
