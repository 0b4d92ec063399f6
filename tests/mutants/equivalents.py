"""Changes that change nothing anybody could notice, each with the reason.

They are known by what the line reads before and after, so that they stay known when
code moves. One whose line is nowhere any more is told, and is to be deleted.
"""

import tomllib
from collections.abc import Iterable
from difflib import SequenceMatcher
from pathlib import Path

from attrs import frozen

FILE = Path(__file__).with_suffix(".toml")


@frozen
class Equivalent:
    """``line`` reads ``becomes`` then, and that is as good, because of ``reason``.

    Without ``becomes``, whatever it reads.
    """

    line: str
    reason: str
    becomes: str | None = None

    def covers(self, before: str, after: str) -> bool:
        """Whether it is about this change of a line."""
        return self.line == before and self.becomes in {None, after}


def known(file: Path = FILE) -> list[Equivalent]:
    """All that are listed."""
    listed = tomllib.loads(file.read_text("utf-8")).get("equivalent", [])
    return [Equivalent(**each) for each in listed]


def difference(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, stripped and joined: as they were, as they are."""
    old, new = before.splitlines(), after.splitlines()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    changes = [each for each in matcher.get_opcodes() if each[0] != "equal"]
    first, last = changes[0], changes[-1]
    return _joined(old[first[1] : last[2]]), _joined(new[first[3] : last[4]])


def stale(equivalents: Iterable[Equivalent], sources: Iterable[str]) -> list[str]:
    """Lines that are nowhere any more."""
    there = {line.strip() for source in sources for line in source.splitlines()}
    return [each.line for each in equivalents if each.line not in there]


def _joined(lines: Iterable[str]) -> str:
    return " ".join(" ".join(lines).split())
