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


@pytest.fixture(name="stack", scope="module")
def _stack() -> Any:
    """The file as Docker's own program understands it."""
    program = Path(sys.executable).with_name("docker-compose")
    done = subprocess.run(
        [program, "-f", ROOT / "compose.yaml", "config", "--format", "json"],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-compose"},
        cwd=ROOT,
    )
    return json.loads(done.stdout)


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
