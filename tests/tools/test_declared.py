"""Call control that the settings name: in the registry, in the list, and in `check`."""

from pathlib import Path

import pytest
import structlog

from trio_sts.tools.listing import list_tools
from trio_sts.tools.tool import Kind

from .folders import in_folder, opened

FILES = {
    "tools/a.py": "name = 'forward'\ndescription = 'Passes on.'\ninput_schema = {}\n"
    "def handler(uuid, args):\n    return 'unable to do it'\n",
    "tools/b.py": "name = 'ring_off'\ndescription = 'Ends.'\ninput_schema = {}\n"
    "ends_call = True\n"
    "def handler(uuid, args):\n    return ''\n",
    "tools/c.toml": 'name = "queue_transfer"\nurl = "http://127.0.0.1:1/"\n',
    "tools/d.toml": 'name = "look_up"\nurl = "http://127.0.0.1:1/"\n',
}
NAMES = ("forward", "ring_off", "queue_transfer")


async def test_the_names_of_the_settings_are_call_control(tmp_path: Path) -> None:
    async with opened(in_folder(tmp_path, FILES), call_control=NAMES) as registry:
        assert registry.call_control() == {
            "avr_transfer": "transfer",
            "avr_hangup": "hangup",
            "forward": "either",
            # What its own file says stands.
            "ring_off": "hangup",
            "queue_transfer": "transfer",
        }
        assert registry.problems == ()
        assert registry.tools["forward"].kind is Kind.CALL_CONTROL


async def test_what_they_say_of_a_failure_is_believed(tmp_path: Path) -> None:
    folder = in_folder(tmp_path, FILES)
    for names, ok in ((NAMES, False), ((), True)):
        async with opened(folder, call_control=names) as registry:
            context = registry.context("call-1", {}, structlog.get_logger())
            outcome = await registry.run("forward", "{}", context)
        assert outcome.ok is ok


@pytest.mark.parametrize("names", [("forward",), ("forward", "nobody", "ghost")])
async def test_a_name_that_no_tool_has_is_told(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    folder = in_folder(tmp_path, FILES)
    expected = (
        ()
        if len(names) == 1
        else ("STS_CALL_CONTROL_TOOLS names no tool: ghost, nobody",)
    )
    async with opened(folder, call_control=names) as registry:
        assert registry.problems == expected
    listing = await list_tools(Path(folder), {}, names)
    assert listing.problems == expected
    kinds = {tool.name: tool.kind for tool in listing.tools}
    assert kinds["forward"] is Kind.CALL_CONTROL
    assert kinds["look_up"] is Kind.HTTP


async def test_a_computed_name_may_be_any(tmp_path: Path) -> None:
    content = "name = 'for' + 'ward'\ndef handler(uuid, args): ...\n"
    files = {"tools/a.py": content}
    listing = await list_tools(Path(in_folder(tmp_path, files)), {}, ("forward",))
    assert listing.problems == ()
