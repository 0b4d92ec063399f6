"""The commands of docs/asterisk.md, run out of the page, and the files that it names."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .asterisk import SHIPPED

PAGE = Path(__file__).parents[2] / "docs" / "asterisk.md"
_TEXT = PAGE.read_text("utf-8")
_TRIED = re.compile(r"<!-- tried -->\n```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_MOST_S = 90.0
_OURS = ("OPENAI_", "STS_", "AMI_", "TOOLS_")


def test_it_names_every_file_that_is_shipped() -> None:
    named = set(re.findall(r"\(\.\./deploy/asterisk/([\w.]+)\)", _TEXT))
    assert named == {path.name for path in SHIPPED.iterdir()}


def test_a_marked_block_is_there() -> None:
    assert len(_TRIED.findall(_TEXT)) == _TEXT.count("<!-- tried -->") == 1


@pytest.mark.parametrize("block", _TRIED.findall(_TEXT), ids=lambda _: "block")
def test_the_commands_work(block: str, tmp_path: Path) -> None:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(_OURS)
    }
    here = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*("/bin/bash", "-m", "-e", "-o", "pipefail", "-c"), block],
        cwd=tmp_path,
        env=kept | {"PATH": here, "HOST": "127.0.0.1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_MOST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
