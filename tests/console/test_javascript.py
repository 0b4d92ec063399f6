"""The pages' modules that need no browser, by Node.js; and that all of them can be read."""

import subprocess
from pathlib import Path
from shutil import which

import pytest

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "trio_sts" / "console" / "static"

pytestmark = pytest.mark.skipif(which("node") is None, reason="there is no Node.js")


def _node(*arguments: str | Path) -> None:
    done = subprocess.run(
        ["node", *arguments],  # noqa: S607 (whichever is installed)
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_can_be_read() -> None:
    files = sorted((STATIC / "js").rglob("*.js"))
    assert files
    readers = [
        subprocess.Popen(
            ["node", "--check", file],  # noqa: S607 (whichever is installed)
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for file in files
    ]
    faults = [reader.communicate(timeout=60)[1] for reader in readers]
    assert not any(faults), b"".join(faults).decode()


@pytest.mark.parametrize("name", ["audio", "pages"])
def test_modules_without_a_page(name: str) -> None:
    _node("--test", HERE / "javascript" / f"{name}.test.js")
