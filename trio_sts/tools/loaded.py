"""What became of one tool file."""

from collections.abc import Callable, Iterable

from attrs import frozen

from trio_sts.errors import ToolFault

from .tool import Tool


@frozen
class LoadedFile:
    """The tools of one file, and what is wrong with the rest of it."""

    tools: tuple[Tool, ...] = ()
    faults: tuple[str, ...] = ()


def built(builders: Iterable[Callable[[], Tool]]) -> LoadedFile:
    """Call each builder; one that raises `ToolFault` costs its own tool only."""
    tools: list[Tool] = []
    faults: list[str] = []
    for build in builders:
        try:
            tools.append(build())
        except ToolFault as fault:
            faults.append(str(fault))
    return LoadedFile(tuple(tools), tuple(faults))
