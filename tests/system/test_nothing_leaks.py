"""Secrets and callers stay out of logs, errors, close reasons and files."""

import json
import signal
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model

from .kit import Web, web, with_status
from .test_process import Running, exit_code, run, running

# Not like OpenAI's keys, which are masked by their look.
KEY = "qk7-markedkey/+Zz9=x"
TOKEN = "tk3-markedtoken"
PROMPT = "the marked prompt"
NUMBER = "4930901820"
DIGITS = "73914682"
CALLER_WORDS = "my marked name"
AGENT_WORDS = "your marked balance"
USER, PASSWORD, SECRET = "markeduser", "marked-password", "marked-query-secret"
MCP_KEY = "marked-mcp-key"
CONTEXT = "marked-context"
SECRETS = (KEY, TOKEN, USER, PASSWORD, SECRET, MCP_KEY)
MARKS = (*SECRETS, PROMPT, NUMBER, DIGITS, CALLER_WORDS, AGENT_WORDS, CONTEXT)

MCP = json.dumps(
    [
        {
            "type": "mcp",
            "server_label": "crm",
            "server_url": f"https://{USER}:{PASSWORD}@crm.example/sse?key={SECRET}",
            "authorization": MCP_KEY,
            "headers": {"X-Key": MCP_KEY},
        }
    ]
)
FAILING_TOOL = '''
from trio_sts.tools import tool

@tool
async def look_up(number: str) -> str:
    """Look up a number."""
    raise RuntimeError("no row")
'''
CRASH = """
import trio_sts.plan

def crash(*_):
    raise RuntimeError("boom")

trio_sts.plan.session_config = crash
"""


def found(text: str, marks: Iterable[str] = MARKS) -> list[str]:
    """Which marks are in a text, however JSON or a URL writes them."""
    plain = text.replace("\\", "")
    forms = {
        mark: {mark, mark.replace(" ", "+"), mark.replace(" ", "%20")} for mark in marks
    }
    return [mark for mark, ways in forms.items() if any(way in plain for way in ways)]


def settings(folder: Path, model: ScriptedModel, service: Web) -> dict[str, str]:
    prompt = folder / "prompt.txt"
    prompt.write_text(f"{PROMPT} for {{{{from}}}} and {{{{nobody}}}}")
    userinfo = service.url.replace("//", f"//{USER}:{PASSWORD}@")
    return {
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_URL_INSTRUCTIONS": f"{userinfo}/prompt?secret={SECRET}",
        "OPENAI_FILE_INSTRUCTIONS": str(prompt),
        "OPENAI_MCP_SERVERS": MCP,
        "STS_TOKEN": TOKEN,
        "AMI_URL": f"{userinfo}/ami",
        "STS_TRANSCRIPT_DIR": str(folder / "transcripts"),
        "TOOLS_DIR": str(folder / "tools"),
    }


@asynccontextmanager
async def marked_service(
    model: ScriptedModel, folder: Path, **more: str
) -> AsyncGenerator[Running]:
    """A service of which everything is marked; afterwards no mark is in its output."""
    (folder / "tools").mkdir()
    (folder / "tools" / "look_up.py").write_text(FAILING_TOOL)
    async with web(with_status(500, f"{SECRET} {PROMPT}".encode())) as service:
        environ = settings(folder, model, service) | more
        async with running(folder, **environ) as process:
            yield process
            process.process.send_signal(signal.SIGTERM)
            assert await exit_code(process, 10) == 0
    assert found(process.output.decode()) == []


@asynccontextmanager
async def marked_call(service: Running, uuid: str) -> AsyncGenerator[FakeCore]:
    """A call that tells what it must not be told; afterwards it was told no mark."""
    query = f"token={TOKEN}&from={NUMBER}&note={CONTEXT}"
    async with calling(f"{service.url}/?{query}") as core:
        await core.init(uuid)
        yield core
    assert found(core.close_reason) == []
    for each in core.received:
        allowed = (
            {CALLER_WORDS, AGENT_WORDS} if each.type == "transcript" else set[str]()
        )
        assert set(found(json.dumps(each.message))) <= allowed


async def refuse_in_every_way(session: ScriptedSession) -> None:
    """The script: the first call is good, the others fail at each step with many words."""
    if session.index == 0:
        await session.set_up()
        return
    await session.create()
    update = await session.expect("session.update")
    if session.index == 1:
        await session.error(
            "unknown_parameter", f"Unknown. {update}", param="session.reasoning"
        )
        await session.expect("session.update")
        param = f"session.voice.{KEY}"
        await session.error("invalid_value", f"{KEY} {PROMPT}", param=param)
    else:
        await session.close(4000, f"{KEY} {CALLER_WORDS}")


