import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest
import trio
from structlog.testing import capture_logs

from tests.tools.calls import a_call, error_of
from tests.tools.folders import in_folder, opened
from trio_sts.tools.listing import list_tools
from trio_sts.tools.ranks import ListedTool
from trio_sts.tools.registry import Registry, ToolOutcome
from trio_sts.tools.tool import Kind

needs_node = pytest.mark.skipif(
    shutil.which("node") is None, reason="Node.js is not installed"
)

GOOD = """
const { greeting } = require('./lib/words');
module.exports = {
  name: 'greet',
  description: 'Greets somebody.',
  input_schema: {
    type: 'object',
    properties: { who: { type: 'string' } },
    required: ['who'],
  },
  handler: async (uuid, { who }) => `${greeting} ${who} in ${uuid}`,
};
"""
WORDS = "exports.greeting = process.env.GREETING;"


def module(name: str, body: str, *, before: str = "") -> str:
    return (
        f"{before}\nmodule.exports = {{ name: '{name}',"
        f" handler: async (uuid, args) => {{ {body} }} }};\n"
    )


def env(**more: str) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], **more}


async def outcomes(
    registry: Registry, calls: Sequence[tuple[str, str]]
) -> list[ToolOutcome | None]:
    """Run the calls, (tool, arguments) each, all at once."""
    results: list[ToolOutcome | None] = [None] * len(calls)

    async def one(place: int, name: str, arguments: str) -> None:
        results[place] = await registry.run(name, arguments, a_call())

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for place, (name, arguments) in enumerate(calls):
                nursery.start_soon(one, place, name, arguments)
    return results


async def works_again(registry: Registry) -> bool:
    for _ in range(1000):
        if (await registry.run("a", "{}", a_call())).ok:
            return True
        await trio.sleep(0.02)
    return False


def hosts() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "node" in child.name()]


@needs_node
async def test_a_module_of_avr_runs_unchanged(tmp_path: Path) -> None:
    files = {"avr_tools/lib/words.js": WORDS, "avr_tools/greet.js": GOOD}
    folder = in_folder(tmp_path, files)

    async with opened(folder, environ=env(GREETING="Hello")) as registry:
        offer = registry.offered()[-1]
        outcome = await registry.run("greet", '{"who": "Wörld"}', a_call())
        wrong = await registry.run("greet", "{}", a_call())

    assert registry.problems == ()
    assert (offer.name, offer.description) == ("greet", "Greets somebody.")
    assert offer.parameters["required"] == ["who"]
    assert registry.tools["greet"].kind is Kind.JAVASCRIPT
    assert outcome == ToolOutcome("Hello Wörld in call-1", ok=True)
    assert error_of(wrong) == "'who' is a required property"


@needs_node
async def test_modules_are_found_through_node_path(tmp_path: Path) -> None:
    files = {
        "lib/shared.js": "module.exports = 'shared';",
        "tools/a.js": module("a", "return require('shared');"),
    }
    folder = in_folder(tmp_path, files)

    async with opened(folder, environ=env(NODE_PATH=str(tmp_path / "lib"))) as registry:
        outcome = await registry.run("a", "", a_call())

    assert outcome.output == "shared"


@needs_node
async def test_twenty_calls_at_once_and_three_bad_files_cost_three_calls(
    tmp_path: Path,
) -> None:
    files = {
        "tools/good.js": module(
            "good", "await new Promise((r) => setTimeout(r, 50)); return `${args.n}`;"
        ),
        "tools/hangs.js": module("hangs", "if (args.now) while (true); return 'ok';"),
        "tools/throws.js": module(
            "throws", "if (args.now) throw new Error('secret'); return 'ok';"
        ),
        "tools/exits.js": module(
            "exits", "if (args.now) process.exit(0); return 'ok';"
        ),
    }
    bad = ("hangs", "throws", "exits")
    calls = [("good", f'{{"n": {n}}}') for n in range(17)]
    calls[5:5] = [(name, '{"now": true}') for name in bad]
    folder = in_folder(tmp_path, files)

    async with opened(folder, environ=env(), tool_timeout_s=1) as registry:
        first = await outcomes(registry, calls)
        again = await outcomes(registry, [(name, "{}") for name in bad])
        (host,) = hosts()

    assert [o.output for o in first if o and o.ok] == [str(n) for n in range(17)]
    assert [error_of(o) for o in first if o and not o.ok] == [
        "The tool took too long.",
        "The tool failed.",
        "The tool failed.",
    ]
    assert [o.output for o in again if o] == ["ok", "ok", "ok"]
    assert not host.is_running()


