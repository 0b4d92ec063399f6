"""The console of a service of several workers."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from attrs import define, field

from trio_sts.console.app import Shown
from trio_sts.console.opening import Console
from trio_sts.console.recent_lag import RecentLag
from trio_sts.loop.lag import Lag
from trio_sts.settings import Settings

from .far_board import FarBoard
from .far_tools import FarTools


@define(eq=False)
class FarConsole:
    """Opened in the parent, which holds no calls and loads no tools.

    Attributes:
        settings: Those that the service has begun with.
        lag: Measures the parent's loop.
        board: The calls of the workers.
        tools: The tools of the workers.
    """

    settings: Settings
    lag: Lag
    board: FarBoard = field(init=False)
    tools: FarTools = field(init=False, factory=FarTools)
    _console: Console[FarBoard] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.board = FarBoard(RecentLag(self.lag))
        self._console = Console(self.settings, self.board)

    @property
    def url(self) -> str:
        """Where it is, once it is open."""
        return self._console.url

    @asynccontextmanager
    async def open(
        self,
        settings: Callable[[], Settings],
        metrics: Callable[[str], Awaitable[tuple[bytes, str]]],
        call_port: Callable[[], int],
    ) -> AsyncGenerator[None]:
        """Answer on the console's port until the end of the block.

        Args:
            settings: Those that new calls begin with.
            metrics: Renders the metrics of all.
            call_port: Where the service itself listens, once it does.

        Raises:
            CannotListen: The port cannot be bound.
        """
        shown = Shown(settings, self.tools, metrics)
        async with self._console.open(shown, call_port):
            yield
