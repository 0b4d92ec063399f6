import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest
import structlog
import trio
from structlog.testing import capture_logs

from tests.tools.calls import a_call, error_of
from tests.tools.folders import in_folder, opened
from trio_sts.tools.listing import list_tools
from trio_sts.tools.ranks import ListedTool
from trio_sts.tools.registry import Registry, ToolOutcome
from trio_sts.tools.tool import EndsCall, Kind

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
    assert error_of(wrong) == '"who" is a required property'


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
async def test_files_of_both_folders_share_their_modules_as_in_avr(
    tmp_path: Path,
) -> None:
    who = "require('../lib/session')"
    files = {
        "lib/session.js": "module.exports = { caller: null };",
        "tools/identify.js": module(
            "identify", f"{who}.caller = args.who; return 'hello';"
        ),
        "avr_tools/orders.js": module("orders", f"return {who}.caller;"),
        "avr_tools/more.js": module("more", "return globalThis.seen ??= 'begun';"),
    }

    async with opened(in_folder(tmp_path, files), environ=env()) as registry:
        await registry.run("identify", '{"who": "Ada"}', a_call())
        orders = await registry.run("orders", "{}", a_call())

    assert orders.output == "Ada"


COUNT = "let n = 0;"
BLOCKS = "const end = Date.now() + args.ms; while (Date.now() < end); return 'done';"


@needs_node
async def test_a_file_that_blocks_for_a_while_costs_no_call_and_is_then_apart(
    tmp_path: Path,
) -> None:
    files = {
        "tools/count.js": module("count", "return `${++n}`;", before=COUNT),
        "tools/slow.js": module(
            "slow", "await new Promise((r) => setTimeout(r, 50)); return `${args.n}`;"
        ),
        "tools/blocks.js": module("blocks", BLOCKS),
    }
    calls = [("slow", f'{{"n": {n}}}') for n in range(16)]
    calls[8:8] = [("blocks", '{"ms": 2500}')]

    with capture_logs() as logs:
        async with opened(in_folder(tmp_path, files), environ=env()) as registry:
            counted = [(await registry.run("count", "{}", a_call())).output]
            first = await outcomes(registry, calls)
            counted.append((await registry.run("count", "{}", a_call())).output)
            again = await outcomes(registry, calls)
            counted.append((await registry.run("count", "{}", a_call())).output)

    expected = [str(n) for n in range(16)]
    expected[8:8] = ["done"]
    assert [o.output for o in first if o] == expected
    assert [o.output for o in again if o] == expected
    # What the others kept began anew, once.
    assert counted == ["1", "1", "2"]
    (warning,) = [each for each in logs if "of its own" in each["event"]]
    assert warning["source"].endswith("blocks.js")
    assert warning["why"] == "it blocked the thread that it shared"
    assert "2 other files" in warning["lost"]


@needs_node
@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("while (true);", "The tool took too long."),
        ("await null; setTimeout(() => { while (true); }); await new Promise(() => 0);",
         "The tool took too long."),
        ("process.exit(0);", "The tool failed."),
        ("await null; process.reallyExit(3);", "The tool failed."),
        # Whichever comes first: the memory is full, or the time is up.
        ("const all = []; while (true) all.push(new Array(1e5).fill(all.length));",
         "The tool "),
        ("await null; const all = []; while (true) all.push(Buffer.alloc(5e7, 'x'));",
         "The tool "),
    ],
    ids=["blocks", "blocks later", "exits", "really exits", "fills the heap",
         "fills the memory"],
)  # fmt: skip
async def test_a_bad_file_costs_its_own_call_and_is_then_apart(
    tmp_path: Path, bad: str, told: str
) -> None:
    files = {
        "tools/count.js": module("count", "return `${++n}`;", before=COUNT),
        "tools/bad.js": module("bad", f"if (args.now) {{ {bad} }} return 'ok';"),
    }

    with capture_logs() as logs:
        folder = in_folder(tmp_path, files)
        async with opened(folder, environ=env(), tool_timeout_s=4) as registry:
            with trio.fail_after(30):
                bad_one = await registry.run("bad", '{"now": true}', a_call())
                ok = await outcomes(registry, [("count", "{}"), ("bad", "{}")])
                second = await registry.run("bad", '{"now": true}', a_call())
                count = await registry.run("count", "{}", a_call())
                (host,) = hosts()

    assert error_of(bad_one).startswith(told)
    assert [o.output for o in ok if o] == ["1", "ok"]
    # The second time nobody else noticed.
    assert not second.ok
    assert count.output == "2"
    apart = [each["source"] for each in logs if "of its own" in each["event"]]
    assert apart == [str(tmp_path / "tools" / "bad.js")]
    assert not host.is_running()


