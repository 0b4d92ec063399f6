"""docs/tools.md from top to bottom: every file is written, every command is run."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from attrs import frozen

from tests.peers.mounted import needs_node

from .kit import ROOT, USUAL_URL, stand_in

DOCS = ROOT / "docs" / "tools.md"
_FENCE = re.compile(r"^```(\w*) *(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LANGUAGES = {"python": ".py", "js": ".js", "toml": ".toml", "console": ""}


@frozen
class Snippet:
    language: str
    file: str
    text: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command of a terminal session, with what it is to print."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            yield command, expected


def snippets() -> list[Snippet]:
    return [Snippet(*found) for found in _FENCE.findall(DOCS.read_text())]


def environment() -> dict[str, str]:
    programs = Path(sys.executable).parent
    return {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": os.environ.get("HOME", "/"),
        "COLUMNS": "200",
    }


async def type_in(snippet: Snippet, folder: Path) -> None:
    """Run a terminal session in one shell; standard output has to be as it is shown."""
    script = "\necho ----\n".join(command for command, _ in snippet.commands())
    with trio.fail_after(60):
        done = await trio.run_process(
            ["bash", "-c", script],
            capture_stdout=True,
            stderr=subprocess.DEVNULL,
            check=False,
            cwd=folder,
            env=environment(),
        )
    printed = done.stdout.decode().split("----\n")
    for (command, expected), output in zip(snippet.commands(), printed, strict=True):
        pattern = re.escape(expected).replace("…", "[^\n]*")
        assert re.fullmatch(pattern, output), f"$ {command}\n{output}"


def test_every_block_is_a_file_or_a_session() -> None:
    text = DOCS.read_text()
    found = snippets()
    assert text.count("```") == 2 * len(found)
    for snippet in found:
        assert snippet.language in _LANGUAGES
        assert Path(snippet.file).suffix == _LANGUAGES[snippet.language]
        assert snippet.file or list(snippet.commands())


@needs_node
async def test_the_page_holds_from_top_to_bottom(tmp_path: Path) -> None:
    async with stand_in() as url:
        for snippet in snippets():
            if snippet.language == "console":
                await type_in(snippet, tmp_path)
                continue
            path = tmp_path / snippet.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(snippet.text.replace(USUAL_URL, url))


@pytest.mark.parametrize(
    "variable", ["TOOLS_DIR", "STS_TOOL_TIMEOUT_S", "STS_TOOL_RESULT_KIB", "NODE_PATH"]
)
def test_the_page_names_what_can_be_set(variable: str) -> None:
    assert variable in DOCS.read_text()
