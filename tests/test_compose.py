"""compose.yaml is AVR's own stack with one image changed, and our service starts in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trio_sts.settings import load

ROOT = Path(__file__).resolve().parent.parent
CONNECTOR = "avr-sts-openai"


def understood(folder: Path, *options: str, **environ: str) -> Any:
    """The file in this folder as Docker's own program understands it."""
    folder.joinpath("compose.yaml").write_bytes((ROOT / "compose.yaml").read_bytes())
    program = Path(sys.executable).with_name("docker-compose")
    done = subprocess.run(
        [program, "config", "--format", "json", *options],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], **environ},
        cwd=folder,
    )
    return json.loads(done.stdout)


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Any:
    return understood(tmp_path, OPENAI_API_KEY="sk-compose")


def test_the_stack_is_whole(stack: Any) -> None:
    assert set(stack["services"]) == {
        "avr-ami",
        "avr-asterisk",
        "avr-core",
        "avr-phone",
        CONNECTOR,
    }


def test_only_the_connector_s_image_is_ours(stack: Any) -> None:
    images = {name: each["image"] for name, each in stack["services"].items()}
    assert images.pop(CONNECTOR) == "trio-sts"
    assert all(image.startswith("agentvoiceresponse/") for image in images.values())


def test_core_finds_the_connector_where_it_always_was(stack: Any) -> None:
    core = stack["services"]["avr-core"]["environment"]
    port = stack["services"][CONNECTOR]["environment"]["PORT"]
    assert core["STS_URL"] == f"ws://{CONNECTOR}:{port}"


def test_the_connector_s_environment_is_understood_without_a_fault(stack: Any) -> None:
    environ = stack["services"][CONNECTOR]["environment"]
    settings, warnings = load(environ, None, strict=True)
    assert warnings == ()
    assert settings.port == 6030
    # The quotes of the list entry are no part of the prompt.
    assert settings.instructions == "You are a helpful assistant."
    assert settings.ami_url == "http://avr-ami:6006"


def test_the_operator_s_env_file_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OPENAI_API_KEY=sk-file\nOPENAI_VOICE=coral\nSTS_SILENCE_PROMPT_S=0\n"
        "OPENAI_LANGUAGE=it\nPORT=7000\n"
    )
    environ = understood(tmp_path)["services"][CONNECTOR]["environment"]
    settings, warnings = load(environ, None, strict=True)
    assert warnings == ()
    assert (settings.api_key, settings.voice) == ("sk-file", "coral")
    assert (settings.language, settings.silence_prompt_s) == ("it", 0)
    # AVR Core is told this one.
    assert settings.port == 6030


def test_several_connectors_can_be_started(stack: Any) -> None:
    # Docker refuses a second container of the same name.
    assert "container_name" not in stack["services"][CONNECTOR]
    assert "ports" not in stack["services"][CONNECTOR]


def test_the_health_check_is_the_image_s(stack: Any) -> None:
    image = (ROOT / "Containerfile").read_text()
    check = stack["services"][CONNECTOR]["healthcheck"]
    assert check["test"] == ["CMD", "trio-sts", "healthcheck"]
    options = {"interval": "10s", "timeout": "4s", "start-period": "5s", "retries": "3"}
    for name, value in options.items():
        assert f"--{name}={value}" in image
        assert str(check[name.replace("-", "_")]) == value


def test_a_stop_has_longer_than_the_drain(stack: Any) -> None:
    connector = stack["services"][CONNECTOR]
    settings, _ = load(connector["environment"], None, strict=True)
    grace_s = float(connector["stop_grace_period"].removesuffix("s"))
    assert grace_s > settings.drain_s + 1
