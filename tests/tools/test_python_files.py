import threading
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from tests.tools.calls import a_call, error_of
from tests.tools.folders import in_folder, left_compiled, opened
from trio_sts.tools import python_files
from trio_sts.tools.listing import list_tools
from trio_sts.tools.ranks import ListedTool
from trio_sts.tools.registry import ToolOutcome
from trio_sts.tools.tool import Kind

WEATHER = """
name = "weather"
description = "Tells the weather."
input_schema = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}

async def handler(uuid, args):
    return f"{args['city']} is sunny, {uuid}"
"""


async def test_a_plain_file_is_a_tool(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, {"tools/weather.py": WEATHER})

    async with opened(folder) as registry:
        outcome = await registry.run("weather", '{"city": "Rome"}', a_call())

    assert outcome == ToolOutcome("Rome is sunny, call-1", ok=True)
    assert registry.problems == ()
    assert [offer.name for offer in registry.offered()] == [
        "avr_transfer",
        "avr_hangup",
        "weather",
    ]


async def test_description_and_schema_are_optional(tmp_path: Path) -> None:
    content = 'name = "ping"\nasync def handler(uuid, args): return "pong"\n'

    async with opened(in_folder(tmp_path, {"tools/ping.py": content})) as registry:
        offer = registry.offered()[-1]

    assert (offer.name, offer.description) == ("ping", "")
    assert offer.parameters == {"type": "object", "properties": {}}


async def test_a_plain_function_runs_in_a_thread(tmp_path: Path) -> None:
    content = """
import threading
name = "where"
handler = lambda uuid, args: threading.current_thread().name
"""
    async with opened(in_folder(tmp_path, {"tools/where.py": content})) as registry:
        outcome = await registry.run("where", "{}", a_call())

    assert outcome.ok
    assert "MainThread" not in outcome.output


async def test_a_thread_that_does_not_end_is_left_at_the_limit(tmp_path: Path) -> None:
    content = """
import threading
name = "stuck"
def handler(uuid, args):
    threading.Event().wait(2)
"""
    folder = in_folder(tmp_path, {"tools/stuck.py": content})
    async with opened(folder, tool_timeout_s=0.01) as registry:
        outcome = await registry.run("stuck", "{}", a_call())

    assert error_of(outcome) == "The tool took too long."


async def test_a_helper_beside_a_tool_can_be_imported_and_is_no_tool(
    tmp_path: Path,
) -> None:
    files = {
        "tools/beside_it.py": "raise_if_run_as_tool = True\nanswer = '42'\n",
        "tools/_more.py": "name = 1\ndef handler(): ...\n",
        "tools/ask.py": (
            "import beside_it\nname = 'ask'\n"
            "async def handler(uuid, args): return beside_it.answer\n"
        ),
    }
    async with opened(in_folder(tmp_path, files)) as registry:
        outcome = await registry.run("ask", "{}", a_call())

    assert outcome.output == "42"
    assert registry.problems == ()
    assert not any("ask" in path.name for path in left_compiled(tmp_path))


async def test_a_file_that_is_no_tool_is_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    content = f"open({str(mark)!r}, 'w').close()\n"
    files = {
        "tools/script.py": content,
        "tools/half.py": content + "name = 'half'\n",
        "tools/broken.py": content + "name = 'x'\ndef handler(:\n",
    }
    async with opened(in_folder(tmp_path, files)) as registry:
        pass

    assert not mark.exists()
    assert [problem.partition("tools/")[2] for problem in registry.problems] == [
        "broken.py: not Python: invalid syntax in line 3",
        "half.py: no 'handler' at its top level",
    ]