@needs_node
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 7;", "The tool failed."),
        ("return { a: 1 };", "The tool failed."),
        ("throw null;", "The tool failed."),
        ("setTimeout(() => { throw new Error('later') }); await new Promise(() => {});",
         "The tool failed."),
        ("await new Promise(() => {});", "The tool took too long."),
    ],
)  # fmt: skip
async def test_a_failed_call_says_no_more_than_that(
    tmp_path: Path, body: str, told: str
) -> None:
    folder = in_folder(tmp_path, {"tools/a.js": module("a", body)})

    async with opened(folder, environ=env(), tool_timeout_s=0.5) as registry:
        assert error_of(await registry.run("a", "{}", a_call())) == told


@needs_node
async def test_a_call_that_never_ends_does_not_take_its_neighbour_with_it(
    tmp_path: Path,
) -> None:
    body = """
if (args.hang) await new Promise(() => {});
await new Promise((r) => setTimeout(r, args.ms));
return `${++count}`;
"""
    text = module("a", body, before="let count = 0;")
    folder = in_folder(tmp_path, {"tools/a.js": text})

    async with opened(folder, environ=env(), tool_timeout_s=1) as registry:
        results: list[ToolOutcome] = []

        async def one(arguments: str) -> None:
            results.append(await registry.run("a", arguments, a_call()))

        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(one, '{"hang": true}')
                nursery.start_soon(one, '{"ms": 300}')
        renewed = await registry.run("a", '{"ms": 0}', a_call())

    assert [(r.ok, r.output) for r in results if r.ok] == [(True, "1")]
    assert len(results) == 2
    # The thread was replaced once nobody waited for it, so the count begins anew.
    assert renewed.output == "1"


@needs_node
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("module.exports = { name: 'a' };", "handler must be a function"),
        ("throw new Error('no database');", "Error: no database"),
        ("require('not-there');", "Cannot find module 'not-there'"),
        ("module.exports = {", "SyntaxError"),
        ("process.exit(3);", "its thread ended with code 3"),
        ("module.exports = null;", "TypeError"),
        (module("two words", ""), "name 'two words' must be"),
        (module("a", "").replace("handler", "input_schema: 7, handler"), "an object"),
    ],
)
async def test_a_faulty_file_is_left_out_with_one_line(
    tmp_path: Path, text: str, said: str
) -> None:
    files = {"tools/faulty.js": text, "tools/good.js": module("good", "return 'ok';")}

    async with opened(in_folder(tmp_path, files), environ=env()) as registry:
        assert (await registry.run("good", "{}", a_call())).output == "ok"
        assert set(registry.tools) == {"avr_transfer", "avr_hangup", "good"}

    (problem,) = registry.problems
    assert problem.startswith(str(tmp_path / "tools" / "faulty.js"))
    assert said in problem
    assert "\n" not in problem


@needs_node
async def test_what_a_tool_prints_goes_to_the_log_and_never_between_the_messages(
    tmp_path: Path,
) -> None:
    body = """
console.log('to the console');
require('fs').writeSync(1, 'past the console\\n');
await new Promise((r) => setTimeout(r, 100));
return 'ok';
"""
    folder = in_folder(tmp_path, {"tools/a.js": module("a", body)})

    with capture_logs() as logs:
        async with opened(folder, environ=env()) as registry:
            outcome = await registry.run("a", "{}", a_call())

    assert outcome.output == "ok"
    said = {entry["event"]: entry for entry in logs if "text" in entry}
    assert said["tool says"]["text"] == "to the console"
    assert said["tool says"]["source"].endswith("a.js")
    assert said["node host says"]["text"] == "past the console"


@needs_node
async def test_a_host_that_dies_fails_its_calls_and_is_started_again(
    tmp_path: Path,
) -> None:
    files = {
        "tools/a.js": module("a", "return 'ok';"),
        "tools/kills.js": module("kills", "process.kill(process.pid, 'SIGKILL');"
                                 " await new Promise(() => {});"),
    }  # fmt: skip
    async with opened(in_folder(tmp_path, files), environ=env()) as registry:
        killed = await registry.run("kills", "{}", a_call())
        meanwhile = await registry.run("a", "{}", a_call())
        assert await works_again(registry)

    assert error_of(killed) == "The tool failed."
    assert error_of(meanwhile) == "The tool is not available at the moment."
    assert hosts() == []


@needs_node
async def test_the_host_is_gone_even_if_its_tools_block_or_the_service_fails(
    tmp_path: Path,
) -> None:
    text = module("a", "require('child_process').spawn('sleep', ['100']); while (1);")
    folder = in_folder(tmp_path, {"tools/a.js": text})

    started: list[psutil.Process] = []
    with pytest.RaisesGroup(RuntimeError, flatten_subgroups=True):
        async with opened(folder, environ=env(), tool_timeout_s=0.3) as registry:
            await registry.run("a", "{}", a_call())
            started += psutil.Process().children(recursive=True)
            assert {"node", "sleep"} <= {child.name() for child in started}
            raise RuntimeError("the service failed")

    _, alive = await trio.to_thread.run_sync(psutil.wait_procs, started, 5)
    assert alive == []