@needs_node
async def test_a_file_that_blocks_while_it_loads_costs_no_other(tmp_path: Path) -> None:
    files = {
        "tools/a.js": module("a", "return 'ok';"),
        "tools/blocks.js": "while (true);",
        "tools/waits.mjs.js": "module.exports = new Promise(() => {});",
        "tools/z.js": module("z", "return 'ok';"),
    }
    with trio.fail_after(30):
        async with opened(in_folder(tmp_path, files), environ=env()) as registry:
            told = await outcomes(registry, [("a", "{}"), ("z", "{}")])

    assert [o.output for o in told if o] == ["ok", "ok"]
    assert [problem.rpartition(": ")[2] for problem in registry.problems] == [
        "its loading blocks",
        "did not load in time",
    ]


@needs_node
async def test_what_a_file_throws_later_costs_its_own_call_alone(
    tmp_path: Path,
) -> None:
    later = (
        "setTimeout(() => { throw new Error('later') }); await new Promise(() => 0);"
    )
    slow = "await new Promise((r) => setTimeout(r, 300)); return `${++n}`;"
    files = {
        "tools/slow.js": module("slow", slow, before=COUNT),
        "tools/later.js": module("later", later),
        "tools/forgets.js": module(
            "forgets", "Promise.reject(new Error('forgotten')); return 'ok';"
        ),
    }
    calls = [("slow", "{}"), ("later", "{}"), ("forgets", "{}")]

    async with opened(in_folder(tmp_path, files), environ=env()) as registry:
        results = await outcomes(registry, calls)
        count = await registry.run("slow", "{}", a_call())

    assert [o.output for o in results if o and o.ok] == ["1", "ok"]
    assert count.output == "2"


@needs_node
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("7", "7"),
        ("false", "false"),
        ("null", "null"),
        ("undefined", ""),
        ("''", ""),
        ("'text'", "text"),
        ("{ a: 1 }", '{"a":1}'),
        ("[1, 'two']", '[1,"two"]'),
        ("new Date(0)", '"1970-01-01T00:00:00.000Z"'),
        ("12345678901234567890n", "12345678901234567890n"),
        ("(() => { const a = {}; a.a = a; return a; })()", "<ref *1> { a: [Circular *1] }"),
        ("new Error('no such order')", "Error: no such order"),
        ("{ toJSON() { throw new Error('no'); }, a: 1 }", "{ toJSON: [Function: toJSON], a: 1 }"),
        ("Symbol('a')", "Symbol(a)"),
        ("{ silent: false, output: 1 }", '{"silent":false,"output":1}'),
    ],
)  # fmt: skip
async def test_whatever_a_handler_answers_it_did_its_work(
    tmp_path: Path, answer: str, text: str
) -> None:
    folder = in_folder(tmp_path, {"tools/a.js": module("a", f"return {answer};")})

    async with opened(folder, environ=env()) as registry:
        outcome = await registry.run("a", "{}", a_call())

    assert outcome == ToolOutcome(text, ok=True)


@needs_node
@pytest.mark.parametrize(
    ("answer", "text"),
    [("{ silent: true, output: { a: 1 } }", '{"a":1}'), ("{ silent: true }", "")],
)
async def test_a_handler_may_want_nothing_said_about_its_answer(
    tmp_path: Path, answer: str, text: str
) -> None:
    folder = in_folder(tmp_path, {"tools/a.js": module("a", f"return {answer};")})

    async with opened(folder, environ=env()) as registry:
        outcome = await registry.run("a", "{}", a_call())

    assert outcome == ToolOutcome(text, ok=True, silent=True)


@needs_node
async def test_a_module_may_be_call_control(tmp_path: Path) -> None:
    files = {
        "tools/a.js": module("a", "").replace("name:", "ends_call: true, name:"),
        "tools/b.js": module("b", "").replace("name:", "ends_call: 'transfer', name:"),
        "tools/c.js": module("c", "").replace("name:", "ends_call: 7, name:"),
    }
    async with opened(in_folder(tmp_path, files), environ=env()) as registry:
        control = registry.call_control()

    assert control == {
        "avr_transfer": EndsCall.TRANSFER,
        "avr_hangup": EndsCall.HANGUP,
        "a": EndsCall.HANGUP,
        "b": EndsCall.TRANSFER,
    }
    (problem,) = registry.problems
    assert "c.js: ends_call must be true, false" in problem


@needs_node
async def test_a_third_parameter_is_given_the_metadata_and_a_logger(
    tmp_path: Path,
) -> None:
    text = """
module.exports = { name: 'a', handler: async (uuid, args, { metadata, logger }) => {
  logger.info('asked by', metadata.from, { n: 1 });
  logger.warn('careful');
  logger.error(new Error('bad').message);
  return metadata.to;
} };
"""
    folder = in_folder(tmp_path, {"tools/a.js": text})
    with capture_logs() as logs:
        async with opened(folder, environ=env()) as registry:
            with structlog.contextvars.bound_contextvars(call_id="call-1"):
                outcome = await registry.run("a", "{}", a_call())

    assert outcome.output == "5001"
    said = [each for each in logs if each["event"] == "tool says"]
    assert [(each["log_level"], each["text"]) for each in said] == [
        ("info", "asked by 2000 { n: 1 }"),
        ("warning", "careful"),
        ("error", "bad"),
    ]
    assert {each["call_id"] for each in said} == {"call-1"}


