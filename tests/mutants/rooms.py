"""Which code is changed, and which tests are asked about it: a folder's name says both."""

from collections.abc import Mapping, Sequence
from pathlib import Path

ROOMS = ("conversation", "legs", "tools", "settings", "record")
# Tests that are about a room and lie in another one's folder.
_ALSO = {
    "conversation": ("tests/test_plan.py",),
    "record": ("tests/conversation/test_transcripts.py",),
}
# Environments in which a room's tests are run, until one of them notices.
_ENVIRONMENTS: Mapping[str, Sequence[Mapping[str, str]]] = {
    "legs": ({}, {"STS_FAST_PATH": "off"})
}


def sources(root: Path, room: str) -> list[str]:
    """The Python files of ``trio_sts/<room>``, however deep, relative to ``root``."""
    found = sorted((root / "trio_sts" / room).rglob("*.py"))
    return [path.relative_to(root).as_posix() for path in found]


def tests(root: Path, room: str) -> list[str]:
    """``tests/<room>``, ``tests/test_<room>*.py`` and what was named for the room."""
    folder = root / "tests"
    found = [*([folder / room] if (folder / room).is_dir() else [])]
    found += sorted(folder.glob(f"test_{room}*.py"))
    found += [root / path for path in _ALSO.get(room, ()) if (root / path).exists()]
    return [path.relative_to(root).as_posix() for path in found]


def environments(room: str) -> Sequence[Mapping[str, str]]:
    """What is set in the environment, for each run of the room's tests."""
    return _ENVIRONMENTS.get(room, ({},))
