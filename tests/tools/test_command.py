"""``trio-sts tools`` as an operator runs it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from functools import partial
from pathlib import Path

import pytest
import trio
from attrs import frozen
from click.testing import CliRunner

from trio_sts.cli import main
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.exchange import Exchange

from .test_node_host import needs_node

GREET = """
name = "greet"
description = "Greets somebody,\\nby name."
input_schema = {
    "type": "object",
    "properties": {"who": {"type": "string"}},
    "required": ["who"],
}

print("this file was run")

def handler(uuid, args):
    return f"Hello {args['who']} in {uuid}"
"""
CALLER = '''
from trio_sts.tools import Call, tool

@tool
async def caller(call: Call) -> str:
    """Tells who calls."""
    return call.metadata["from"] + " via " + call.metadata["trunk"]
'''
THROWS = """
name = "throws"

def handler(uuid, args):
    raise RuntimeError("inside")
"""


@frozen
class Told:
    code: int
    out: str
    err: str


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "greet.py").write_text(GREET)
    (tools / "caller.py").write_text(CALLER)
    (tools / "throws.py").write_text(THROWS)
    (tools / "odd.py").write_text("name = 'odd'")
    return tmp_path


async def tools(folder: Path, *arguments: str, **environ: str) -> Told:
    """Run the command; no API key is set."""
    with trio.fail_after(30):
        done = await trio.run_process(
            [sys.executable, "-m", "trio_sts", "tools", *arguments],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environ},
        )
    return Told(done.returncode, done.stdout.decode(), done.stderr.decode())


def here(folder: Path, *arguments: str, **environ: str) -> Told:
    """Run what opens no tools in this process: it sets up no log."""
    with chdir(folder):
        unset = {"OPENAI_API_KEY": None}
        done = CliRunner().invoke(main, ["tools", *arguments], env={**unset, **environ})
    return Told(done.exit_code, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_the_list_runs_nothing_and_needs_no_key(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    told = here(folder, *arguments)
    assert told.code == 0
    lines = told.out.splitlines()
    assert f"greet         Python        {folder}/tools/greet.py" in lines
    assert "    Greets somebody, by name." in lines
    assert any(line.startswith("avr_hangup    call control  built") for line in lines)
    assert "this file was run" not in told.out
    assert (
        told.err == f"warning: {folder}/tools/odd.py: no 'handler' at its top level\n"
    )


async def test_a_tool_is_shown_with_its_schema(folder: Path) -> None:
    told = await tools(folder, "show", "greet")
    assert told.code == 0
    assert f"greet (Python, {folder}/tools/greet.py)" in told.out
    assert "Greets somebody,\nby name." in told.out
    assert '"required": [\n    "who"\n  ]' in told.out


async def test_an_answer_is_all_that_standard_output_gets(folder: Path) -> None:
    (folder / "tools" / "greet.py").write_text(GREET.replace("print(", "str("))
    told = await tools(folder, "run", "greet", '{"who": "Ada"}', "--uuid", "call-8")
    assert (told.code, told.out) == (0, "Hello Ada in call-8\n")


async def test_a_tool_is_given_the_call_s_metadata(folder: Path) -> None:
    told = await tools(
        folder, "run", "caller", "--meta", "from=2000", "--meta", "trunk=a=b"
    )
    assert (told.code, told.out.splitlines()[-1]) == (0, "2000 via a=b")


async def test_a_failure_is_what_the_model_would_be_told(folder: Path) -> None:
    thrown = await tools(folder, "run", "throws")
    assert (thrown.code, thrown.out.splitlines()[-1]) == (
        1,
        '{"error": "The tool failed."}',
    )
    assert "RuntimeError: inside" in thrown.err
    misfit = await tools(folder, "run", "greet")
    assert misfit.code == 1
    assert r"\"who\" is a required property" in misfit.out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "greet", "[1]"), "must be a JSON object"),
        (("run", "greet", "{who: 1}"), "must be a JSON object"),
        (("run", "caller", "--meta", "from"), "name=value"),
    ],
)
def test_an_order_that_cannot_be_understood_exits_2(
    folder: Path, arguments: tuple[str, ...], named: str
) -> None:
    told = here(folder, *arguments)
    assert told.code == 2
    assert named in told.err


async def test_a_name_that_no_tool_has_exits_2(folder: Path) -> None:
    told = await tools(folder, "run", "nothing")
    assert told.code == 2
    assert "no tool named 'nothing', but avr_hangup, avr_transfer, caller" in told.err


def test_a_faulty_setting_exits_2(folder: Path) -> None:
    told = here(folder, "list", STS_TOOL_TIMEOUT_S="soon")
    assert told.code == 2
    assert "STS_TOOL_TIMEOUT_S='soon'" in told.err
    assert "OPENAI_API_KEY" not in told.err


async def test_call_control_acts_on_the_call_that_is_named(tmp_path: Path) -> None:
    exchange = Exchange()
    ami = AmiStandIn(exchange)
    dropped: list[str] = []
    async with trio.open_nursery() as nursery:
        ami_url: str = await nursery.start(partial(ami.serve, port=0))
        with exchange.connected("call-4", dropped.append):
            told = await tools(
                tmp_path, "run", "avr_hangup", "--uuid", "call-4", AMI_URL=ami_url
            )
            again = await tools(
                tmp_path, "run", "avr_hangup", "--uuid", "call-5", AMI_URL=ami_url
            )
        nursery.cancel_scope.cancel(reason="the test is over")
    assert told.code == 0
    assert dropped == ["avr-ami hung up"]
    assert again.code == 1
    assert "does not know this call" in again.out


@pytest.fixture
def in_the_foreground() -> Iterator[None]:
    """What is started here is open to SIGINT.

    Behind ``nohup`` or ``&`` a shell has SIGINT ignored, which every program inherits;
    a handler of ours is not inherited, and the program starts with the usual one.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@needs_node
