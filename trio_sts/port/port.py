"""The port: its sockets, and all that is done with a connection until it is held.

::

    listener ─── one nursery ──┬─ connection: plain HTTP → answered
                               ├─ connection: WebSocket → admission → `hold`
                               └─ ...

Who holds calls, this process or its workers, is not known here.
"""

from collections.abc import Awaitable, Callable

import structlog
import trio
from attrs import define, field

from trio_sts import __version__
from trio_sts.legs.http_head import written
from trio_sts.settings import Settings

from .admission import PortAdmission, Told, no_more_calls
from .connections import Admitted, Connections
from .endings import STOPPING
from .listening import accept_all, listen
from .peer import Peer
from .places import Places
from .waiting import WaitingRoom

_log = structlog.get_logger()


@define(eq=False)
class Port:
    """Made of the settings and whoever holds calls.

    Attributes:
        settings: Of the service.
        hold: Holds a call, and returns when nothing is left to do for it.
        told: What it asks the rest of the service.
        number: Where it listens; 0 before it does.
    """

    settings: Settings
    hold: Callable[[Admitted], Awaitable[None]]
    told: Told
    number: int = field(default=0, init=False)
    places: Places = field(init=False)
    admission: PortAdmission = field(init=False)
    connections: Connections = field(init=False)
    _waiting: WaitingRoom = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings = self.settings
        self._waiting = WaitingRoom.beside(settings.max_calls)
        self.places = Places(settings.max_calls, self._waiting)
        self.admission = PortAdmission(settings, self.places, self.told)
        self.connections = Connections(self.admission, self.hold, self._waiting)

    async def serve(
        self, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Answer the port for ever; started with its number once it listens.

        Raises:
            CannotListen: The port cannot be bound.
        """
        settings = self.settings
        listeners = await listen(settings.host, settings.port)
        refusal = no_more_calls("full")
        async with trio.open_nursery() as nursery:
            for each in listeners:
                nursery.start_soon(
                    accept_all,
                    each,
                    nursery,
                    self._connection,
                    self._waiting.make_room,
                    written(refusal.status, refusal.body),
                )
            number: int = listeners[0].socket.getsockname()[1]
            self.number = number
            _log.info(
                "ready",
                port=number,
                host=settings.host,
                model="built in" if settings.embedded else settings.model,
                version=__version__,
            )
            task_status.started(number)

    def drain(self) -> None:
        """Let nobody in any more."""
        self.admission.drain()

    async def dismiss(self) -> None:
        """Send everybody away who is no call; each has had a second to become one."""
        await self._waiting.dismiss(STOPPING)

    async def _connection(self, stream: trio.SocketStream) -> None:
        await self.connections.serve(stream, Peer.of(stream))
