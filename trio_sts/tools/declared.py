"""Call control that the settings name, where the tool's own file does not say so."""

from collections.abc import Collection, Iterable

from attrs import evolve

from .ranks import ListedTool, T
from .tool import EndsCall, Kind


def declare(tools: Iterable[T], names: Collection[str]) -> tuple[list[T], list[str]]:
    """Make the tools of these names call control; what a file says of its own stands.

    A name tells that a tool transfers only if the word is in it; of others nobody knows
    whether they hang up or transfer.

    Returns:
        All the tools, and a line about the names that none of them has.
    """
    declared = [_as_control(tool) if tool.name in names else tool for tool in tools]
    known = {tool.name for tool in declared}
    # A name that is computed may be any.
    unknown = () if None in known else sorted(set(names) - known)
    if not unknown:
        return declared, []
    return declared, [f"STS_CALL_CONTROL_TOOLS names no tool: {', '.join(unknown)}"]


def _as_control(tool: T) -> T:
    if isinstance(tool, ListedTool):
        return evolve(tool, kind=Kind.CALL_CONTROL)
    if tool.ends_call is not None:
        return tool
    transfers = "transfer" in tool.name.lower()
    ending = EndsCall.TRANSFER if transfers else EndsCall.EITHER
    return evolve(tool, kind=Kind.CALL_CONTROL, ends_call=ending)