async def test_a_tool_that_never_ends_is_stopped_from_the_keyboard(
    tmp_path: Path, in_the_foreground: None
) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "wait.js").write_text(
        "module.exports = { name: 'wait', handler: () => {"
        " console.log('waiting'); return new Promise(() => {}); } };"
    )
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "trio_sts", "tools", "run", "wait"],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "STS_TOOL_TIMEOUT_S": "60"},
    )
    assert process.stderr is not None
    said = b""
    with trio.fail_after(30):
        async with process.stderr:
            async for chunk in process.stderr:
                if b"waiting" in chunk and b"waiting" not in said:
                    process.send_signal(signal.SIGINT)
                said += chunk
        assert await process.wait() == 1
    assert said.endswith(b"stopped\n")
    assert b"Traceback" not in said


@needs_node
async def test_the_list_shows_javascript_as_it_loads(folder: Path) -> None:
    files = {
        "computed.js": "console.log('noise'); const n = 'com' + 'puted';"
        "module.exports = { name: n, ends_call: true, handler: async () => '' };",
        "broken.js": "module.exports = {",
        "missing.js": "require('not-there');",
    }
    for name, text in files.items():
        (folder / "tools" / name).write_text(text)

    listed = await tools(folder, "list")

    assert listed.code == 0
    lines = {line.split()[0]: line for line in listed.out.splitlines() if line.strip()}
    assert "call control" in lines["computed"]
    assert "broken.js: cannot be loaded: SyntaxError" in listed.err
    assert "missing.js: cannot be loaded: Error: Cannot find module" in listed.err
    assert "noise" not in listed.out + listed.err


async def test_a_tool_sees_what_is_in_dotenv(folder: Path) -> None:
    (folder / ".env").write_text("SHOP_KEY=from-the-file\nBOTH=file\n")
    text = """
url = "http://127.0.0.1:9/"
headers = { x-key = "${SHOP_KEY}", x-both = "${BOTH}" }
"""
    (folder / "tools" / "shop.toml").write_text(text)

    listed = await tools(folder, "list", BOTH="real")

    assert "shop" in listed.out
    assert "SHOP_KEY" not in listed.err
