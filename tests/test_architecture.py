"""What the page on the architecture names is there, and it names every room."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "trio_sts"
PAGE = ROOT / "docs" / "architecture.md"

_NAME = r"[A-Za-z_][\w-]*"
# `legs/caller.py`, `README.md`, `.env.example`, `legs/fastpath/`.
_FILE = re.compile(
    rf"(?<![\w/.-])((?:{_NAME}/)*\.?{_NAME}\.(?:py|c|js|toml|md|example)|(?:{_NAME}/)+)"
    r"(?![\w/])"
)


def named_in(text: str) -> set[str]:
    return set(_FILE.findall(text))


def missing(names: set[str]) -> set[str]:
    """The names that are neither below the package, nor the repository, nor the page."""
    beside = (PACKAGE, ROOT, PAGE.parent)
    return {
        name
        for name in names
        if not any(
            (place / name).is_dir() if name.endswith("/") else (place / name).is_file()
            for place in beside
        )
    }


def rooms() -> Iterator[str]:
    """The packages, folders and modules right below the package."""
    for path in PACKAGE.iterdir():
        if path.is_dir() and any(path.glob("*.py")):
            yield f"{path.name}/"
        elif path.suffix == ".py" and not path.stem.startswith("__"):
            yield path.name


def test_every_file_that_the_page_names_exists() -> None:
    named = named_in(PAGE.read_text("utf-8"))
    assert len(named) > 60
    assert not missing(named)


def test_the_page_names_every_room() -> None:
    named = named_in(PAGE.read_text("utf-8"))
    of_their_own = {name for name in named if name.count("/") <= name.endswith("/")}
    assert set(rooms()) <= of_their_own


def test_every_floor_of_the_core_is_named() -> None:
    named = named_in(PAGE.read_text("utf-8"))
    floors = {"session.py", "reactions.py", "rules/", "state.py", "parts/"}
    assert {f"conversation/{floor}" for floor in floors} <= named


@pytest.mark.parametrize(
    "line",
    [
        "see `legs/paths.py`",
        "│ loop/reactors.py   one task",
        "(in legs/slowpath/)",
        "legs/caller.py → wire/avr_codecs.py",
    ],
)
def test_a_file_that_is_not_there_is_found(line: str) -> None:
    assert missing(named_in(line))
