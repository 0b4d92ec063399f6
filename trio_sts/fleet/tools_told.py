"""A worker's tools, for the parent's console."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from trio_sts.console.toolbox import Toolbox

from .channel import Handler

LIST: Final = "tools.list"
RUN: Final = "tools.run"


@frozen
class ToolsTold:
    """Answers the parent, which loads no tools and runs none.

    Attributes:
        tools: The worker's.
    """

    tools: Toolbox

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What the parent asks."""
        return {LIST: self._listed, RUN: self._run}

    async def _listed(self, _: Any) -> str:
        return (await self.tools.listed()).decode()

    async def _run(self, asked: Any) -> str | None:
        told = await self.tools.run(asked["name"], asked["arguments"])
        return None if told is None else told.decode()
