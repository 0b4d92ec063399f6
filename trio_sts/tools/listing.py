"""What tools there would be, for an operator who asks: no handler is called."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from attrs import frozen

from trio_sts.errors import ToolFault

from .call_control import call_control_tools
from .declared import declare
from .files import ToolFile, find_files
from .http_tools import load_http_file
from .loaded import LoadedFile
from .node_files import opened_node_files
from .python_outline import Outline, read_outline
from .ranks import ListedTool, rank
from .tool import Kind, Tool, checked_ends_call, checked_offer

# Both matter only to a tool that is run.
_ANY_URL = "http://localhost"
_ANY_BYTES = 1024
_ANY_S = 15


@frozen
class Listing:
    """What would be offered to the model, and a line for each problem."""

    tools: tuple[ListedTool, ...]
    problems: tuple[str, ...]


async def list_tools(
    tools_dir: Path, environ: Mapping[str, str], call_control: Collection[str] = ()
) -> Listing:
    """List what the service would have.

    JavaScript files are loaded, in Node.js: their names are those that they have, and
    files that do not load are among the problems. Of Python files the text is read: what
    only shows when one is run is not found, such as a computed name or a failing import.
    """
    scripts = find_files(tools_dir).of(Kind.JAVASCRIPT)
    async with opened_node_files(scripts, environ, _ANY_S) as in_node:
        listing = _list(tools_dir, environ, in_node)
    tools, unknown = declare(listing.tools, call_control)
    return Listing(tuple(tools), (*listing.problems, *unknown))


def _list(
    tools_dir: Path, environ: Mapping[str, str], loaded: Mapping[Path, LoadedFile]
) -> Listing:
    found = find_files(tools_dir)
    candidates = [_as_listed(tool) for tool in call_control_tools(_ANY_URL)]
    problems = list(found.problems)
    for file in found.files:
        try:
            candidates += _listed(file, environ, loaded.get(file.path))
        except ToolFault as fault:
            problems.append(f"{file.path}: {fault}")
    tools, losers = rank(candidates)
    return Listing(tuple(tools), (*problems, *losers))


def _as_listed(tool: Tool) -> ListedTool:
    return ListedTool(tool.name, tool.description, tool.source, tool.kind)


def _listed(
    file: ToolFile, environ: Mapping[str, str], loaded: LoadedFile | None
) -> list[ListedTool]:
    if file.kind is Kind.PYTHON:
        return list(_listed_python(read_outline(file.path), str(file.path)))
    loaded = loaded or load_http_file(file.path, environ, _ANY_BYTES)
    for fault in loaded.faults:
        raise ToolFault(fault)
    return [_as_listed(tool) for tool in loaded.tools]


def _listed_python(outline: Outline, source: str) -> Iterator[ListedTool]:
    if outline.missing and not outline.decorated:
        fault = f"no {outline.missing!r} at its top level"
        raise ToolFault(fault)
    if outline.is_plain:
        yield _listed_plain(outline, source)
    for function in outline.decorated:
        checked_offer(function.name, function.description, None)
        kind = _kind(function.name, function.ends_call)
        yield ListedTool(function.name, function.description, source, kind)


def _listed_plain(outline: Outline, source: str) -> ListedTool:
    written = outline.literals
    offer = checked_offer(
        written.get("name") or "computed",
        written.get("description"),
        written.get("input_schema"),
    )
    name = offer.name if written.get("name") else None
    kind = _kind(name, written.get("ends_call"))
    return ListedTool(name, offer.description, source, kind)


def _kind(name: str | None, ends_call: object) -> Kind:
    control = checked_ends_call(name, ends_call)
    return Kind.PYTHON if control is None else Kind.CALL_CONTROL
