"""The Node.js host at its bounds: late answers, much to log, a host that keeps dying."""

import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.tools.calls import a_call
from tests.tools.folders import in_folder, opened
from trio_sts.errors import ToolError
from trio_sts.tools.node_host import Caller, NodeHost, running_node_host

from .test_node_host import env, module, needs_node

WAITS = module(
    "a",
    """
while (args.until && !fs.existsSync(args.until)) await new Promise((r) => setTimeout(r, 5));
if (args.then) fs.writeFileSync(args.then, '');
return `${++count}`;
""",
    before="const fs = require('node:fs'); let count = 0;",
)


@needs_node
async def test_a_thread_is_kept_whose_late_call_ended_while_another_was_awaited(
    tmp_path: Path,
) -> None:
    file = Path(in_folder(tmp_path, {"tools/a.js": WAITS})) / "a.js"
    go, gone = tmp_path / "go", tmp_path / "gone"

    with trio.fail_after(20):
        async with (
            running_node_host([file], node="node", environ=env()) as host,
            trio.open_nursery() as nursery,
        ):
            answers: list[object] = []
            answered = trio.Event()

            async def other() -> None:
                answers.append(
                    await host.call(
                        file, {"until": str(gone)}, Caller.of(a_call(), file), 20
                    )
                )
                answered.set()

            nursery.start_soon(other)
            late = {"until": str(go), "then": str(gone)}
            with pytest.raises(ToolError, match="took too long"):
                await host.call(file, late, Caller.of(a_call(), file), 0.2)
            go.touch()
            await answered.wait()
            answers.append(await host.call(file, {}, Caller.of(a_call(), file), 20))

    assert answers == ["2", "3"]


@needs_node
async def test_of_much_that_a_tool_prints_fifty_lines_a_second_are_logged(
    tmp_path: Path,
) -> None:
    body = """
// Early in a second, so that all of it is in the same one.
await new Promise((r) => setTimeout(r, 1000 - Date.now() % 1000));
for (let n = 0; n < 500; n++) console.log(`first ${n}`);
await new Promise((r) => setTimeout(r, 1100));
console.log('second ' + 'x'.repeat(5000));
await new Promise((r) => setTimeout(r, 50));
return 'ok';
"""
    folder = in_folder(tmp_path, {"tools/a.js": module("a", body)})

    with capture_logs() as logs:
        async with opened(folder, environ=env()) as registry:
            assert (await registry.run("a", "{}", a_call())).ok

    said = [entry["text"] for entry in logs if entry["event"] == "tool says"]
    assert said == [
        *(f"first {n}" for n in range(50)),
        "450 more lines were dropped",
        "second " + "x" * (2000 - len("second ")),
    ]


# It takes its list of files and ends, or ends at the first call if it is to live.
DYING = f"""#!{sys.executable}
import os, pathlib, sys
told = pathlib.Path(__file__).with_name("lives")
os.read(int(sys.argv[2]), 65536)
if told.exists():
    told.with_name("up").touch()
    os.read(int(sys.argv[2]), 65536)
"""


class Host:
    """A host that ends as soon as it has begun, or at the first call of it."""

    def __init__(self, folder: Path) -> None:
        self.lives = folder / "lives"
        self.up = folder / "up"
        node = folder / "node"
        node.write_text(DYING)
        node.chmod(0o755)
        environ = {"PATH": os.environ["PATH"]}
        self.host = NodeHost([folder / "a.js"], str(node), environ)

    async def ends(self, logs: list[Any], count: int) -> list[float]:
        """Wait for so many ends: how long it then waits, after each that there was."""

        def waits() -> list[float]:
            return [each["again_in_s"] for each in logs if "again_in_s" in each]

        await until(lambda: len(waits()) >= count)
        return waits()

    @asynccontextmanager
    async def running(self, clock: MockClock) -> AsyncGenerator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.host.run)
            try:
                yield
            finally:
                # A host that runs is given its second to end.
                clock.autojump_threshold = 0
                nursery.cancel_scope.cancel()


async def until(true: Callable[[], bool]) -> None:
    """Look again in each step of the loop: no clock is asked, and none is stopped."""
    while True:
        if true():
            return
        await trio.lowlevel.checkpoint()


async def test_a_host_that_keeps_dying_is_started_ever_later(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    waits = [0.5, 1, 2, 4, 8, 16, 30, 30]
    dying = Host(tmp_path)

    with capture_logs() as logs:
        async with dying.running(mock_clock):
            for count, wait_s in enumerate(waits, start=1):
                assert await dying.ends(logs, count) == waits[:count]
                # Not before its time.
                mock_clock.jump(wait_s - 0.01)
                await wait_all_tasks_blocked()
                assert await dying.ends(logs, count) == waits[:count]
                mock_clock.jump(0.02)


@pytest.mark.parametrize(("lived_s", "then_s"), [(61, 0.5), (59, 2)])
async def test_one_that_lived_for_a_minute_is_soon_started_again(
    tmp_path: Path, mock_clock: MockClock, lived_s: float, then_s: float
) -> None:
    dying = Host(tmp_path)

    with capture_logs() as logs:
        async with dying.running(mock_clock):
            await dying.ends(logs, 1)
            mock_clock.jump(0.6)
            await dying.ends(logs, 2)
            dying.lives.touch()
            mock_clock.jump(1.1)
            await until(dying.up.exists)
            mock_clock.jump(lived_s)
            with pytest.raises(ToolError):
                await dying.host.call(
                    tmp_path / "a.js", {}, Caller.of(a_call(), tmp_path), 1
                )
            assert await dying.ends(logs, 3) == [0.5, 1, then_s]
