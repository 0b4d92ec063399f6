"""The examples' web service in its own process, and the tools that ask it."""

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
USUAL_URL = "http://127.0.0.1:8099"


@asynccontextmanager
async def stand_in() -> AsyncGenerator[str]:
    """Run ``stand_in.py`` on a free port; its URL."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(EXAMPLES / "stand_in.py"), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    said = b""
    try:
        with trio.fail_after(20):
            while not (found := re.search(rb"(http://\S+)\n", said)):
                said += await process.stdout.receive_some()
        yield found[1].decode()
    finally:
        process.kill()
        with trio.move_on_after(5, shield=True):
            await process.wait()
            await process.stdout.aclose()


def tools_that_ask(url: str, base: Path) -> Path:
    """Copy the example tools, with the stand-in's URL in them."""
    folder = base / "tools"
    shutil.copytree(EXAMPLES / "tools", folder)
    for file in folder.iterdir():
        file.write_text(file.read_text().replace(USUAL_URL, url))
    return folder
