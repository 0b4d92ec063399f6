"""What a leg is made of, and what a call asks of one.

A leg is a codec, bounds, and a few lines above a `link.Link`. A caller leg is one codec
in ``wire`` and one file here, above what all of them share in ``accepted.py``:

- its `ServerCodec` says which WebSocket messages a posted message becomes: text as UTF-8,
  or `fastpath.frames.Binary`, as many as it takes and in any order, and how much audio is
  in it, for the outbox counts audio in ms and everything else by the piece;
- its class has what `CallerSide` asks for. `run` gives `Link.run` one function for text
  that arrives and one for binary, each of which makes `wire.avr.FromCore` messages; `post`
  takes `wire.avr.ToCore` messages; `watch` says after how long a peer that does not read
  is given up; `aclose` may post a last message before it closes the link;
- `handshake.accept_link` answers its handshake, with the subprotocol that it names, and
  is told whether its audio is binary.

Which one a call is held over is decided by what the request's head asks for. ``caller.py``
is AVR Core's; ``asterisk.py`` has binary media and control messages of its own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NoReturn, Protocol, TypeVar

from attrs import frozen

from trio_sts.errors import BadMessage
from trio_sts.wire.avr import FromCore, ToCore
from trio_sts.wire.line import Line
from trio_sts.wire.realtime.events import ServerEvent
from trio_sts.wire.realtime.requests import ClientEvent

from .fastpath.frames import Message

_M_contra = TypeVar("_M_contra", contravariant=True)


class Codec(Protocol[_M_contra]):
    """What a leg's posted messages are on the wire."""

    def encode(self, message: _M_contra) -> Sequence[Message]:
        """The WebSocket messages that a posted message becomes, in order."""
        ...

    def audio_ms(self, message: _M_contra) -> float:
        """How much audio it holds, in ms; 0 makes it a control message."""
        ...


class ServerCodec(Codec[_M_contra], Protocol[_M_contra]):
    """That of a leg that accepts connections."""

    def close_notice(self, code: int) -> Iterable[Message]:
        """What is sent before a close code that the WebSocket library chose, if any."""
        ...


@frozen
class Liveness:
    """When a peer that sends no close frame counts as gone.

    Attributes:
        ping_every_s: How often it is pinged.
        silent_s: One of which no byte came for so long is gone, whatever it was asked.
        behind_s: One that is behind with reading for so long is, too; see
            `Outbox.behind`. None leaves that to the leg.
    """

    ping_every_s: float = 5.0
    # Half a second less than the 10 s within which it has to be known.
    silent_s: float = 9.5
    behind_s: float | None = None


@frozen
class Bounds:
    """How much of everything a link holds.

    Attributes:
        max_message_bytes: A longer message may be refused; see `Link.overrun`.
        max_audio_ms: How much audio may wait to be sent; the oldest goes first.
        max_controls: How many control messages may; with one more the link is stuck.
        queue_messages: Messages that were passed on to trio-websocket and wait for the
            leg, which itself waits for nothing.
        receive_bytes: How much trio-websocket reads at once.
        liveness: When the peer counts as gone.
    """

    max_message_bytes: int
    max_audio_ms: float
    max_controls: int
    queue_messages: int = 8
    receive_bytes: int = 4096
    liveness: Liveness = Liveness()


class CallerSide(Protocol):
    """What a call needs of its caller leg.

    Attributes:
        query: The query string as it came: the call's metadata and perhaps a token.
        line: What the caller's line is like.
        variables: What the peer knows of the call beside the query; not to be trusted.
    """

    query: str
    line: Line
    variables: Mapping[str, str]

    @property
    def uuid(self) -> str | None:
        """The call id that came with the request, if one did; not to be trusted."""
        ...

    @property
    def dropped_ms(self) -> float:
        """Agent audio that was dropped because the peer read too slowly."""
        ...

    async def run(self, handle: Callable[[FromCore | BadMessage], None]) -> NoReturn:
        """Read until the leg ends; ``handle`` gets each message, or its fault.

        Raises:
            LegSilent: The peer has vanished.
            LegClosed: The peer closed, or the connection broke.
            PeerFault: The peer broke a rule of the leg.
        """
        ...

    async def watch(self) -> NoReturn:
        """Wait until what is posted can no longer be sent.

        Raises:
            LegClosed: The socket is gone.
            PeerFault: The peer does not read.
        """
        ...

    def post(self, *messages: ToCore) -> None:
        """Send soon, in order; never waits."""
        ...

    async def aclose(self, code: int, reason: str = "") -> None:
        """Send what is posted, close with this code; whoever calls it bounds it."""
        ...


class ModelSide(Protocol):
    """What a call needs of its model leg once that is set up."""

    async def run(self, handle: Callable[[ServerEvent | BadMessage], None]) -> NoReturn:
        """Read until the leg ends; ``handle`` gets each event, or its fault.

        Raises:
            LegClosed: The endpoint closed, or the connection broke.
        """
        ...

    async def watch(self) -> NoReturn:
        """Wait until what is posted can no longer be sent.

        Raises:
            LegClosed: The socket is gone, and `run` has read all that came before.
        """
        ...

    def post(self, *events: ClientEvent) -> None:
        """Send soon, in order; never waits."""
        ...

    def unsent_audio(self) -> bytes:
        """Caller audio that was posted and that the endpoint cannot have got, in order.

        It is in the session's format; asked when the leg is lost.
        """
        ...

    async def aclose(self, code: int, reason: str = "") -> None:
        """Send what is posted, close with this code."""
        ...
