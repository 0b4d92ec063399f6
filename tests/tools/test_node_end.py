"""How the Node.js host is ended, and what it says by itself."""

import os
import sys
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_sts.tools.node_process import node_process

# It ends by itself when asked to, and leaves a mark; else it stays.
ASKED = f"""#!{sys.executable}
import os, pathlib, signal, sys, time
here = pathlib.Path(__file__).parent
def leave(*_):
    (here / "asked").touch()
    os._exit(0)
signal.signal(signal.SIGTERM, leave)
print("x" * 5000, flush=True)
print("é" * 10, flush=True)
(here / "up").touch()
time.sleep(60)
"""


async def test_the_host_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text(ASKED)
    node.chmod(0o755)

    with capture_logs() as logs, trio.fail_after(20):
        async with node_process(str(node), {"PATH": os.environ["PATH"]}):
            while True:
                if any("é" in entry.get("text", "") for entry in logs):
                    break
                await trio.lowlevel.checkpoint()
        assert (tmp_path / "asked").exists()

    said = [entry["text"] for entry in logs if entry["event"] == "node host says"]
    assert said == ["x" * 2000, "é" * 10]


IGNORES = f"""#!{sys.executable}
import os, pathlib, signal, time
here = pathlib.Path(__file__).parent
signal.signal(signal.SIGTERM, lambda *_: (here / "asked").touch())
(here / "pid").write_text(str(os.getpid()))
(here / "up").touch()
time.sleep(600)
"""


async def test_a_host_that_does_not_end_when_asked_is_killed_after_1_s(
    tmp_path: Path, mock_clock: MockClock
) -> None:
    node = tmp_path / "node"
    node.write_text(IGNORES)
    node.chmod(0o755)
    ended = trio.Event()

    async def run() -> None:
        async with node_process(str(node), {"PATH": os.environ["PATH"]}):
            await _exists(tmp_path / "up")
        ended.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await _exists(tmp_path / "asked")
        await wait_all_tasks_blocked()
        mock_clock.jump(0.99)
        await wait_all_tasks_blocked(0.05)
        assert not ended.is_set()
        mock_clock.jump(0.02)
        await ended.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def _exists(path: Path) -> None:
    """Real time passes meanwhile, none of the mock clock's."""
    found = False
    while not found:
        await trio.lowlevel.checkpoint()
        found = os.access(path, os.F_OK)
