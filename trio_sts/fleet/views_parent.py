"""What is seen of the workers at the parent: the metrics of all, and the console."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import trio
from attrs import define, field

from trio_sts.loop.lag import Lag
from trio_sts.metrics.registry import Metrics
from trio_sts.settings import Settings

from .channel import Channel, Handler
from .counts import Counts

if TYPE_CHECKING:
    from .far_console import FarConsole


@define(eq=False)
class FleetViews:
    """The metrics and the console of a service of several workers.

    Attributes:
        settings: Those that new calls begin with.
        metrics: The parent's own.
        lag: Measures the parent's loop.
    """

    settings: Settings
    metrics: Metrics
    lag: Lag
    _counts: Counts = field(init=False)
    _console: "FarConsole | None" = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._counts = Counts(self.metrics)
        if self.settings.admin_port is not None:
            # Imported here: a service without one needs no web server.
            from .far_console import FarConsole  # noqa: PLC0415

            self._console = FarConsole(self.settings, self.lag)

    @property
    def console_url(self) -> str | None:
        """Where the console is, once it is open; None if there is none."""
        return None if self._console is None else self._console.url

    def joined(self, channel: Channel) -> Mapping[str, Handler]:
        """A worker has begun: what it tells is handled by these."""
        handlers = {**self._counts.joined(channel)}
        if self._console is not None:
            handlers |= self._console.board.joined(channel)
        return handlers

    def left(self, channel: Channel) -> None:
        """The channel of a worker is over, whatever the reason: its counts stay."""
        self._counts.left(channel)
        if self._console is not None:
            self._console.board.left(channel)

    def newest(self, settings: Settings, workers: Sequence[Channel]) -> None:
        """New calls go to these workers from now on.

        Args:
            settings: The workers'.
            workers: Their channels; tools are tried in the first that is there.
        """
        self.settings = settings
        if self._console is not None:
            self._console.tools.workers = tuple(workers)

    async def render(self, accept: str = "") -> tuple[bytes, str]:
        """The body and the media type of the answer to ``GET /metrics``."""
        return await self._counts.render(accept)

    @asynccontextmanager
    async def open(self, call_port: Callable[[], int]) -> AsyncGenerator[None]:
        """Show what there is until the end of the block.

        Args:
            call_port: Where the service itself listens, once it does.

        Raises:
            CannotListen: The console's port cannot be bound.
        """
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(trio.open_nursery())
            nursery.start_soon(self._counts.keep)
            if self._console is not None:
                opening = self._console.open(
                    lambda: self.settings, self.render, call_port
                )
                await stack.enter_async_context(opening)
            yield
            nursery.cancel_scope.cancel(reason="the service stops")
