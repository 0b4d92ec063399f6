"""The port: its sockets, and all that is done with a connection until it is held.

::

    listener ─── one nursery ──┬─ connection: plain HTTP → answered
                               ├─ connection: WebSocket → admission → `hold`
                               └─ ...

Who holds calls, this process or its workers, is not known here.
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping

import structlog
import trio
from attrs import define, field

from trio_sts import __version__
from trio_sts.legs.http_head import written
from trio_sts.settings import Settings
from trio_sts.settings.tls import Unusable, server_context

from .admission import PortAdmission, Told, no_more_calls
from .connections import Admitted, Connections
from .endings import STOPPING
from .listening import CannotListen, accept_all, listen
from .peer import Peer
from .places import Places
from .proxies import Proxies
from .waiting import WaitingRoom

Serve = Callable[[trio.SocketStream, Peer, bytes], Awaitable[None]]

_log = structlog.get_logger()


@define(eq=False)
class Port:
    """Made of the settings and whoever holds calls.

    Attributes:
        settings: Of the service.
        hold: Holds a call, and returns when nothing is left to do for it.
        told: What it asks the rest of the service.
        serve_with: Serves a connection, from the first byte that is not a proxy's own;
            None for `connections`, which end TLS here.
        facts: What the log tells beside its own, once it listens.
        number: Where it listens; 0 before it does.

    Raises:
        CannotListen: The certificate or its key cannot be used.
    """

    settings: Settings
    hold: Callable[[Admitted], Awaitable[None]]
    told: Told
    serve_with: Serve | None = None
    facts: Mapping[str, object] = field(factory=dict[str, object])
    number: int = field(default=0, init=False)
    places: Places = field(init=False)
    admission: PortAdmission = field(init=False)
    connections: Connections = field(init=False)
    proxies: Proxies = field(init=False)
    _tls: ssl.SSLContext | None = field(default=None, init=False)
    _waiting: WaitingRoom = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings = self.settings
        self._waiting = WaitingRoom.beside(settings.max_calls)
        self.places = Places(settings.max_calls, self._waiting)
        self.admission = PortAdmission(settings, self.places, self.told)
        self.proxies = Proxies(settings.trusted_proxies)
        self.connections = Connections(
            self.admission, self.hold, self._waiting, lambda: self._tls, self.proxies
        )
        self._tls = tls_of(settings)

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
                await nursery.start(
                    accept_all,
                    each,
                    nursery,
                    self._connection,
                    self._waiting.make_room,
                    b"" if self._tls else written(refusal.status, refusal.body),
                )
            number: int = listeners[0].socket.getsockname()[1]
            self.number = number
            _log.info(
                "ready",
                port=number,
                host=settings.host,
                model="built in" if settings.embedded else settings.model,
                version=__version__,
                **self.facts,
            )
            task_status.started(number)

    def use(self, settings: Settings) -> None:
        """Go by other settings from now on; where it listens stays.

        Raises:
            CannotListen: The certificate or its key cannot be used, and all stays.
        """
        tls = tls_of(settings)
        if (tls is None) != (self._tls is None):
            raise CannotListen("TLS is turned on and off by a restart alone")
        self._tls = tls
        self.settings = self.admission.settings = settings
        self.places.most = settings.max_calls
        self.proxies.networks = settings.trusted_proxies

    def drain(self) -> None:
        """Let nobody in any more."""
        self.admission.drain()

    async def dismiss(self) -> None:
        """Send everybody away who is no call; each has had a second to become one."""
        await self._waiting.dismiss(STOPPING)

    async def _connection(self, stream: trio.SocketStream) -> None:
        found = None
        # One crash must not stop the service: it is logged, and the other calls go on.
        try:
            async with stream:
                with trio.CancelScope() as scope:
                    self._waiting.enter(stream, lambda _: scope.cancel())
                    found = await self.proxies.behind(stream, Peer.of(stream))
                self._waiting.over(stream)
                if found is not None:
                    await (self.serve_with or self.connections.serve)(stream, *found)
        except* Exception:  # noqa: BLE001
            _log.exception("connection crashed")
        finally:
            self._waiting.over(stream)


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """What the listener's connections are encrypted with, read from the files now.

    Raises:
        CannotListen: The certificate or its key cannot be used.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return server_context(settings.tls_cert, settings.tls_key)
    except Unusable as exc:
        raise CannotListen(str(exc)) from exc
