"""A stand-in for AVR Core in tests, on a WebSocket library that is not ours.

It knows nothing of the package: what it sends and sees is plain JSON::

    async with calling(f"ws://127.0.0.1:{port}/?from=2000") as core:
        await core.init("call-1")
        await core.speak(silence(100))
        greeting = await core.wait_for("audio")
        assert await core.wait_closed() == 1000
"""

import base64
import json
import ssl as ssl_module
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field, frozen
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import ClientConnection, connect

FRAME_MS = 20
FRAME_BYTES = 320

Json = Mapping[str, Any]


def silence(ms: int) -> bytes:
    return bytes(ms * 16)


@frozen
class Received:
    """One message: when, what, and its audio if it has any."""

    at_s: float
    message: Json
    pcm: bytes = field(default=b"", repr=False)

    @property
    def type(self) -> str:
        return str(self.message["type"])


@define(eq=False)
class FakeCore:
    """One call. Everything received is in `received`, with `trio.current_time()`."""

    ws: ClientConnection
    received: list[Received] = field(factory=list[Received], init=False)
    close_code: int | None = field(default=None, init=False)
    close_reason: str = field(default="", init=False)
    _news: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )
    _reading: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._reading.set()

    # What AVR Core sends.

    async def init(self, uuid: object = "call-1", **more: object) -> None:
        await self.send({"type": "init", "uuid": uuid, **more})

    async def say(self, pcm: bytes) -> None:
        """Send audio at once, in frames of 20 ms."""
        for start in range(0, len(pcm), FRAME_BYTES):
            frame = base64.b64encode(pcm[start : start + FRAME_BYTES]).decode()
            await self.send({"type": "audio", "audio": frame})

    async def speak(self, pcm: bytes) -> None:
        """Send audio in real time, 20 ms by 20 ms; returns when it has been said."""
        due = trio.current_time()
        for start in range(0, len(pcm), FRAME_BYTES):
            await self.say(pcm[start : start + FRAME_BYTES])
            due += FRAME_MS / 1000
            await trio.sleep_until(due)

    async def press(self, digits: str) -> None:
        for digit in digits:
            await self.send({"type": "dtmf_digit", "digit": digit})

    async def send(self, message: Json | str | bytes) -> None:
        """Send an object as JSON, or any text or binary message as it is."""
        raw = message if isinstance(message, (str, bytes)) else json.dumps(message)
        await self.ws.send(raw)

    # How calls end.

    async def hang_up(self, code: int = 1000) -> None:
        await self.ws.aclose(code)

    async def vanish(self) -> None:
        """Drop the connection without a close frame."""
        await trio.aclose_forcefully(self.ws.stream)

    async def wait_closed(self, within_s: float = 5) -> int:
        """Wait until the service closes.

        Returns:
            Its close code; 1005 if it gave none, 1006 without a close frame.
        """
        await self._until(lambda: self.close_code is not None, "a close", within_s)
        assert self.close_code is not None
        return self.close_code

    # What arrives.

    def stop_reading(self) -> None:
        """Read no more, so that the socket's buffers fill up."""
        self._reading = trio.Event()

    def read_on(self) -> None:
        self._reading.set()

    def of(self, kind: str) -> list[Received]:
        """All messages of a type so far."""
        return [each for each in self.received if each.type == kind]

    @property
    def audio(self) -> bytes:
        """All agent audio so far."""
        return b"".join(each.pcm for each in self.received)

    @property
    def audio_ms(self) -> float:
        return sum(len(each.pcm) for each in self.received) / 16

    async def wait_for(
        self,
        wanted: str | Callable[[Received], bool],
        *,
        after: int = 0,
        within_s: float = 5,
    ) -> Received:
        """Wait for the first message of a type, or for which ``wanted`` is true.

        Args:
            wanted: A type or a predicate.
            after: How many of `received` to pass over: ``len(core.received)`` asks
                for news.
            within_s: Then it fails, and says what did arrive.
        """

        def find() -> Received | None:
            for each in self.received[after:]:
                if each.type == wanted if isinstance(wanted, str) else wanted(each):
                    return each
            return None

        await self._until(lambda: find() is not None, str(wanted), within_s)
        found = find()
        assert found is not None
        return found

    async def wait_audio(self, ms: float, within_s: float = 5) -> None:
        """Wait until this much agent audio has arrived in all."""
        await self._until(lambda: self.audio_ms >= ms, f"{ms} ms of audio", within_s)

    async def _until(
        self, is_so: Callable[[], bool], what: str, within_s: float
    ) -> None:
        with trio.move_on_after(within_s):
            await trio.lowlevel.checkpoint()
            while not is_so():
                assert self.close_code is None, self._instead(what)
                await self._news.park()
            return
        raise AssertionError(self._instead(what))

    def _instead(self, what: str) -> str:
        seen = dict(Counter(each.type for each in self.received))
        return f"no {what}; received {seen}, close code {self.close_code}"

    async def listen(self) -> None:
        """Receive until the connection ends; `calling` runs this."""
        try:
            while True:
                await self._reading.wait()
                raw = await self.ws.recv()
                await self._reading.wait()
                self._hear(raw)
                self._news.unpark_all()
        except ConnectionClosed as exc:
            self.close_code = 1006 if exc.rcvd is None else exc.rcvd.code
            self.close_reason = "" if exc.rcvd is None else exc.rcvd.reason
        self._news.unpark_all()

    def _hear(self, raw: str | bytes) -> None:
        assert isinstance(raw, str), "AVR Core understands text messages only"
        message: dict[str, Any] = json.loads(raw)
        pcm = b""
        if message["type"] == "audio":
            pcm = base64.b64decode(message["audio"], validate=True)
        self.received.append(Received(trio.current_time(), message, pcm))


@asynccontextmanager
async def calling(
    url: str,
    *,
    stream: trio.abc.Stream | None = None,
    ssl: ssl_module.SSLContext | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> AsyncGenerator[FakeCore]:
    """Place a call; whoever has not closed when the block ends is hung up with 1000.

    Args:
        url: ``ws://`` or ``wss://``.
        stream: A connected socket or memory stream to use instead of dialling.
        ssl: For ``wss://``, trusting the service's certificate.
        headers: Of the handshake.

    Raises:
        websockets.exceptions.InvalidStatus: The handshake was refused; see its
            ``response.status_code`` and ``response.body``.
    """
    dial = connect(
        url,
        stream=stream,
        ssl=ssl,
        additional_headers=list(headers),
        proxy=None,
        ping_interval=None,
        close_timeout=2,
    )
    async with dial as ws, trio.open_nursery() as nursery:
        core = FakeCore(ws)
        nursery.start_soon(core.listen)
        try:
            yield core
        finally:
            core.read_on()
            with trio.move_on_after(3, shield=True):
                await ws.aclose()
            nursery.cancel_scope.cancel(reason="the call is over")