HANDLER = "async def handler(uuid, args): return ''\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"name = 'x'\n{HANDLER}import not_there", "ModuleNotFoundError"),
        (f"name = 'x'\n{HANDLER}raise SystemExit(1)", "SystemExit"),
        (f"name = 'two words'\n{HANDLER}", "name 'two words' must be"),
        (f"name = 7\n{HANDLER}", "name 7 must be"),
        (f"name = 'x'\ndescription = 7\n{HANDLER}", "description must be"),
        (f"name = 'x'\ninput_schema = 'y'\n{HANDLER}", "must be an object"),
        (f"name = 'x'\ninput_schema = {{'type': 7}}\n{HANDLER}", "type"),
        ("name = 'x'\nhandler = 7", "handler must be a function"),
        ("name = 'x'\nasync def handler(uuid): ...", "handler must take"),
        ("\0", "not Python|cannot be read"),
    ],
)
async def test_a_faulty_file_is_left_out_with_one_line(
    tmp_path: Path, content: str, said: str
) -> None:
    files = {"tools/faulty.py": content, "tools/weather.py": WEATHER}

    with capture_logs() as logs:
        async with opened(in_folder(tmp_path, files)) as registry:
            pass

    assert set(registry.tools) == {"avr_transfer", "avr_hangup", "weather"}
    (problem,) = registry.problems
    assert problem.startswith(str(tmp_path / "tools" / "faulty.py"))
    assert any(each in problem for each in said.split("|"))
    assert [e["problem"] for e in logs if e["event"] == "tool problem"] == [problem]


async def test_an_operators_own_call_control_replaces_ours_and_stays_call_control(
    tmp_path: Path,
) -> None:
    content = """
name = "avr_hangup"
description = "Ends it all."
async def handler(uuid, args): return "ended"
"""
    folder = in_folder(tmp_path, {"avr_tools/avr_hangup.py": content})

    async with opened(folder) as registry:
        outcome = await registry.run("avr_hangup", "{}", a_call())

    assert outcome == ToolOutcome("ended", ok=True)
    assert registry.tools["avr_hangup"].kind is Kind.CALL_CONTROL
    assert registry.tools["avr_hangup"].description == "Ends it all."
    assert registry.problems == ()


async def test_of_two_tools_with_one_name_the_one_in_avr_tools_wins(
    tmp_path: Path,
) -> None:
    files = {
        "avr_tools/z.py": WEATHER.replace("sunny", "grey"),
        "tools/a.py": WEATHER,
    }
    async with opened(in_folder(tmp_path, files)) as registry:
        outcome = await registry.run("weather", '{"city": "Rome"}', a_call())

    assert outcome.output == "Rome is grey, call-1"
    (problem,) = registry.problems
    assert str(tmp_path / "tools" / "a.py") in problem
    assert str(tmp_path / "avr_tools" / "z.py") in problem


async def test_a_missing_folder_is_told_and_tools_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_folder(tmp_path, {"tools/weather.py": WEATHER})
    monkeypatch.chdir(tmp_path)

    async with opened("/not/there") as registry:
        assert "weather" in registry.tools
    assert registry.problems == ("/not/there: no such folder; reading 'tools' instead",)

    (tmp_path / "tools" / "weather.py").unlink()
    (tmp_path / "tools").rmdir()
    async with opened("tools") as registry:
        assert registry.problems == ()


async def test_what_anybody_may_write_to_is_told(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, {"tools/weather.py": WEATHER})
    (tmp_path / "tools").chmod(0o777)

    async with opened(folder) as registry:
        assert "weather" in registry.tools

    (problem,) = registry.problems
    assert problem.startswith(f"{folder}: anybody may write here")


