"""Reading a google style docstring: what a function is for, and its arguments."""

import inspect
import re
from collections.abc import Mapping
from itertools import pairwise

from attrs import frozen

_SECTION = re.compile(r"(\w[\w ]*):\s*$")
_ARGUMENTS = frozenset({"Args", "Arguments", "Parameters", "Attributes"})
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@frozen
class Docstring:
    """The words before the first section, and one text per argument."""

    description: str
    arguments: Mapping[str, str]


def read_docstring(text: str | None) -> Docstring:
    """Take a docstring apart; lines are joined, paragraphs of the description stay."""
    lines = inspect.cleandoc(text or "").splitlines()
    starts = [n for n, line in enumerate(lines) if _SECTION.match(line)]
    ends = [*starts, len(lines)]
    head = lines[: ends[0]]
    arguments: dict[str, str] = {}
    for start, end in pairwise(ends):
        if lines[start].strip().rstrip(":") in _ARGUMENTS:
            arguments |= _entries(lines[start + 1 : end])
    paragraphs = "\n".join(head).strip().split("\n\n")
    joined = (" ".join(paragraph.split()) for paragraph in paragraphs)
    return Docstring("\n\n".join(joined), arguments)


def _entries(lines: list[str]) -> dict[str, str]:
    """Return name and text of each entry; a deeper indented line continues the last."""
    entries: dict[str, str] = {}
    indent, name = None, None
    for line in filter(str.strip, lines):
        depth = len(line) - len(line.lstrip())
        indent = depth if indent is None else indent
        match = _ENTRY.match(line.strip()) if depth <= indent else None
        if match:
            name = match[1]
            entries[name] = match[2]
        elif name is not None:
            entries[name] = f"{entries[name]} {line.strip()}".strip()
    return entries
