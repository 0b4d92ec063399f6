"""Small STS services, written with another WebSocket library, and lines to reach them."""

import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import numpy as np
import trio
from attrs import define, field
from trio.testing import memory_stream_pair
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.trio.server import Server, ServerConnection
from websockets.typing import Subprotocol

from trio_sts.phone.target import Target

Handler = Callable[[ServerConnection], Awaitable[None]]
Json = dict[str, Any]
Refuse = Callable[[ServerConnection], Response | None]
Pair = Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]
URL = "ws://service.test:6030"


def tone(
    frames: int, hz: float = 440.0, peak: float = 8000.0, rate_hz: int = 8000
) -> bytes:
    """Something to hear: so many frames of a sine."""
    time_s = np.arange(frames * rate_hz // 50) / rate_hz
    wave = peak * np.sin(2 * np.pi * hz * time_s)
    return np.rint(wave).astype("<i2").tobytes()


def silence(frames: int) -> bytes:
    return bytes(320 * frames)


def audio(pcm: bytes) -> str:
    return json.dumps({"type": "audio", "audio": base64.b64encode(pcm).decode()})


async def speak(ws: ServerConnection, frames: int, hz: float = 440.0) -> None:
    """So many frames in one burst, as fast as the wire takes them."""
    pcm = tone(frames, hz)
    for start in range(0, len(pcm), 320):
        await ws.send(audio(pcm[start : start + 320]))


async def send(ws: ServerConnection, **message: object) -> None:
    await ws.send(json.dumps(message))


async def receive(ws: ServerConnection) -> Json:
    return cast("Json", json.loads(await ws.recv()))


@define
class Heard:
    """What a service was sent, with the time of each message."""

    messages: list[Json] = field(factory=list[Json])
    times: list[float] = field(factory=list[float])

    def take(self, message: Json) -> Json:
        self.messages.append(message)
        self.times.append(trio.current_time())
        return message

    @property
    def pcm(self) -> bytes:
        frames = (m["audio"] for m in self.messages if m["type"] == "audio")
        return b"".join(base64.b64decode(frame) for frame in frames)

    @property
    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]


async def listen(ws: ServerConnection, heard: Heard) -> None:
    """Take whatever comes until the caller hangs up."""
    with suppress(ConnectionClosed):
        while True:
            heard.take(await receive(ws))


def is_loud(message: Json) -> bool:
    pcm = base64.b64decode(message.get("audio", ""))
    return bool(len(pcm)) and bool(np.abs(np.frombuffer(pcm, "<i2")).max() > 1000)


@define(eq=False)
class Service:
    """An STS service at the other end of memory streams; `dial` reaches it."""

    handler: Handler
    refuse: Refuse | None
    pair: Pair
    nursery: trio.Nursery
    subprotocols: Sequence[Subprotocol]
    targets: list[Target] = field(factory=list[Target])
    requests: list[Request] = field(factory=list[Request])

    async def dial(self, target: Target) -> trio.abc.Stream:
        self.targets.append(target)
        ours, theirs = self.pair()
        self.nursery.start_soon(self._serve, theirs)
        await trio.lowlevel.checkpoint()
        return ours

    async def _serve(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            protocol = ServerProtocol(subprotocols=self.subprotocols or None)
            ws = ServerConnection(nursery, stream, protocol, Server([], self._serve))
            await ws.handshake(self._answer)
            if ws.protocol.state is State.OPEN:
                async with ws:
                    await self.handler(ws)
            else:
                await ws.close_stream()

    def _answer(self, ws: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        return self.refuse(ws) if self.refuse else None


@asynccontextmanager
async def service(
    handler: Handler,
    *,
    refuse: Refuse | None = None,
    pair: Pair = memory_stream_pair,
    subprotocols: Sequence[Subprotocol] = (),
) -> AsyncGenerator[Service]:
    async with trio.open_nursery() as nursery:
        yield Service(handler, refuse, pair, nursery, subprotocols)
        nursery.cancel_scope.cancel(reason="the test is over")