@needs_node
async def test_what_a_file_says_about_itself_has_a_bound(tmp_path: Path) -> None:
    big = "'x'.repeat(9_000_000)"
    files = {
        "tools/a.js": module("a", "return 'ok';"),
        "tools/big.js": module("big", "").replace(
            "name:", f"description: {big}, name:"
        ),
        "tools/name.js": module("n", "").replace("'n'", big),
        "tools/schema.js": module("s", "").replace(
            "name:", f"input_schema: {{ title: {big} }}, name:"
        ),
        "tools/throws.js": f"throw new Error({big});",
    }
    async with opened(in_folder(tmp_path, files), environ=env()) as registry:
        outcome = await registry.run("a", "{}", a_call())

    assert outcome.output == "ok"
    assert len(registry.problems) == 4
    assert all(len(problem) < 3000 for problem in registry.problems)


@needs_node
async def test_a_tool_that_floods_the_log_is_cut_with_a_count(tmp_path: Path) -> None:
    flood = "for (let n = 0; n < 1000; n++) console.log(n);"
    wait = "await new Promise((r) => setTimeout(r, 1100)); console.log('last');"
    folder = in_folder(tmp_path, {"tools/a.js": module("a", flood + wait)})

    with capture_logs() as logs:
        async with opened(folder, environ=env()) as registry:
            assert (await registry.run("a", "{}", a_call())).ok

    texts = [each["text"] for each in logs if each["event"] == "tool says"]
    assert len(texts) < 110
    assert texts[-1] == "last"
    assert texts[-2].endswith("more lines were dropped")


@needs_node
async def test_what_nobody_but_a_package_s_author_wants_to_read_is_not_logged(
    tmp_path: Path,
) -> None:
    body = """
process.emitWarning('old', 'DeprecationWarning', 'DEP0001');
process.emitWarning('new', 'ExperimentalWarning');
process.emitWarning('leak', 'MaxListenersExceededWarning');
await new Promise((r) => setTimeout(r, 100));
return process.env.DOTENV_CONFIG_QUIET;
"""
    folder = in_folder(tmp_path, {"tools/a.js": module("a", body)})

    with capture_logs() as logs:
        async with opened(folder, environ=env()) as registry:
            quiet = await registry.run("a", "{}", a_call())
        async with opened(folder, environ=env(DOTENV_CONFIG_QUIET="false")) as registry:
            loud = await registry.run("a", "{}", a_call())

    texts = [each["text"].split(":")[0] for each in logs if "text" in each]
    assert texts.count("MaxListenersExceededWarning") == 2
    assert set(texts) <= {"MaxListenersExceededWarning"} | {
        t for t in texts if t[0] == " "
    }
    assert (quiet.output, loud.output) == ("true", "false")


@needs_node
@pytest.mark.parametrize(
    ("body", "told"),
    [
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
async def test_a_call_that_never_ends_takes_nothing_with_it(tmp_path: Path) -> None:
    body = """
if (args.hang) await new Promise(() => {});
await new Promise((r) => setTimeout(r, args.ms));
return `${++n}`;
"""
    text = module("a", body, before=COUNT)
    folder = in_folder(tmp_path, {"tools/a.js": text})

    async with opened(folder, environ=env(), tool_timeout_s=1) as registry:
        calls = [("a", '{"hang": true}'), ("a", '{"ms": 300}')]
        results = await outcomes(registry, calls)
        later = await registry.run("a", '{"ms": 0}', a_call())

    assert [r.output for r in results if r and r.ok] == ["1"]
    assert later.output == "2"


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

    # A database of other tests may run already.
    before = set(psutil.Process().children(recursive=True))
    started: list[psutil.Process] = []
    with pytest.RaisesGroup(RuntimeError, flatten_subgroups=True):
        async with opened(folder, environ=env(), tool_timeout_s=0.3) as registry:
            await registry.run("a", "{}", a_call())
            now = psutil.Process().children(recursive=True)
            started += [child for child in now if child not in before]
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
    before = set(psutil.Process().children())

    async with opened(folder, environ={"PATH": str(node.parent)}) as registry:
        assert set(registry.tools) == {"avr_transfer", "avr_hangup"}
        children = set(psutil.Process().children()) - before

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
async def test_the_list_has_the_names_of_loaded_files(tmp_path: Path) -> None:
    files = {"tools/greet.js": GOOD, "tools/lib/words.js": WORDS, "tools/bad.js": "x("}
    listing = await list_tools(Path(in_folder(tmp_path, files)), env())

    source = str(tmp_path / "tools" / "greet.js")
    assert listing.tools[2:] == (
        ListedTool("greet", "Greets somebody.", source, Kind.JAVASCRIPT),
    )
    (problem,) = listing.problems
    assert problem.startswith(f"{tmp_path / 'tools' / 'bad.js'}: cannot be loaded")