SERVICE = """
import os, sys, trio
from pathlib import Path
from trio_sts.tools.opening import open_registry

async def serve():
    async with open_registry(
        ami_url="http://ami:6006",
        tools_dir=Path(sys.argv[1]),
        tool_timeout_s=1,
        tool_result_kib=1,
        environ=os.environ,
    ):
        print("ready", file=sys.stderr, flush=True)
        await trio.sleep_forever()

trio.run(serve)
"""


@needs_node
async def test_the_host_does_not_outlive_a_service_that_is_killed(
    tmp_path: Path,
) -> None:
    folder = in_folder(tmp_path, {"tools/a.js": module("a", "return 'ok';")})
    command = [sys.executable, "-c", SERVICE, folder]
    service = await trio.lowlevel.open_process(command, stderr=subprocess.PIPE)
    assert service.stderr is not None
    async with service.stderr:
        with trio.fail_after(20):
            while b"ready" not in await service.stderr.receive_some():
                pass
        (host,) = psutil.Process(service.pid).children()
        service.kill()
        await service.wait()

    _, alive = await trio.to_thread.run_sync(psutil.wait_procs, [host], 5)
    assert alive == []


@needs_node
async def test_a_hang_up_leaves_the_host_to_the_others(tmp_path: Path) -> None:
    body = "await new Promise((r) => setTimeout(r, args.ms)); return 'ok';"
    folder = in_folder(tmp_path, {"tools/a.js": module("a", body)})

    async with opened(folder, environ=env()) as registry:
        with trio.move_on_after(0.05) as hung_up:
            await registry.run("a", '{"ms": 4000}', a_call())
        outcome = await registry.run("a", '{"ms": 1}', a_call())

    assert hung_up.cancelled_caught
    assert outcome.output == "ok"


PYTHON = f"""#!{sys.executable}
import os, sys, time
def say(line): os.write(int(sys.argv[2]), line)
"""


@pytest.mark.parametrize(
    "script",
    [
        "#!/nowhere/at/all\n",
        PYTHON + "raise SystemExit(1)\n",
        PYTHON + "say(b'no json\\n')\ntime.sleep(60)\n",
        PYTHON + 'say(b\'{"type": "loaded", "file": 9}\\n\')\n',
    ],
)
async def test_a_node_that_does_not_work_costs_its_tools_only(
    tmp_path: Path, script: str
) -> None:
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text(script)
    node.chmod(0o755)
    folder = in_folder(tmp_path, {"tools/greet.js": GOOD})
    started = trio.current_time()

    async with opened(folder, environ={"PATH": str(node.parent)}) as registry:
        assert set(registry.tools) == {"avr_transfer", "avr_hangup"}
        children = psutil.Process().children()

    assert trio.current_time() - started < 10
    (problem,) = registry.problems
    assert "greet.js: cannot be loaded: Node.js did not do it" in problem
    assert not any(child.is_running() for child in children)


async def test_without_node_the_files_are_told_and_the_rest_works(
    tmp_path: Path,
) -> None:
    folder = in_folder(tmp_path, {"tools/greet.js": GOOD})

    async with opened(folder, environ={"PATH": str(tmp_path)}) as registry:
        assert set(registry.tools) == {"avr_transfer", "avr_hangup"}

    (problem,) = registry.problems
    assert "greet.js: not used: JavaScript tools need Node.js" in problem


@needs_node
async def test_no_javascript_means_no_host(tmp_path: Path) -> None:
    async with opened(in_folder(tmp_path, {}), environ=env()):
        assert hosts() == []


@needs_node
async def test_an_operators_own_call_control_in_javascript_replaces_ours(
    tmp_path: Path,
) -> None:
    text = module("avr_transfer", "return 'moved';")
    folder = in_folder(tmp_path, {"avr_tools/avr_transfer.js": text})

    async with opened(folder, environ=env()) as registry:
        outcome = await registry.run("avr_transfer", "{}", a_call())

    assert outcome.output == "moved"
    assert registry.tools["avr_transfer"].kind is Kind.CALL_CONTROL


@needs_node
def test_the_list_reads_names_from_the_text(tmp_path: Path) -> None:
    listing = list_tools(Path(in_folder(tmp_path, {"tools/greet.js": GOOD})), env())

    source = str(tmp_path / "tools" / "greet.js")
    assert listing.tools[2:] == (
        ListedTool("greet", "Greets somebody.", source, Kind.JAVASCRIPT),
    )
