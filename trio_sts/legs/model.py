"""The model leg: a WebSocket to a Realtime endpoint, in typed events."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn

import trio
from attrs import define, field

from trio_sts.errors import BadMessage, LegClosed
from trio_sts.wire.realtime.codec import decode_or_fault, encode_request
from trio_sts.wire.realtime.events import ServerEvent
from trio_sts.wire.realtime.items import SessionInfo
from trio_sts.wire.realtime.requests import AppendAudio, ClientEvent

from .dial import Connected, Wrap, dial
from .endpoint import Endpoint
from .link import as_it_is
from .model_link import ModelLink
from .outbox import Outbox

# Caller audio older than this answers nobody any more.
_MOST_AUDIO_MS = 10_000
# A call has a few in a minute. An endpoint that leaves this many unread is gone.
_MOST_CONTROLS = 1000
_PING_EVERY_S = 20.0
_SILENT_S = 60.0
_GOODBYE_S = 1.0
# 16 bit at 24 kHz, and 8 bit at 8 kHz.
_BYTES_PER_MS = {"pcm": 48, "pcmu": 8, "pcma": 8}


@define(eq=False)
class ModelLeg:
    """One session's WebSocket; made by `open_model`, configured by `set_up`.

    Attributes:
        endpoint: Where it leads.
        deadline: On Trio's clock: when the connect budget is used up.
    """

    endpoint: Endpoint
    deadline: float
    _nursery: trio.Nursery
    _wrap: Wrap
    _connected: Connected
    _bytes_per_ms: int = field(default=_BYTES_PER_MS["pcm"], init=False)
    _outbox: Outbox[ClientEvent] = field(init=False)
    _read_out: trio.Event = field(factory=trio.Event, init=False)
    _is_open: bool = field(default=False, init=False)
    _is_closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._outbox = Outbox(
            self._audio_ms, max_audio_ms=_MOST_AUDIO_MS, max_controls=_MOST_CONTROLS
        )

    @property
    def created(self) -> SessionInfo:
        """What ``session.created`` said."""
        return self._connected.created

    @property
    def dropped_ms(self) -> float:
        """Caller audio that a slow endpoint has lost so far."""
        return self._outbox.dropped_ms

    async def run(self, handle: Callable[[ServerEvent | BadMessage], None]) -> NoReturn:
        """Read until the leg ends; ``handle`` gets each event, or its fault.

        Raises:
            LegClosed: The endpoint closed, or the connection broke, or it was silent
                for a minute.
        """
        link = self._connected.link
        try:
            await link.run(lambda text: handle(decode_or_fault(text)))
        except LegClosed:
            self._outbox.close()
            self._read_out.set()
            raise

    def post(self, *events: ClientEvent) -> None:
        """Send soon, in order. Beyond 10 s of audio the oldest is dropped."""
        for event in events:
            if self._is_open and self._outbox.idle:
                text = encode_request(event, self.endpoint.dialect)
                if self._connected.link.offer(text):
                    continue
            self._outbox.post(event)

    async def write(self) -> NoReturn:
        """Watch over the sending of what was posted, until `run` has come to the end.

        Raises:
            LegClosed: The socket is gone, or the endpoint has stopped reading.
        """
        await self._read_out.wait()
        raise self._connected.link.why

    async def aclose(self, code: int, reason: str = "") -> None:
        """Send the control events that are posted, then close; takes 1 s at most.

        The socket is closed however this ends, and nothing but a cancellation is
        raised. A second call does nothing.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._is_open = False
        link = self._connected.link
        self._outbox.clear_audio()
        try:
            with trio.move_on_after(_GOODBYE_S):
                await self._outbox.drained()
                await link.aclose(code, reason)
        finally:
            self._outbox.close()
            with trio.move_on_after(_GOODBYE_S, shield=True):
                await link.drop()

    async def ask(self, event: ClientEvent) -> None:
        """Send one event now: for the set-up, before the leg is open.

        Raises:
            LegClosed: The connection is gone.
        """
        await self._connected.link.send(encode_request(event, self.endpoint.dialect))

    async def listen(self) -> ServerEvent | BadMessage:
        """The next event: for the set-up, before the leg is open.

        Raises:
            LegClosed: The connection is gone.
        """
        return decode_or_fault(await self._connected.link.receive())

    async def redial(self) -> None:
        """Replace the connection by a new one, with a new session: for the set-up.

        Raises:
            ModelRefused: As `dial`.
            ModelUnreachable: As `dial`.
        """
        await self._connected.link.drop()
        self._connected = await dial(
            self._nursery, self.endpoint, self._wrap, self.deadline
        )

    def open_for(self, audio_format: str) -> None:
        """Begin to send what is posted: the session is set up."""
        self._bytes_per_ms = _BYTES_PER_MS[audio_format]
        self._is_open = True
        link = self._connected.link
        link.start_soon(partial(self._send_posted, link))
        self._nursery.start_soon(self._keep_alive, link)
        self._nursery.start_soon(self._give_up_on_the_stuck, link)

    async def _send_posted(self, link: ModelLink) -> None:
        # Not in `write`: whoever cancels the pumps of a call must not tear a message,
        # for the close frame has to follow it.
        try:
            while True:
                event = await self._outbox.take()
                await link.send(encode_request(event, self.endpoint.dialect))
        except (LegClosed, trio.ClosedResourceError):
            self._outbox.close()

    async def _keep_alive(self, link: ModelLink) -> None:
        try:
            while True:
                await trio.sleep(_PING_EVERY_S)
                with trio.move_on_after(_SILENT_S) as patience:
                    await link.ping()
                if patience.cancelled_caught:
                    await link.drop()
        except LegClosed:
            pass

    async def _give_up_on_the_stuck(self, link: ModelLink) -> None:
        await self._outbox.stuck(_SILENT_S)
        if not self._outbox.closed:
            await link.drop()

    def _audio_ms(self, event: ClientEvent) -> float:
        if isinstance(event, AppendAudio):
            return len(event.audio) / self._bytes_per_ms
        return 0


@asynccontextmanager
async def open_model(
    endpoint: Endpoint, *, wrap: Wrap = as_it_is
) -> AsyncGenerator[ModelLeg, None]:
    """Dial a Realtime endpoint; the leg and all that it owns ends with the block.

    Leaving the block closes the leg with 1000 if `ModelLeg.aclose` has not done so.
    Errors of the block come out as they are, not in a group of this one's making.

    Args:
        endpoint: Whom to dial.
        wrap: What is put between the socket (or TLS) and the WebSocket library.

    Raises:
        ModelRefused: The endpoint said no for good.
        ModelUnreachable: It was not reached within the connect budget.
    """
    deadline = trio.current_time() + endpoint.connect_budget_s
    alone: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            connected = await dial(nursery, endpoint, wrap, deadline)
            leg = ModelLeg(endpoint, deadline, nursery, wrap, connected)
            try:
                yield leg
            finally:
                with trio.move_on_after(2 * _GOODBYE_S, shield=True):
                    await leg.aclose(1000)
                nursery.cancel_scope.cancel(reason="the leg is closed")
    except BaseExceptionGroup as group:
        # The tasks in here raise nothing, so a single error is the block's own.
        if len(group.exceptions) > 1:
            raise
        alone = next(iter(group.exceptions))
    if alone is not None:
        raise alone
