"""What of a worker is seen at the parent: its metrics, its calls and its tools."""

from collections.abc import Mapping
from typing import Any

import trio
from attrs import define, field

from trio_sts.console.board import Board
from trio_sts.console.recent_lag import RecentLag
from trio_sts.console.toolbox import OwnTools
from trio_sts.loop.lag import Lag
from trio_sts.observing.observer import Observers
from trio_sts.services import Services
from trio_sts.settings import Settings

from .board_told import BoardTold
from .channel import Channel, Handler
from .counts_told import ASKED, CountsTold
from .far_scripts import FarScripts
from .tools_told import ToolsTold


@define(eq=False)
class WorkerViews:
    """Tells the parent what this worker does; made before its services are opened.

    Attributes:
        settings: The worker's.
        channel: Leads to the parent.
        lag: Measures this loop.
        scripts: The Node.js host, which is the parent's.
        board: The calls, if there is a console.
    """

    settings: Settings
    channel: Channel
    lag: Lag
    scripts: FarScripts = field(init=False)
    board: Board | None = field(init=False, default=None)
    _board_told: BoardTold | None = field(init=False, default=None)
    _services: Services | None = field(init=False, default=None)
    _counts: CountsTold | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.scripts = FarScripts(self.channel)
        if self.settings.admin_port is not None:
            self.board = Board(self.settings, RecentLag(self.lag))
            self._board_told = BoardTold(self.board, self.channel)

    @property
    def observers(self) -> Observers:
        """Who looks on at the calls."""
        return () if self.board is None else (self.board.observe,)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What the parent says and asks, from before the services are open."""
        handlers = {ASKED: self._asked_for_counts, **self.scripts.handlers}
        if self._board_told is not None:
            tools = OwnTools(lambda: self._open.registry, lambda: self.settings)
            handlers |= self._board_told.handlers
            handlers |= ToolsTold(tools).handlers
        return handlers

    def opened(self, services: Services) -> None:
        """The services are open."""
        self._services = services
        self._counts = CountsTold(services.metrics, self.channel)

    async def run(self) -> None:
        """Tell the parent what it wants to know, until it is cancelled."""
        async with trio.open_nursery() as nursery:
            if self._counts is not None:
                nursery.start_soon(self._counts.run)
            if self._board_told is not None:
                nursery.start_soon(self._board_told.run)

    async def farewell(self) -> None:
        """Tell the last counts, once the services are closed; the caller bounds it."""
        if self._counts is not None:
            await self._counts.tell()
        await self.channel.flush()

    @property
    def _open(self) -> Services:
        if self._services is None:
            raise RuntimeError("the worker is not ready yet")
        return self._services

    async def _asked_for_counts(self, _: Any) -> None:
        if self._counts is not None:
            await self._counts.tell()
