"""Every example is a tool that works."""

import os
from pathlib import Path

import structlog
import trio

from tests.peers.mounted import needs_node
from tests.tools.folders import opened
from trio_sts.tools.http_client import tool_http_client
from trio_sts.tools.listing import list_tools
from trio_sts.tools.tool import CallContext, Kind

from .kit import EXAMPLES, stand_in, tools_that_ask


async def run(folder: Path, *orders: tuple[str, str]) -> list[tuple[bool, str]]:
    """Run tools of a folder for a caller from 2000."""
    told: list[tuple[bool, str]] = []
    with trio.fail_after(30):
        async with (
            opened(folder, environ={"PATH": os.environ["PATH"]}) as registry,
            tool_http_client() as http,
        ):
            assert registry.problems == ()
            logger = structlog.get_logger()
            call = CallContext("call-1", {"from": "2000"}, logger, http)
            for name, arguments in orders:
                outcome = await registry.run(name, arguments, call)
                told.append((outcome.ok, outcome.output))
    return told


@needs_node
async def test_each_example_answers(tmp_path: Path) -> None:
    async with stand_in() as url:
        folder = tools_that_ask(url, tmp_path)
        told = await run(
            folder,
            ("weather", '{"town": "Bath"}'),
            ("weather", '{"town": "Atlantis"}'),
            ("look_up_customer", "{}"),
            ("look_up_customer", '{"number": "3000"}'),
            ("opening_hours", '{"day": "Saturday"}'),
            ("opening_hours", '{"day": "Sunday"}'),
            ("order_status", '{"order": 1042}'),
            ("order_status", '{"order": 1041}'),
            ("order_status", '{"order": 1}'),
        )
    customer = '{"name": "Ada Marlow", "open_orders": [1042], "is_regular": true}'
    assert told == [
        (True, "sunny, 21 degrees"),
        (False, '{"error": "The service answered with status 404."}'),
        (True, customer),
        (True, "Nobody has this number."),
        (True, "On Saturday we are open from ten to four."),
        (True, "On Sunday we are closed."),
        (True, "on its way, it arrives in 2 days"),
        (True, "delivered"),
        (True, "Error: the shop cannot be asked at the moment."),
    ]


async def test_today_s_hours_need_no_argument(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    hours = EXAMPLES / "tools" / "opening_hours.py"
    (tmp_path / "tools" / hours.name).write_text(hours.read_text())
    ((ok, said),) = await run(tmp_path / "tools", ("opening_hours", ""))
    assert ok
    assert said.startswith("On ")


@needs_node
async def test_there_is_one_of_each_kind() -> None:
    listing = await list_tools(EXAMPLES / "tools", os.environ)
    assert listing.problems == ()
    kinds = {tool.name: tool.kind for tool in listing.tools}
    assert kinds == {
        "avr_transfer": Kind.CALL_CONTROL,
        "avr_hangup": Kind.CALL_CONTROL,
        "weather": Kind.HTTP,
        "look_up_customer": Kind.PYTHON,
        "opening_hours": Kind.PYTHON,
        "order_status": Kind.JAVASCRIPT,
    }


def test_the_readme_names_every_tool() -> None:
    text = (EXAMPLES / "README.md").read_text()
    files = [file.name for file in (EXAMPLES / "tools").iterdir() if file.is_file()]
    assert [name for name in files if f"(tools/{name})" not in text] == []
