"""One Node.js host for all workers of a generation."""

import os
from collections.abc import Callable
from pathlib import Path

import orjson
import structlog
import trio
from structlog.testing import capture_logs

from tests.tools.folders import in_folder
from tests.tools.test_node_host import needs_node
from trio_sts.fleet.scripts import open_scripts
from trio_sts.tools.problems import NO_NODE

from .views_kit import FarWorker, fleet

WHO = """
let calls = 0;
module.exports = {
  name: 'who', description: 'd', input_schema: { type: 'object', properties: {} },
  handler: async (uuid, args) => {
    console.log('asked', args.note);
    if (args.fail) throw new Error('on purpose');
    if (args.die) process.kill(process.pid, 'SIGKILL');
    if (args.wait) await new Promise(() => {});
    calls += 1;
    return JSON.stringify({ uuid, pid: process.pid, calls });
  },
};
"""
BROKEN = "throw new Error('no such thing');"


async def soon(true: Callable[[], object]) -> None:
    """Look until it is true: another process does it; the test's limit bounds it."""
    while not true():  # noqa: ASYNC110
        await trio.sleep(0.01)


async def ran(worker: FarWorker, uuid: str, **args: object) -> dict[str, object]:
    registry = worker.services.registry
    context = registry.context(uuid, {}, structlog.get_logger().bind(call_id=uuid))
    outcome = await registry.run("who", orjson.dumps(args).decode(), context)
    return {"ok": outcome.ok, **orjson.loads(outcome.output)}


def environ() -> dict[str, str]:
    return {"PATH": os.environ["PATH"]}


def is_there(pid: object) -> bool:
    return Path(f"/proc/{pid}").exists()


@needs_node
async def test_all_workers_share_one_host_and_each_logs_its_own_calls(
    tmp_path: Path,
) -> None:
    files = {"tools/who.js": WHO, "tools/broken.js": BROKEN}
    folder = in_folder(tmp_path, files)
    with trio.fail_after(60), capture_logs() as logs:
        async with fleet(environ(), Path(folder)) as all_:
            one, other = await all_.worker(), await all_.worker()
            first = await ran(one, "call-1", note="from one")
            second = await ran(other, "call-2", note="from the other")
            assert (first["uuid"], second["uuid"]) == ("call-1", "call-2")
            assert (first["pid"], second["calls"]) == (second["pid"], 2)
            assert "no such thing" in one.services.registry.problems[0]
            failed = await ran(one, "call-3", fail=True)
            assert failed == {"ok": False, "error": "The tool failed."}
            # One that ends costs the others nothing.
            await one.kill()
            assert (await ran(other, "call-4"))["calls"] == 3
    said = {line["text"]: line for line in logs if line["event"] == "tool says"}
    assert said["asked from one"]["call_id"] == "call-1"
    assert said["asked from the other"]["call_id"] == "call-2"
    assert said["asked from one"]["source"].endswith("who.js")
    # The generation is over, and so is its host.
    assert not is_there(first["pid"])


@needs_node
async def test_a_call_that_is_cancelled_is_waited_for_no_more_and_a_host_comes_again(
    tmp_path: Path,
) -> None:
    folder = in_folder(tmp_path, {"tools/who.js": WHO})
    with trio.fail_after(60):
        async with fleet(environ(), Path(folder)) as all_:
            worker = await all_.worker()
            pid = (await ran(worker, "call-1"))["pid"]
            host = all_.scripts.host
            assert host is not None
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lambda: ran(worker, "call-2", wait=True))
                await soon(lambda: host._waiting)  # pyright: ignore[reportPrivateUsage] # nothing else shows it
                nursery.cancel_scope.cancel(reason="the call is over")
            await soon(lambda: not host._waiting)  # pyright: ignore[reportPrivateUsage] # nothing else shows it
            died = await ran(worker, "call-3", die=True)
            assert died == {"ok": False, "error": "The tool failed."}
            again = await ran(worker, "call-4")
            while not again["ok"]:
                await trio.sleep(0.1)
                again = await ran(worker, "call-4")
            assert again["pid"] != pid


async def test_without_node_workers_say_so_as_one_process_does(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, {"tools/who.js": WHO})
    nowhere = {"PATH": str(tmp_path)}
    async with fleet(nowhere, Path(folder)) as all_:
        worker = await all_.worker()
        assert all_.scripts.host is None
        (problem,) = worker.services.registry.problems
        assert problem.endswith(NO_NODE)


async def test_without_scripts_no_host_is_started(tmp_path: Path) -> None:
    async with fleet(environ(), Path(in_folder(tmp_path, {}))) as all_:
        worker = await all_.worker()
        assert all_.scripts.host is None
        assert worker.services.registry.problems == ()


@needs_node
async def test_a_generation_that_is_given_up_while_it_loads_leaves_nothing(
    tmp_path: Path,
) -> None:
    mark = tmp_path / "pid"
    slow = (
        f"require('fs').writeFileSync('{mark}', String(process.pid)); while (true) {{}}"
    )
    folder = in_folder(tmp_path, {"tools/slow.js": slow})
    async with fleet(tools=Path(folder)) as other:
        settings = other.settings
    with trio.fail_after(30):
        async with open_scripts(settings, environ()):
            await soon(lambda: mark.exists() and mark.read_text())
    assert not is_there(mark.read_text())


async def test_a_parent_that_is_gone_leaves_a_tool_unavailable(
    tmp_path: Path,
) -> None:
    folder = in_folder(tmp_path, {})
    async with fleet(tools=Path(folder)) as all_:
        worker = await all_.worker()
        await worker.kill()
        far = await worker.views.scripts.loaded()
        assert (far.offers, far.faults) == ({}, {})
