"""The environments of existing deployments start a process in which a call works."""

import random
import re
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from attrs import frozen

from tests.peers.core import calling, silence
from tests.peers.model import ScriptedSession, scripted_model

from .kit import goes_on
from .test_process import KEY, exit_code, run, running

COMPOSE = Path(__file__).parents[2] / "compose.yaml"


def interpolated(text: str, **shell: str) -> str:
    """A value of a compose file, as Docker Compose passes it on."""

    def value_of(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        return shell.get(name) or match["default"] or ""

    return re.sub(
        r"\$\{(?P<braced>\w+)(?::-(?P<default>[^}]*))?\}|\$(?P<bare>\w+)",
        value_of,
        text,
    )


def of_compose_file(**shell: str) -> dict[str, str]:
    """The environment of the connector's container; list entries keep their quotes."""
    service = COMPOSE.read_text().partition("  avr-sts-openai:\n")[2]
    block = service.partition("environment:\n")[2]
    entries = re.findall(
        r"^ +- (\w+)=(.*)$", block.partition("\n    #")[0], re.MULTILINE
    )
    return {name: interpolated(text, **shell) for name, text in entries}


def free_port_of_the_panel() -> str:
    """The panel draws a port between 6000 and 6999."""
    for port in random.sample(range(6000, 7000), 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return str(port)
    raise AssertionError("all ports are taken")


@frozen
class Deployment:
    """An environment, and what the session that it asks for is like."""

    environ: dict[str, str]
    model: str
    instructions: str
    voice: str = "alloy"
    max_tokens: int | str = "inf"
    effort: str | None = "low"


SHIPPED = of_compose_file(OPENAI_API_KEY=KEY)
DEPLOYMENTS = {
    "compose file as it is": Deployment(
        SHIPPED, "gpt-realtime-2", "You are a helpful assistant."
    ),
    "compose file with a .env": Deployment(
        of_compose_file(
            OPENAI_API_KEY=KEY,
            OPENAI_MODEL="gpt-realtime-2.1-mini",
            OPENAI_INSTRUCTIONS="Speak Italian.",
            OPENAI_VOICE="coral",
            OPENAI_REASONING_EFFORT="high",
            OPENAI_TURN_DETECTION="semantic_vad",
            OPENAI_MAX_TOKENS="512",
        ),
        "gpt-realtime-2.1-mini",
        "Speak Italian.",
        voice="coral",
        max_tokens=512,
        effort="high",
    ),
    "everything there and empty": Deployment(
        {
            **dict.fromkeys(
                (
                    *("OPENAI_MODEL", "OPENAI_VOICE", "OPENAI_LANGUAGE", "AMI_URL"),
                    *("OPENAI_INSTRUCTIONS", "OPENAI_URL_INSTRUCTIONS", "TOOLS_DIR"),
                    *("OPENAI_FILE_INSTRUCTIONS", "OPENAI_TEMPERATURE"),
                    *("OPENAI_MAX_TOKENS", "OPENAI_REASONING_EFFORT"),
                    *("OPENAI_TRANSCRIPTION_MODEL", "OPENAI_TURN_DETECTION"),
                    *("OPENAI_TURN_DETECTION_EAGERNESS", "OPENAI_REALTIME_API"),
                ),
                "",
            ),
            "OPENAI_API_KEY": KEY,
        },
        "gpt-realtime-2.1",
        "You are a friendly and competent assistant on the telephone.",
    ),
    "the admin panel's": Deployment(
        {
            "PORT": free_port_of_the_panel(),
            "AGENT_ID": "5d0c9b5e-8f5a-4c1e-9d7e-2f6b7c0a1b2c",
            "AGENT_NAME": "Front desk",
            "PROVIDER_STS_ID": "3b1f",
            "PROVIDER_STS_NAME": "OpenAI Realtime",
            "PROVIDER_STS_TYPE": "STS",
            "OPENAI_API_KEY": KEY,
            "OPENAI_MODEL": "gpt-4o-realtime-preview",
            "OPENAI_LANGUAGE": "auto",
            "OPENAI_INSTRUCTIONS": "You are the front desk.",
            "OPENAI_TEMPERATURE": "0.8",
            "OPENAI_MAX_TOKENS": "inf",
            "AMI_URL": "http://avr-ami:6006",
        },
        "gpt-4o-realtime-preview",
        "You are the front desk.",
        effort=None,
    ),
    "the stock panel's": Deployment(
        {
            "OPENAI_API_KEY": KEY,
            "OPENAI_MODEL": "gpt-realtime-2",
            "OPENAI_INSTRUCTIONS": "You are the night desk.",
            "OPENAI_VOICE": "undefined",
            "OPENAI_LANGUAGE": "undefined",
            "OPENAI_MAX_TOKENS": "undefined",
            "OPENAI_REALTIME_ENDPOINT": "undefined",
            "OPENAI_URL_INSTRUCTIONS": "null",
            "AMI_URL": "undefined",
            "TOOLS_DIR": "undefined",
        },
        "gpt-realtime-2",
        "You are the night desk.",
    ),
    "an address of avr-ami that cannot be used": Deployment(
        {
            "OPENAI_API_KEY": KEY,
            "OPENAI_INSTRUCTIONS": "Hello.",
            "AMI_URL": "avr-ami:6006",
        },
        "gpt-realtime-2.1",
        "Hello.",
    ),
    "a prompt of 60 kB": Deployment(
        {"OPENAI_API_KEY": KEY, "OPENAI_INSTRUCTIONS": "Be kind. " * 6800 + "\nBye."},
        "gpt-realtime-2.1",
        ("Be kind. " * 6800),
    ),
    "list entries with their quotes": Deployment(
        {
            "OPENAI_API_KEY": f'"{KEY}"',
            "OPENAI_MODEL": "'gpt-realtime-1.5'",
            "OPENAI_INSTRUCTIONS": '"You are helpful."',
            "OPENAI_VOICE": '"marin"',
            "OPENAI_LANGUAGE": '"NULL"',
            "OPENAI_MAX_TOKENS": '"1024"',
            "OPENAI_TEMPERATURE": '"0.8"',
            "OPENAI_TURN_DETECTION": '"SERVER_VAD"',
            "AMI_URL": '"http://avr-ami:6006"',
        },
        "gpt-realtime-1.5",
        "You are helpful.",
        voice="marin",
        max_tokens=1024,
        effort=None,
    ),
    "values that the peer puts up with": Deployment(
        {
            "OPENAI_API_KEY": KEY,
            "OPENAI_INSTRUCTIONS": "Hello.",
            "OPENAI_TEMPERATURE": "2",
            "OPENAI_MAX_TOKENS": "100000",
            "OPENAI_REASONING_EFFORT": "much",
            "OPENAI_TURN_DETECTION": "none_vad",
            "OPENAI_LANGUAGE": "english",
        },
        "gpt-realtime-2.1",
        "Hello.",
        max_tokens=4096,
    ),
}


def asked(session: dict[str, Any]) -> tuple[Any, ...]:
    """What a Deployment says of a session."""
    return (
        session["instructions"].partition("\n")[0],
        session["audio"]["output"]["voice"],
        session["max_output_tokens"],
        session.get("reasoning", {}).get("effort"),
    )


async def without_temperature(session: ScriptedSession) -> None:
    """The script: as the real endpoint, which refuses a temperature."""
    await session.create()
    update = await session.expect("session.update")
    if "temperature" in update["session"]:
        param = "session.temperature"
        told = f"Unknown parameter: '{param}'."
        await session.error("unknown_parameter", told, param=param)
        await session.expect("session.update")
    await session.update()


@pytest.mark.parametrize("name", DEPLOYMENTS)
async def test_a_call_works_in_this_environment(tmp_path: Path, name: str) -> None:
    wanted = DEPLOYMENTS[name]
    # The shipped file's port may be taken on the machine that tests.
    environ = {"PORT": "0", **wanted.environ}
    if environ["PORT"] == "6030":
        environ["PORT"] = "0"
    async with (
        # Not judged: a temperature is none of the real endpoint's fields.
        scripted_model(without_temperature, judged=False) as model,
        running(tmp_path, **environ, OPENAI_BASE_URL=model.base_url) as service,
        calling(f"{service.url}/?from=2000&to=5001") as core,
    ):
        if environ["PORT"] != "0":
            assert service.port == int(environ["PORT"])
        await core.init()
        session = await model.next_session()
        await session.expect("response.create")
        assert session.path.endswith(f"?model={wanted.model}")
        assert session.headers["authorization"] == f"Bearer {KEY}"
        assert asked(session.session) == (
            wanted.instructions,
            wanted.voice,
            wanted.max_tokens,
            wanted.effort,
        )
        assert "temperature" not in session.session
        await goes_on(core, session)
        await core.hang_up()
        service.process.send_signal(signal.SIGTERM)
        assert await exit_code(service, 5) == 0
    unknown = [line for line in service.log if "AGENT" in str(line)]
    assert not unknown


DOTENV = """\
# The connector's.
export PORT=0
OPENAI_API_KEY: sk-from-the-file-0123456789
OPENAI_VOICE=`sage`   # her voice
OPENAI_INSTRUCTIONS="You are the desk.
Say \\"hello\\".\\nThen listen."
OPENAI_MAX_TOKENS = '700'
this is no setting
"""


async def test_a_call_works_with_a_file_of_node_s_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(DOTENV, "utf-8")
    async with (
        scripted_model() as model,
        running(tmp_path, OPENAI_REALTIME_ENDPOINT=model.base_url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        session = await model.next_session()
        await session.expect("response.create")
        assert session.headers["authorization"] == "Bearer sk-from-the-file-0123456789"
        assert session.session["instructions"].splitlines() == [
            "You are the desk.",
            'Say \\"hello\\".',
            "Then listen.",
        ]
        assert session.session["audio"]["output"]["voice"] == "sage"
        assert session.session["max_output_tokens"] == 700
    (warned,) = [line for line in service.log if line.get("event") == "setting"]
    assert "line 8 is not read" in warned["problem"]


@pytest.mark.parametrize(
    "content", ["PORT=0\n".encode("utf-16"), "OPENAI_VOICE=Zoë\n".encode("latin-1")]
)
async def test_a_file_in_another_encoding_stops_the_start(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / ".env").write_bytes(content)
    for command in ("serve", "check"):
        code, output = await run(tmp_path, command, OPENAI_API_KEY=KEY)
        assert code == 2
        assert ".env cannot be read: it is not UTF-8 text" in output


async def test_a_taken_port_is_told_with_its_number(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, output = await run(
            tmp_path, "serve", OPENAI_API_KEY=KEY, PORT=port, HOST="127.0.0.1"
        )
    assert code == 1
    assert f"PORT={port} at HOST=127.0.0.1" in output
    assert "Traceback" not in output


async def test_readyz_tells_that_there_is_no_call_control(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": KEY, "AMI_URL": "undefined:6006"}
    async with running(tmp_path, **environ) as service, httpx.AsyncClient() as http:
        answer = await http.get(f"http://127.0.0.1:{service.port}/readyz")
    assert answer.status_code == 200
    assert "AMI_URL cannot be used" in answer.text


def test_the_shipped_compose_file_sets_what_avr_s_own_does() -> None:
    assert set(SHIPPED) == {
        "PORT",
        "OPENAI_API_KEY",
        "OPENAI_MODEL",
        "OPENAI_INSTRUCTIONS",
        "OPENAI_VOICE",
        "OPENAI_REASONING_EFFORT",
        "OPENAI_TURN_DETECTION",
        "OPENAI_MAX_TOKENS",
        "AMI_URL",
    }
    assert SHIPPED["OPENAI_INSTRUCTIONS"] == '"You are a helpful assistant."'
    assert SHIPPED["PORT"] == "6030"


async def test_a_call_works_with_the_built_in_model_and_no_key(tmp_path: Path) -> None:
    async with (
        running(tmp_path, STS_EMBEDDED="on") as service,
        calling(service.url) as core,
    ):
        await core.init()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(core.speak, silence(20_000))
            await core.wait_audio(500, within_s=20)
            nursery.cancel_scope.cancel()
        assert any(core.audio)
