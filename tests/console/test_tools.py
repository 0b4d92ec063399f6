"""Tools as the page lists them, and tries of them."""

from pathlib import Path
from typing import Any

import pytest

from trio_sts.console.toolbox import TRY_PREFIX

from .kit import KEY, asking, csrf_of

TOOL = '''
from trio_sts.tools import tool

@tool
def look_up(word: str, often: int = 1) -> dict:
    """Look a "word" <b>up</b>."""
    return {"found": word * often}

@tool
def fails() -> str:
    """Fails."""
    raise ValueError("of no use")
'''
WHOSE = """
def handler(uuid, args):
    return {"uuid": uuid}

name = "whose"
description = "Whose call it is."
input_schema = {"type": "object", "properties": {}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(TOOL, "utf-8")
    (tmp_path / "whose.py").write_text(WHOSE, "utf-8")
    broken = f"{WHOSE}\nraise RuntimeError('the key is {KEY}')"
    (tmp_path / "broken.py").write_text(broken, "utf-8")
    return str(tmp_path)


async def test_tools_are_listed_with_their_problems_and_no_key(folder: str) -> None:
    async with asking(TOOLS_DIR=folder) as http:
        answer = await http.get("/api/tools")
        tools = {tool["name"]: tool for tool in answer.json()["tools"]}
        assert tools["look_up"]["source"] == "mine.py"
        assert tools["look_up"]["description"].startswith('Look a "word" <b>up</b>.')
        assert tools["look_up"]["parameters"]["required"] == ["word"]
        assert tools["look_up"]["timeout_s"] == 15
        assert tools["avr_hangup"]["ends_call"] is True
        assert any("broken.py" in line for line in answer.json()["problems"])
        assert KEY not in answer.text


async def run(http: Any, name: str, body: object) -> Any:
    ours = await csrf_of(http)
    return await http.post(f"/api/tools/{name}/run", json=body, headers=ours)


async def test_a_try_is_real(folder: str) -> None:
    async with asking(TOOLS_DIR=folder) as http:
        told = (
            await run(http, "look_up", {"arguments": {"word": "a", "often": 3}})
        ).json()
        assert (told["ok"], told["output"]) == (True, '{"found": "aaa"}')
        assert told["took_ms"] >= 0
        told = (await run(http, "look_up", {"arguments": {}})).json()
        assert told["ok"] is False
        assert "word" in told["output"]
        told = (await run(http, "fails", {})).json()
        assert (told["ok"], "of no use" in told["output"]) == (False, False)
        told = (await run(http, "whose", {})).json()
        assert TRY_PREFIX in told["output"]


@pytest.mark.parametrize("body", [[], "x", 5, None, {"arguments": []}])
async def test_arguments_that_are_none_are_told(folder: str, body: object) -> None:
    async with asking(TOOLS_DIR=folder) as http:
        assert (await run(http, "look_up", body)).status_code == 400


@pytest.mark.parametrize("name", ["nobody", "%22quoted%22", "..%2Flook_up", "x" * 300])
async def test_a_tool_that_is_none_is_told(folder: str, name: str) -> None:
    async with asking(TOOLS_DIR=folder) as http:
        answer = await run(http, name, {})
        assert answer.status_code == 404
        assert set(answer.json()) == {"error"}
