"""A small stand-in for AVR Core: AudioSocket from Asterisk, AVR's protocol to the service.

AVR Core is closed source; this does what its users see of it. Each call is one nursery: a
reader of each side, and the 20 ms clock that AudioSocket needs, for it has no queue of its
own: what is sent ahead of its time is lost. Beside it stands an avr-ami that does to the
channel what it is asked for, through Asterisk's Manager Interface.
"""

import base64
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import trio
from attrs import define, field
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import ClientConnection, connect

from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.report import Outcome

from . import manager

PORT = 9092
_FRAME_BYTES, _FRAME_S = 320, 0.02
_HANG_UP, _UUID, _DIGIT, _AUDIO = 0x00, 0x01, 0x03, 0x10


@define(eq=False)
class AvrCore:
    """What it is connected to.

    Attributes:
        url: The service's.
        ami: The avr-ami beside it.
        connected: How many calls it holds.
        interrupted: How often it was told to throw away what it had queued.
    """

    url: str
    ami: AmiStandIn
    connected: int = 0
    interrupted: int = 0
    _dropped: trio.MemorySendChannel[tuple[str, Outcome]] = field(init=False)

    async def handle(self, stream: trio.SocketStream) -> None:
        """Hold the call of a connection."""
        self.connected += 1
        try:
            async with stream:
                await _Call(self, stream).run()
        finally:
            self.connected -= 1

    async def act(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Do to channels what avr-ami was asked for, one after the other."""
        self._dropped, receive = trio.open_memory_channel[tuple[str, Outcome]](16)
        task_status.started()
        async for uuid, outcome in receive:
            body = self.ami.requests[-1].body
            if outcome is Outcome.AMI_HUNG_UP:
                await manager.hang_up(uuid)
                continue
            priority = str(body.get("priority", "1"))
            context = str(body.get("context", "demo"))
            await manager.redirect(uuid, str(body["exten"]), context, priority)

    def dropped(self, uuid: str, outcome: Outcome) -> None:
        """Take note of what avr-ami was asked for."""
        self._dropped.send_nowait((uuid, outcome))


@define(eq=False)
class _Call:
    _core: AvrCore
    _stream: trio.SocketStream
    _queued: deque[bytes] = field(factory=deque[bytes])
    _rest: bytearray = field(factory=bytearray)
    _received: bytearray = field(factory=bytearray)

    async def run(self) -> None:
        frame = await self._frame()
        if frame is None or frame[0] != _UUID:
            return
        uuid = str(UUID(bytes=frame[1]))
        exchange = self._core.ami.exchange
        async with (
            connect(
                f"{self._core.url}/?uuid={uuid}", proxy=None, ping_interval=None
            ) as ws,
            trio.open_nursery() as nursery,
        ):
            await ws.send(orjson.dumps({"type": "init", "uuid": uuid}).decode())
            with exchange.connected(uuid, partial(self._core.dropped, uuid)):
                nursery.start_soon(self._play)
                nursery.start_soon(self._from_service, ws, nursery.cancel_scope)
                await self._from_asterisk(ws)
            nursery.cancel_scope.cancel(reason="the call is over")

    async def _from_asterisk(self, ws: ClientConnection) -> None:
        """Hand on audio and keys, until Asterisk or the service is gone."""
        while (frame := await self._frame()) is not None:
            kind, payload = frame
            message: dict[str, Any] | None = None
            if kind == _AUDIO:
                pcm = base64.b64encode(payload).decode()
                message = {"type": "audio", "audio": pcm}
            elif kind == _DIGIT:
                message = {"type": "dtmf_digit", "digit": payload.decode()}
            if message is not None:
                try:
                    await ws.send(orjson.dumps(message).decode())
                except ConnectionClosed:
                    return

    async def _from_service(self, ws: ClientConnection, call: trio.CancelScope) -> None:
        """Queue the agent's audio, and throw it away when the caller interrupts."""
        try:
            async for raw in ws:
                message = orjson.loads(raw)
                if message["type"] == "interruption":
                    self._core.interrupted += 1
                    self._queued.clear()
                    self._rest.clear()
                elif message["type"] == "audio":
                    self._rest += base64.b64decode(message["audio"])
                    while len(self._rest) >= _FRAME_BYTES:
                        self._queued.append(bytes(self._rest[:_FRAME_BYTES]))
                        del self._rest[:_FRAME_BYTES]
        except ConnectionClosed:
            pass
        await self._send(_HANG_UP, b"")
        call.cancel(reason="the service closed")

    async def _play(self) -> None:
        """Send a frame every 20 ms, or nothing."""
        due = trio.current_time()
        while True:
            if self._queued:
                await self._send(_AUDIO, self._queued.popleft())
            due += _FRAME_S
            await trio.sleep_until(due)

    async def _send(self, kind: int, payload: bytes) -> None:
        head = bytes([kind]) + len(payload).to_bytes(2, "big")
        try:
            await self._stream.send_all(head + payload)
        except (trio.BrokenResourceError, trio.BusyResourceError):
            # It is gone, which its reader sees too.
            return

    async def _frame(self) -> tuple[int, bytes] | None:
        """The next frame's kind and payload; None when there are no more."""
        while True:
            await trio.lowlevel.checkpoint()
            if len(self._received) >= 3:
                size = int.from_bytes(self._received[1:3], "big")
                if len(self._received) >= 3 + size:
                    kind, payload = (
                        self._received[0],
                        bytes(self._received[3 : 3 + size]),
                    )
                    del self._received[: 3 + size]
                    return kind, payload
            try:
                more = await self._stream.receive_some()
            except trio.BrokenResourceError:
                return None
            if not more:
                return None
            self._received += more


@asynccontextmanager
async def avr_core(url: str, ami: AmiStandIn) -> AsyncGenerator[AvrCore]:
    """Have one on its usual port.

    Args:
        url: The service's, ``ws://host:port``.
        ami: What it asks, which is served elsewhere.
    """
    core = AvrCore(url, ami)
    async with trio.open_nursery() as nursery:
        await nursery.start(core.act)
        listeners = await trio.open_tcp_listeners(PORT, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, core.handle, listeners)
        yield core
        nursery.cancel_scope.cancel(reason="the test is over")
