"""Opens the console with the service, and ends it with it."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Generic, TypeVar

import structlog
import trio
from attrs import define

from trio_sts.metrics.exposition import render
from trio_sts.port.listening import accept_all, listen
from trio_sts.services import Services
from trio_sts.settings import Settings

from .app import Shown, Sources, application
from .calls import Calls
from .serving import Connections
from .snapshots import Snapshots
from .toolbox import OwnTools

# Processes that read are ended within it.
_CLOSE_S = 1.0

_log = structlog.get_logger()
_Calls = TypeVar("_Calls", bound=Snapshots)


def shown_of(services: Callable[[], Services]) -> Shown:
    """What is shown of a service of one process.

    Args:
        services: What its calls share, as it is now.
    """
    return Shown(
        lambda: services().settings,
        OwnTools(lambda: services().registry, lambda: services().settings),
        lambda accept: render(services().metrics.registry, accept),
    )


@define(eq=False)
class Console(Generic[_Calls]):
    """The console of a service: it looks on at calls before it is opened.

    Attributes:
        settings: Those that the service has begun with: where the console is.
        board: The calls under way.
        url: Where it is, once it is open.
    """

    settings: Settings
    board: _Calls
    url: str = ""

    @asynccontextmanager
    async def open(
        self, shown: Shown, call_port: Callable[[], int]
    ) -> AsyncGenerator[None]:
        """Answer on the console's port until the end of the block; then all are cut.

        Args:
            shown: What there is beside the calls.
            call_port: Where the service itself listens, once it does.

        Raises:
            CannotListen: The port cannot be bound.
        """
        settings = self.settings
        names = "STS_ADMIN_PORT", "STS_ADMIN_HOST"
        port = settings.admin_port or 0
        listeners = await listen(settings.admin_host, port, names)
        self.url = _url(settings.admin_host, listeners[0].socket.getsockname()[1])
        calls = Calls(settings)
        app = application(Sources(shown, self.board, call_port, calls))
        connections = Connections(app)
        try:
            async with trio.open_nursery() as nursery:
                start = nursery.start_soon
                start(self._guarded, "calls", self.board.keep)
                for each in listeners:
                    accept = partial(accept_all, each, nursery, connections.serve)
                    start(self._guarded, "port", accept)
                _log.info("console", url=self.url)
                try:
                    yield
                finally:
                    # A peer that does not read holds nothing up.
                    connections.cut()
                    nursery.cancel_scope.cancel(reason="the service stops")
        finally:
            with trio.move_on_after(_CLOSE_S, shield=True):
                await calls.aclose()

    @staticmethod
    async def _guarded(part: str, run: Callable[[], Awaitable[None]]) -> None:
        """Whatever fails here costs the console, and no call."""
        try:
            await run()
        except* Exception:  # noqa: BLE001
            _log.exception("console failed", part=part)


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104
    if ":" in shown and not shown.startswith("["):
        shown = f"[{shown}]"
    return f"http://{shown}:{port}/"
