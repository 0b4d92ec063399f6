"""Opening the tools of the service, and listing them without running any of their files."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog
from attrs import frozen
from structlog.typing import FilteringBoundLogger

from trio_sts.errors import ToolFault

from .call_control import call_control_tools
from .files import FoundFiles, ToolFile, find_files
from .http_files import read_http_file
from .http_tools import http_tool
from .loaded import LoadedFile, built
from .node_files import list_node_file, opened_node_files
from .python_files import load_python_file
from .python_outline import read_outline
from .ranks import ListedTool, rank
from .registry import Registry
from .threads import tool_threads
from .tool import Kind, Tool

log: FilteringBoundLogger = structlog.get_logger()


@asynccontextmanager
async def open_registry(
    *,
    ami_url: str,
    tools_dir: Path,
    tool_timeout_s: float,
    tool_result_kib: int,
    environ: Mapping[str, str],
) -> AsyncGenerator[Registry]:
    """Load every tool and keep what they need running until the end of the block.

    A file with a fault is left out, with a warning in the log and a line in
    `Registry.problems`; nothing that an operator's file does stops the service.
    ``environ`` is what the tools see of the environment.

    Error handling: An error of the block comes out in an exception group where there
    are JavaScript tools, bare where there are none; ``except*`` takes both.
    """
    found = find_files(tools_dir)
    loaded: dict[Path, LoadedFile] = {}
    threads = tool_threads()
    for path in found.of(Kind.PYTHON):
        loaded[path] = load_python_file(path, threads)
    for path in found.of(Kind.HTTP):
        build = partial(_http_tool, path, environ, tool_result_kib * 1024)
        loaded[path] = built([build])
    scripts = found.of(Kind.JAVASCRIPT)
    async with opened_node_files(scripts, environ, tool_timeout_s) as in_node:
        registry = _registry(
            call_control_tools(ami_url),
            found,
            {**loaded, **in_node},
            tool_timeout_s,
            tool_result_kib,
        )
        for problem in registry.problems:
            log.warning("tool problem", problem=problem)
        log.info("tools loaded", tools=sorted(registry.tools))
        yield registry


def _http_tool(path: Path, environ: Mapping[str, str], result_bytes: int) -> Tool:
    file = read_http_file(path)
    return http_tool(file, source=str(path), environ=environ, result_bytes=result_bytes)


def _registry(
    built_in: tuple[Tool, ...],
    found: FoundFiles,
    loaded: dict[Path, LoadedFile],
    tool_timeout_s: float,
    tool_result_kib: int,
) -> Registry:
    candidates = list(built_in)
    problems = list(found.problems)
    for file in found.files:
        content = loaded.get(file.path, LoadedFile())
        candidates += content.tools
        problems += [f"{file.path}: {fault}" for fault in content.faults]
    tools, losers = rank(candidates)
    return Registry(
        tools,
        tool_timeout_s=tool_timeout_s,
        tool_result_bytes=tool_result_kib * 1024,
        problems=(*problems, *losers),
    )


@frozen
class Listing:
    """What would be offered to the model, and a line for each problem."""

    tools: tuple[ListedTool, ...]
    problems: tuple[str, ...]


def list_tools(tools_dir: Path) -> Listing:
    """Read names and descriptions from the files' text; none of them is run."""
    found = find_files(tools_dir)
    candidates = [
        ListedTool(tool.name, tool.description, tool.source, tool.kind)
        for tool in call_control_tools("http://localhost")
    ]
    problems = list(found.problems)
    for file in found.files:
        try:
            candidates += _listed(file)
        except ToolFault as fault:
            problems.append(f"{file.path}: {fault}")
    tools, losers = rank(candidates)
    return Listing(tuple(tools), (*problems, *losers))


def _listed(file: ToolFile) -> Iterator[ListedTool]:
    if file.kind is Kind.PYTHON:
        yield from _listed_python(file)
    elif file.kind is Kind.HTTP:
        http = read_http_file(file.path)
        yield ListedTool(
            _text(http.name) or None,
            _text(http.description),
            str(file.path),
            file.kind,
        )
    else:
        yield list_node_file(file.path)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _listed_python(file: ToolFile) -> Iterator[ListedTool]:
    source = str(file.path)
    outline = read_outline(file.path)
    if outline.missing and not outline.decorated:
        fault = f"no {outline.missing!r} at its top level"
        raise ToolFault(fault)
    if outline.is_plain:
        name, description = (outline.literals.get(k) for k in ("name", "description"))
        yield ListedTool(
            _text(name) or None,
            _text(description),
            source,
            file.kind,
        )
    for function in outline.decorated:
        yield ListedTool(function.name, function.description, source, file.kind)
