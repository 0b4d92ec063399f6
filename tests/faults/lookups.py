"""What the tool of these calls does: it is counted, and takes its time."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import trio

WATCHING: Final[dict[str, Callable[[str], Awaitable[None]]]] = {}
RUNS: Final[Counter[str]] = Counter()
_BEFORE_S, _AFTER_S = 0.4, 1.2

_FILE: Final = '''
from tests.faults import lookups
from trio_sts.tools import Call, tool


@tool
async def look_up(call: Call) -> str:
    """Look something up for the caller."""
    return await lookups.run(call.uuid)
'''


def write_tool(folder: Path) -> None:
    """Put the tool's file into a folder of tools."""
    folder.mkdir()
    (folder / "look_up.py").write_text(_FILE, "utf-8")


async def run(uuid: str) -> str:
    """One run, for the call of this id."""
    RUNS[uuid] += 1
    await trio.sleep(_BEFORE_S)
    if uuid in WATCHING:
        await WATCHING[uuid]("while a tool runs")
    await trio.sleep(_AFTER_S)
    return "It was found."