async def test_no_failure_of_a_call_leaks_anything(tmp_path: Path) -> None:
    body = {"error": {"code": "invalid_api_key", "message": f"Incorrect key: {KEY}"}}
    async with (
        scripted_model(
            refuse_in_every_way, refuse=[401, 403], refusal=json.dumps(body).encode()
        ) as model,
        marked_service(model, tmp_path) as service,
    ):
        for status in (401, 403):
            async with marked_call(service, f"refused-{status}") as core:
                assert await core.wait_closed(10) == 1011
        async with marked_call(service, "talk") as core:
            session = await model.next_session(within_s=10)
            await fail_at_everything(core, session)
        for uuid in ("voice", "closed"):
            async with marked_call(service, uuid) as core:
                assert await core.wait_closed(10) == 1011
                assert core.of("error")
    # Where they belong, and nowhere else.
    assert session.headers["authorization"] == f"Bearer {KEY}"
    assert PROMPT in session.session["instructions"]
    assert NUMBER in session.session["instructions"]
    told = json.dumps([session.path, session.received])
    assert found(told, (KEY, TOKEN, CONTEXT)) == []
    assert MCP_KEY in json.dumps(session.session["tools"])
    kept = "".join(each.read_text() for each in (tmp_path / "transcripts").iterdir())
    assert CALLER_WORDS in kept
    assert AGENT_WORDS in kept
    assert found(kept, (*SECRETS, PROMPT)) == []
    utterances = [line for line in kept.splitlines() if '"utterance"' in line]
    assert found("".join(utterances), [DIGITS]) == []


async def fail_at_everything(core: FakeCore, session: ScriptedSession) -> None:
    """A conversation in which nothing works but the model."""
    await session.expect("response.create")
    async with session.response() as response:
        await response.say(bytes(4800), AGENT_WORDS)
    await core.wait_for("transcript")
    await core.press(DIGITS + "#")
    await session.expect("response.create")
    await session.speech(transcript=CALLER_WORDS)
    for name, arguments in [
        ("avr_transfer", {"transfer_extension": NUMBER}),
        ("look_up", {"number": DIGITS}),
        ("look_up", {"number": CALLER_WORDS, "extra": [DIGITS]}),
        ("look_up", {"no": DIGITS}),
        ("no_such_tool", {"number": NUMBER}),
    ]:
        async with session.response() as response:
            await response.call(name, json.dumps(arguments))
        await session.expect("response.create")
    await session.error("odd", f"{KEY} {CALLER_WORDS}", param=DIGITS)
    await core.send({"type": "strange", "digit": DIGITS, "uuid": CALLER_WORDS})
    await core.send(f"{{{CALLER_WORDS}")
    await core.send({"type": "audio", "audio": CALLER_WORDS})
    await core.send({"type": "dtmf_digit", "digit": DIGITS})
    async with session.response() as response:
        await response.call("avr_hangup")
    await core.wait_closed(10)


async def test_a_crash_in_a_call_leaks_nothing(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CRASH)
    async with (
        scripted_model() as model,
        marked_service(model, tmp_path, PYTHONPATH=str(tmp_path)) as service,
        marked_call(service, "crash") as core,
    ):
        assert await core.wait_closed(10) == 1011
    assert any("boom" in str(line.get("exception")) for line in service.log)


@pytest.mark.parametrize("command", ["check", "serve"])
async def test_faulty_settings_with_secrets_in_them(
    tmp_path: Path, command: str
) -> None:
    url = f"htps://{USER}:{PASSWORD}@h.example:99999/x?key={SECRET}#{SECRET}"
    code, output = await run(
        tmp_path,
        command,
        OPENAI_API_KEY=KEY,
        STS_TOKEN=TOKEN,
        PORT=KEY,
        STS_IDLE_S=f"{TOKEN} s",
        OPENAI_BASE_URL=url,
        OPENAI_URL_INSTRUCTIONS=url,
        AMI_URL=url,
        OPENAI_MCP_SERVERS=MCP[:-1],
        OPENAI_LANGUAGE=KEY,
        STS_LOG_LEVEL=KEY,
    )
    assert code == 2
    assert "OPENAI_MCP_SERVERS" in output
    assert found(output) == []


@pytest.mark.parametrize("command", ["check", "tools"])
async def test_what_commands_show(tmp_path: Path, command: str) -> None:
    async with scripted_model() as model, web(with_status(500)) as service:
        environ = settings(tmp_path, model, service)
        (tmp_path / "transcripts").mkdir()
        code, output = await run(tmp_path, command, **environ, COLUMNS="1000")
    # The scripted model lists no models, and 1 says that something will surprise.
    assert code < 2
    assert "avr_hangup" in output
    assert found(output) == []


async def test_a_caller_s_terminal_does_not_show_the_token(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        web(with_status(500)) as service,
        running(tmp_path, **settings(tmp_path, model, service)) as process,
    ):
        for url in (process.url, f"{process.url}/?token={TOKEN}"):
            _, output = await run(
                tmp_path,
                "call",
                url,
                "--greeting",
                "0",
                "--seconds",
                "1",
                STS_TOKEN=TOKEN,
            )
            assert found(output, SECRETS) == []
        refused = f"ws://{USER}:{PASSWORD}@127.0.0.1:9/?token={TOKEN}"
        _, output = await run(tmp_path, "call", refused, "--seconds", "1")
        assert found(output, SECRETS) == []
    assert found(process.output.decode()) == []
