"""The commands of docs/deploy.md, run out of the page."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .programs import free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "deploy.md"
_BLOCK = re.compile(r"<!-- tried -->\n```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = _BLOCK.findall(PAGE.read_text("utf-8"))
# Programs that a machine may be without, by the words of the commands.
_OTHERS = ("haproxy", "openssl", "systemd-analyze")
_MOST_S = 90.0
_PORT = re.compile(r"\b(6030|6131|6132|6443)\b")


def test_no_marked_block_is_passed_over() -> None:
    assert len(BLOCKS) == PAGE.read_text("utf-8").count("<!-- tried -->") >= 4


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_commands_work(block: str, tmp_path: Path) -> None:
    for program in _OTHERS:
        if f"{program} " in block and shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    ports = {port: str(free_port()) for port in ("6030", "6131", "6132", "6443")}
    # This machine's own ports, in the commands and in the files that they use.
    config = tmp_path / "deploy" / "haproxy" / "haproxy.cfg"
    text = config.read_text("utf-8")
    for port in ("6030", "6443"):
        text = text.replace(f"bind :{port}", f"bind 127.0.0.1:{ports[port]}")
    config.write_text(text, "utf-8")
    script = _PORT.sub(lambda found: ports[found[1]], block)
    script = script.replace(f"sts-1:{ports['6030']}", "sts-1:6030")
    script = script.replace(f"sts-2:{ports['6030']}", "sts-2:6030")
    ours = {"OPENAI_", "STS_", "AMI_", "TOOLS_"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(tuple(ours))
    }
    done = subprocess.run(
        ["/bin/bash", "-m", "-e", "-o", "pipefail", "-c", script],
        cwd=tmp_path,
        env=kept
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOST": "127.0.0.1",
            "PORT": ports["6030"],
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_MOST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