async def test_the_list_runs_no_file(tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    files = {
        "tools/weather.py": f"open({str(mark)!r}, 'w').close()\n{WEATHER}",
        "tools/dynamic.py": "name = str(1)\ndef handler(uuid, args): ...\n",
        "tools/half.py": "handler = print\n",
        "tools/odd.py": f"name = 'two words'\n{HANDLER}",
    }
    listing = await list_tools(Path(in_folder(tmp_path, files)), {})

    assert not mark.exists()
    tools = tmp_path / "tools"
    assert listing.tools[2:] == (
        ListedTool(
            "weather", "Tells the weather.", str(tools / "weather.py"), Kind.PYTHON
        ),
        ListedTool(None, "", str(tools / "dynamic.py"), Kind.PYTHON),
    )
    assert [tool.name for tool in listing.tools[:2]] == ["avr_transfer", "avr_hangup"]
    half, odd = listing.problems
    assert half == f"{tools / 'half.py'}: no 'name' at its top level"
    assert odd.startswith(f"{tools / 'odd.py'}: name 'two words' must be")


async def test_two_calls_run_one_tool_at_once(tmp_path: Path) -> None:
    content = """
import trio
met = 0
name = "meet"
async def handler(uuid, args):
    global met
    met += 1
    while met < 2:
        await trio.lowlevel.checkpoint()
    return "met"
"""
    outcomes: list[ToolOutcome] = []
    async with opened(in_folder(tmp_path, {"tools/meet.py": content})) as registry:

        async def meet() -> None:
            outcomes.append(await registry.run("meet", "{}", a_call()))

        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(meet)
                nursery.start_soon(meet)

    assert [outcome.output for outcome in outcomes] == ["met", "met"]


async def test_a_plain_file_may_be_call_control_and_silent(tmp_path: Path) -> None:
    content = """
from trio_sts.tools import Silent
name = "close_the_door"
ends_call = True
def handler(uuid, args): return Silent({"closed": True})
"""
    folder = in_folder(tmp_path, {"tools/door.py": content})

    async with opened(folder) as registry:
        outcome = await registry.run("close_the_door", "{}", a_call())

    assert outcome == ToolOutcome('{"closed": true}', ok=True, silent=True)
    assert registry.call_control()["close_the_door"] == "hangup"
    listing = await list_tools(Path(folder), {})
    assert listing.tools[-1].kind is Kind.CALL_CONTROL


async def test_without_avr_ami_only_the_operators_call_control_is_offered(
    tmp_path: Path,
) -> None:
    content = 'name = "avr_hangup"\ndef handler(uuid, args): return ""\n'
    folder = in_folder(tmp_path, {"tools/avr_hangup.py": content})

    async with opened(folder, ami_url=None) as registry:
        assert list(registry.tools) == ["avr_hangup"]
        assert registry.call_control() == {"avr_hangup": "hangup"}


@pytest.mark.parametrize(
    "blocks",
    ["threading.Event().wait()", "while True: pass", "raise KeyboardInterrupt"],
)
async def test_a_file_that_never_finishes_loading_costs_itself_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: str
) -> None:
    monkeypatch.setattr(python_files, "LOAD_S", 0.3)
    tail = "\nname = 'a'\ndef handler(uuid, args): return ''\n"
    files = {
        "tools/a.py": f"import threading\n{blocks}{tail}",
        "tools/weather.py": WEATHER,
    }
    with trio.fail_after(10):
        async with opened(in_folder(tmp_path, files)) as registry:
            assert "weather" in registry.tools
            assert "a" not in registry.tools
    (problem,) = registry.problems
    assert "did not load within 0.3 s" in problem or "KeyboardInterrupt" in problem


async def test_a_thread_that_was_given_up_ends_as_soon_as_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(python_files, "LOAD_S", 0.3)
    text = """
import threading
threading.current_thread().name = "spins"
while True:
    try: threading.Event().wait(0.01)
    except Exception: pass
name = "a"
def handler(uuid, args): pass
"""
    async with opened(in_folder(tmp_path, {"tools/a.py": text})) as registry:
        assert len(registry.problems) == 1
    for _ in range(1000):
        if not any(thread.name == "spins" for thread in threading.enumerate()):
            return
        await trio.sleep(0.01)
    raise AssertionError("the thread still spins")


async def test_names_may_be_assigned_together(tmp_path: Path) -> None:
    content = """
name, description = "pair", "Two at once."
[input_schema, _more] = {}, 1
limit, *rest = 1, 2, 3

def handler(uuid, args):
    return "ok"
"""
    folder = in_folder(tmp_path, {"tools/pair.py": content})
    listing = await list_tools(Path(folder), {})
    assert listing.problems == ()
    assert listing.tools[-1].name == "pair"
    assert listing.tools[-1].description == "Two at once."
