"""The model leg: a WebSocket to a Realtime endpoint, in typed events."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import NoReturn

import trio
from attrs import define, field
from typing_extensions import override

from trio_sts.audio.formats import AudioFormat, ms_per_byte
from trio_sts.errors import BadMessage, LegClosed
from trio_sts.wire.realtime.codec import decode_or_fault, encode_request
from trio_sts.wire.realtime.events import ServerEvent
from trio_sts.wire.realtime.items import SessionInfo
from trio_sts.wire.realtime.requests import AppendAudio, ClientEvent
from trio_sts.wire.realtime.session import Dialect

from .dial import Connected, back_off, dial
from .endpoint import Endpoint
from .leg import Codec, ModelSide
from .link import Link

# A stop of the service has time for it: see `server`.
_CLOSE_S = 0.75
_Handle = Callable[[ServerEvent | BadMessage], None]


@define
class _Codec(Codec[ClientEvent]):
    dialect: Dialect
    # Until the session's format is known; nothing waits by then.
    ms_per_byte: float = ms_per_byte("pcm")

    @override
    def encode(self, message: ClientEvent) -> tuple[bytes]:
        return (encode_request(message, self.dialect),)

    @override
    def audio_ms(self, message: ClientEvent) -> float:
        if isinstance(message, AppendAudio):
            return len(message.audio) * self.ms_per_byte
        return 0


@define(eq=False)
class ModelLeg(ModelSide):
    """One session's WebSocket; made by `open_model`, configured by `set_up`.

    Attributes:
        endpoint: Where it leads.
        deadline: On Trio's clock: when the connect budget is used up.
    """

    endpoint: Endpoint
    deadline: float
    _nursery: trio.Nursery
    _codec: _Codec
    _connected: Connected
    _pauses: Iterator[float]
    _read_out: trio.Event = field(factory=trio.Event, init=False)
    _is_closed: bool = field(default=False, init=False)

    @property
    def created(self) -> SessionInfo:
        """What ``session.created`` said."""
        return self._connected.created

    @property
    def ends_at(self) -> float:
        """On Trio's clock: when the session's time is up, as far as it was told."""
        return self._connected.ends_at

    @property
    def _link(self) -> Link[ClientEvent]:
        return self._connected.link

    @override
    async def run(self, handle: _Handle) -> NoReturn:
        """Read until the leg ends; ``handle`` gets each event, or its fault.

        Raises:
            LegClosed: The endpoint closed, or the connection broke.
            LegSilent: It answered nothing for 10 s.
        """
        try:
            read = partial(_read_together, handle)
            await self._link.run(read, read)
        except LegClosed:
            self._read_out.set()
            raise

    @property
    def dropped_ms(self) -> float:
        """Caller audio that was dropped because the endpoint read too slowly."""
        return self._link.outbox.dropped_ms

    @override
    def post(self, *events: ClientEvent) -> None:
        """Send soon, in order. Beyond 10 s of audio the oldest is dropped."""
        link = self._connected.link
        for event in events:
            link.post(event)

    @override
    async def watch(self) -> NoReturn:
        """Wait until nothing can be sent any more and `run` has come to the end.

        Raises:
            LegClosed: The socket is gone, or the endpoint has stopped reading.
        """
        await self._read_out.wait()
        raise self._link.why

    @override
    async def aclose(self, code: int, reason: str = "") -> None:
        """Send the control events that are posted, then close; takes 0.75 s at most.

        The socket is closed however this ends, and nothing but a cancellation is
        raised. A second call does nothing.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._link.outbox.clear_audio()
        with trio.move_on_after(_CLOSE_S):
            await self._link.aclose(code, reason)

    @override
    def unsent_audio(self) -> bytes:
        """Caller audio that was posted and that the endpoint cannot have got, in order.

        It is in the session's format. For whoever has lost the leg: what waited, what the
        socket refused or took only in part, and what was posted since, up to 10 s. What a
        socket took whole and lost all the same, nobody knows of. After `aclose` there is
        none.
        """
        return b"".join(
            event.audio
            for event in self._link.unsent()
            if isinstance(event, AppendAudio)
        )

    async def ask(self, event: ClientEvent) -> None:
        """Send one event now: for the set-up, before anything is posted.

        Raises:
            LegClosed: The connection is gone.
        """
        await self._link.send(event)

    async def receive(self) -> ServerEvent | BadMessage:
        """The next event: for the set-up, before `run`.

        Raises:
            LegClosed: The connection is gone.
        """
        return decode_or_fault(await self._link.receive())

    @property
    def left_s(self) -> float:
        """What the set-up may take, of the attempt that began with the dialling."""
        return self._connected.left_s

    async def redial(self) -> None:
        """Replace the connection by a new one, after a pause: for the set-up.

        Raises:
            ModelRefused: As `dial`.
            ModelUnreachable: As `dial`.
        """
        await self._link.drop()
        await trio.sleep(next(self._pauses))
        self._connected = await dial(
            self._nursery, self.endpoint, self._codec, self.deadline, self._pauses
        )

    def open_for(self, audio_format: AudioFormat) -> None:
        """The session is set up: from now on audio in this format is posted."""
        self._codec.ms_per_byte = ms_per_byte(audio_format)


def _read_together(handle: _Handle, texts: list[bytes]) -> None:
    for text in texts:
        handle(decode_or_fault(text))


@asynccontextmanager
async def open_model(endpoint: Endpoint) -> AsyncGenerator[ModelLeg, None]:
    """Dial a Realtime endpoint; the leg and all that it owns ends with the block.

    Leaving the block closes the leg with 1000 if `ModelLeg.aclose` has not done so.
    Errors of the block come out as they are, not in a group of this one's making.

    Args:
        endpoint: Whom to dial.

    Raises:
        ModelRefused: The endpoint said no for good.
        ModelUnreachable: It was not reached within the connect budget.
    """
    deadline = trio.current_time() + endpoint.connect_budget_s
    codec = _Codec(endpoint.dialect)
    alone: list[BaseException] = []
    try:
        async with trio.open_nursery() as nursery:
            pauses = back_off()
            connected = await dial(nursery, endpoint, codec, deadline, pauses)
            leg = ModelLeg(endpoint, deadline, nursery, codec, connected, pauses)
            try:
                yield leg
            finally:
                with trio.move_on_after(2 * _CLOSE_S, shield=True):
                    await leg.aclose(1000)
                nursery.cancel_scope.cancel(reason="the leg is closed")
    except BaseExceptionGroup as group:
        # The tasks in here raise nothing, so a single error is the block's own.
        if len(group.exceptions) > 1:
            raise
        # A list, out of which it is raised; see `loop.reactor`.
        alone += group.exceptions
    if alone:
        raise alone.pop()
