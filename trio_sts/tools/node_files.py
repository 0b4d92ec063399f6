"""AVR's own kind of tool: JavaScript modules, run unchanged if Node.js is there."""

import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import trio

from trio_sts.errors import ToolFault

from .loaded import LoadedFile, built
from .node_host import Caller, ScriptHost, running_node_host
from .problems import NO_NODE
from .tool import CallContext, Kind, Tool, make_tool

# The host looks at a thread this much before the registry gives up, so that the next
# call does not meet a thread that is blocked.
_SOONER = 0.9


class SharedScripts(Protocol):
    """A host that another process runs for several."""

    async def loaded(self) -> ScriptHost:
        """Wait until each file is loaded or has its fault."""
        ...


@asynccontextmanager
async def opened_node_files(
    files: Sequence[Path],
    environ: Mapping[str, str],
    timeout_s: float,
    shared: SharedScripts | None = None,
) -> AsyncGenerator[Mapping[Path, LoadedFile]]:
    """Run the host for the files, if there are any, until the end of the block.

    ``timeout_s`` is the registry's limit for a call. With ``shared`` the host is another
    process's.
    """
    node = find_node(environ)
    if not files or node is None:
        await trio.lowlevel.checkpoint()
        yield {path: LoadedFile(faults=(NO_NODE,)) for path in files}
        return
    if shared is not None:
        yield _loaded(await shared.loaded(), files, timeout_s)
        return
    async with running_node_host(files, node=node, environ=environ) as host:
        yield _loaded(host, files, timeout_s)


def _loaded(
    host: ScriptHost, files: Sequence[Path], timeout_s: float
) -> Mapping[Path, LoadedFile]:
    builders = {path: partial(_tool, host, path, timeout_s) for path in files}
    return {path: built([build]) for path, build in builders.items()}


def find_node(environ: Mapping[str, str]) -> str | None:
    """Where Node.js is; None if it is nowhere."""
    return shutil.which("node", path=environ.get("PATH"))


def _tool(host: ScriptHost, path: Path, timeout_s: float) -> Tool:
    offer = host.offers.get(path)
    if offer is None:
        fault = f"cannot be loaded: {host.faults.get(path, 'Node.js did not do it')}"
        raise ToolFault(fault)

    async def run(args: Mapping[str, Any], context: CallContext) -> object:
        return await host.call(
            path, args, Caller.of(context, path), timeout_s * _SOONER
        )

    return make_tool(
        name=offer.name,
        description=offer.description,
        input_schema=offer.input_schema,
        handler=run,
        kind=Kind.JAVASCRIPT,
        source=str(path),
        ends_call=offer.ends_call,
    )
