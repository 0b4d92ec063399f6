"""How the Node.js host is ended, and what it says by itself."""

import os
import sys
from pathlib import Path

import trio
from structlog.testing import capture_logs

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
