"""Which tool gets a name that several files use."""

from collections.abc import Iterable
from typing import TypeVar

from attrs import frozen

from .tool import BUILT_IN, Kind, Tool


@frozen
class ListedTool:
    """A tool as far as it is known without running its file.

    ``name`` is None where the file computes it.
    """

    name: str | None
    description: str
    source: str
    kind: Kind


T = TypeVar("T", Tool, ListedTool)


def rank(candidates: Iterable[T]) -> tuple[list[T], list[str]]:
    """Return one tool per name, the first that has it, and a line per loser.

    The built-in tools come first, but give way: an operator's own call control takes
    their place.
    """
    chosen: dict[str | None, T] = {}
    nameless: list[T] = []
    problems: list[str] = []
    for tool in candidates:
        holder = chosen.get(tool.name)
        if tool.name is None:
            nameless.append(tool)
        elif holder is None or holder.source == BUILT_IN:
            chosen[tool.name] = tool
        else:
            problems.append(
                f"{tool.source}: the tool {tool.name!r} is ignored, because "
                f"{holder.source} has the same name"
            )
    return list(chosen.values()) + nameless, problems
