"""The Node.js host of a generation of workers, in the parent: one for all of them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from attrs import astuple, define, field

from trio_sts.errors import ToolError
from trio_sts.settings import Settings
from trio_sts.tools.answers import Silent
from trio_sts.tools.files import FoundFiles, find_files
from trio_sts.tools.node_files import find_node
from trio_sts.tools.node_host import Caller, NodeHost, running_node_host
from trio_sts.tools.tool import Kind

from .channel import Channel, Handler
from .far_scripts import CALL, LOADED, SAYS


@define(eq=False)
class Scripts:
    """Answers the workers of a generation.

    Attributes:
        host: Runs the files; None until those are loaded, and where there are none.
    """

    host: NodeHost | None = None
    _loaded: trio.Event = field(factory=trio.Event)

    def handlers(self, channel: Channel) -> Mapping[str, Handler]:
        """For the channel of one worker: what it asks."""
        return {LOADED: self._tell_loaded, CALL: partial(self._call, channel)}

    async def run(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """Load the files and run them until this is cancelled; at once over without any.

        Args:
            settings: The generation's.
            environ: What its tools see of the environment.
        """
        try:
            files = (await _found(settings.tools_dir)).of(Kind.JAVASCRIPT)
            node = find_node(environ)
            if not files or node is None:
                # Workers see as well that there is none, and say so.
                return
            async with running_node_host(
                files, node=node, environ=environ
            ) as self.host:
                self._loaded.set()
                await trio.sleep_forever()
        finally:
            self._loaded.set()

    async def _tell_loaded(self, _: Any) -> Mapping[str, Any]:
        await self._loaded.wait()
        if self.host is None:
            return {"offers": {}, "faults": {}}
        offers = {str(path): astuple(offer) for path, offer in self.host.offers.items()}
        faults = {str(path): fault for path, fault in self.host.faults.items()}
        return {"offers": offers, "faults": faults}

    async def _call(self, channel: Channel, asked: Any) -> Mapping[str, Any]:
        number = asked["number"]

        def say(level: str, text: str) -> None:
            told = {"number": number, "level": level, "text": text}
            channel.tell(SAYS, told)

        caller = Caller(asked["uuid"], asked["metadata"], say)
        try:
            result = await self._there().call(
                Path(asked["file"]), asked["args"], caller, asked["timeout_s"]
            )
        except ToolError as exc:
            cause = None if exc.__cause__ is None else str(exc.__cause__)
            return {"error": str(exc), "cause": cause}
        if isinstance(result, Silent):
            return {"result": result.text, "silent": True}
        return {"result": result, "silent": False}

    def _there(self) -> NodeHost:
        if self.host is None:
            raise ToolError("The tool is not available at the moment.")
        return self.host


async def _found(folder: Path) -> FoundFiles:
    """The tool files, looked for in a thread: a folder may be far away."""
    return await trio.to_thread.run_sync(find_files, folder, abandon_on_cancel=True)


@asynccontextmanager
async def open_scripts(
    settings: Settings, environ: Mapping[str, str]
) -> AsyncGenerator[Scripts]:
    """Run the host of a generation until the end of the block; nothing is waited for.

    Args:
        settings: The generation's.
        environ: What its tools see of the environment.
    """
    scripts = Scripts()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scripts.run, settings, environ)
        yield scripts
        nursery.cancel_scope.cancel(reason="the generation's last worker has ended")
