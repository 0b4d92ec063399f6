"""Opening the tools of the service."""

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import structlog
from structlog.typing import FilteringBoundLogger

from .call_control import call_control_tools
from .declared import declare
from .files import FoundFiles, find_files
from .http_client import tool_http_client
from .http_tools import load_http_file
from .loaded import LoadedFile
from .node_files import SharedScripts, opened_node_files
from .python_files import load_python_file
from .ranks import rank
from .registry import Registry
from .resources import Resources
from .tool import Kind, Tool

log: FilteringBoundLogger = structlog.get_logger()


@asynccontextmanager
async def open_registry(
    *,
    ami_url: str | None,
    tools_dir: Path,
    tool_timeout_s: float,
    tool_result_kib: int,
    environ: Mapping[str, str],
    call_control: Collection[str] = (),
    scripts: SharedScripts | None = None,
    asterisk: bool = False,
) -> AsyncGenerator[Registry]:
    """Load every tool and keep what they need running until the end of the block.

    A file with a fault is left out, with a warning in the log and a line in
    `Registry.problems`; nothing that an operator's file does stops the service.
    ``environ`` is what the tools see of the environment. Without ``ami_url`` there is no
    call control but the operator's own, and the tools that ``call_control`` names; with
    ``asterisk``, which has calls that need no avr-ami, there is the built-in one as well.
    ``scripts`` runs JavaScript tools, if another process does so for this one.

    Error handling: An error of the block comes out in an exception group where there
    are JavaScript tools, bare where there are none; ``except*`` takes both.
    """
    found = find_files(tools_dir)
    loaded: dict[Path, LoadedFile] = {}
    for path in found.of(Kind.PYTHON):
        loaded[path] = await load_python_file(path)
    for path in found.of(Kind.HTTP):
        loaded[path] = load_http_file(path, environ, tool_result_kib * 1024)
    trust = httpx.create_ssl_context()
    work, control = (Resources(tool_http_client(trust)) for _ in range(2))
    async with (
        work.http,
        control.http,
        opened_node_files(
            found.of(Kind.JAVASCRIPT), environ, tool_timeout_s, scripts
        ) as in_node,
    ):
        built_in = call_control_tools(ami_url) if ami_url or asterisk else ()
        ranked, problems = _ranked(built_in, found, {**loaded, **in_node})
        tools, unknown = declare(ranked, call_control)
        problems = (*problems, *unknown)
        for problem in problems:
            log.warning("tool problem", problem=problem)
        log.info("tools loaded", tools=sorted(tool.name for tool in tools))
        yield Registry(
            tools,
            tool_timeout_s=tool_timeout_s,
            tool_result_bytes=tool_result_kib * 1024,
            problems=problems,
            work=work,
            control=control,
            has_ami=ami_url is not None,
        )


def _ranked(
    built_in: tuple[Tool, ...], found: FoundFiles, loaded: dict[Path, LoadedFile]
) -> tuple[list[Tool], tuple[str, ...]]:
    candidates = list(built_in)
    problems = list(found.problems)
    for file in found.files:
        content = loaded.get(file.path, LoadedFile())
        candidates += content.tools
        faults = [*content.faults, *(tool.check.remark for tool in content.tools)]
        problems += [f"{file.path}: {fault}" for fault in faults if fault]
    tools, losers = rank(candidates)
    return tools, (*problems, *losers)
