"""Both peers of many short calls, in a process of their own, made of raw bytes.

They are told on standard input, a line of JSON for each round, how many calls of which
ending to hold with which service, and answer with a line when all of them are over::

    {"port": 6030, "ending": "hang-up", "calls": 60, "at_once": 10}
"""

import base64
import hashlib
import json
import socket
import struct
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import trio
from attrs import define

_REQUEST = (
    b"GET /?from=2000 HTTP/1.1\r\nHost: sts\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE = 0x81, 0x88
# Linger for no time: closing sends a reset.
_AT_ONCE = struct.pack("ii", 1, 0)
_OF_MODEL = ("model closes", "model resets")
_AUDIO = base64.b64encode(bytes(4800)).decode()
_FRAMES = 5
# The other task of this side may be sending just now: the call is over all the same.
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError)
_TWO_MORE = 126

Event = dict[str, Any]


def _frame(first: int, payload: bytes, *, masked: bool) -> bytes:
    size = len(payload)
    bit = 0x80 if masked else 0
    if size < _TWO_MORE:
        header = bytes((first, bit | size))
    else:
        header = bytes((first, bit | _TWO_MORE)) + size.to_bytes(2)
    # A mask of zeros is one.
    return header + (bytes(4) if masked else b"") + payload


def _answer(request: bytes) -> bytes:
    key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # noqa: S324  RFC 6455
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept
    )


async def _reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    await trio.aclose_forcefully(stream)


async def _rest(stream: trio.SocketStream) -> None:
    """Read to the end."""
    with suppress(trio.BrokenResourceError):
        async for _ in stream:
            pass


@define
class _Model:
    """The endpoint of all calls of a round."""

    ending: str
    sessions: int = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            with suppress(trio.BrokenResourceError):
                await self._serve(stream)

    async def _serve(self, stream: trio.SocketStream) -> None:
        request = bytes(await stream.receive_some())
        if not request:
            return
        if self.ending == "handshake refused":
            await stream.send_all(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
            await _rest(stream)
            return
        self.sessions += 1
        await stream.send_all(_answer(request))
        session = {"id": "s", "model": "m"}
        await self._send(stream, {"type": "session.created", "session": session})
        # It is masked: whatever comes first is the update.
        await stream.receive_some()
        await self._send(stream, {"type": "session.updated", "session": session})
        at: Event = {"response_id": "r", "item_id": "i", "content_index": 0}
        await self._send(stream, {"type": "response.created", "response": {"id": "r"}})
        delta = {"type": "response.output_audio.delta", **at, "delta": _AUDIO}
        await self._send(stream, delta)
        first = self.sessions % 2 == 1
        if self.ending in _OF_MODEL and first:
            await trio.sleep(0.02)
            if self.ending == "model resets":
                await _reset(stream)
                return
            await stream.send_all(_frame(_CLOSE, b"\x03\xe9", masked=False))
        async for got in stream:
            # Nothing but a close frame has this header: masked, with a code alone.
            if b"\x88\x82" in bytes(got):
                await stream.send_all(_frame(_CLOSE, b"\x03\xe8", masked=False))
                return

    async def _send(self, stream: trio.SocketStream, event: Event) -> None:
        await stream.send_all(_frame(_TEXT, json.dumps(event).encode(), masked=False))


async def _call(port: int, ending: str, index: int, places: trio.Semaphore) -> None:
    async with places:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            with suppress(trio.BrokenResourceError):
                await _hold(stream, ending, index)


async def _hold(stream: trio.SocketStream, ending: str, index: int) -> None:
    await stream.send_all(_REQUEST)
    await stream.receive_some()
    uuid = f"crash-{index}" if ending == "crash" else f"call-{index}"
    await _say(stream, {"type": "init", "uuid": uuid})
    async with trio.open_nursery() as nursery:
        if ending in ("hang-up", "reset", *_OF_MODEL):
            nursery.start_soon(_speak, stream, ending)
        with suppress(*_GONE):
            async for got in stream:
                if b"\x88" in bytes(got) and ending != "reset":
                    await stream.send_all(_frame(_CLOSE, b"\x03\xe8", masked=True))
        nursery.cancel_scope.cancel(reason="the call is over")


async def _speak(stream: trio.SocketStream, ending: str) -> None:
    frame = {"type": "audio", "audio": base64.b64encode(bytes(320)).decode()}
    with suppress(*_GONE):
        for _ in range(_FRAMES * (8 if ending in _OF_MODEL else 1)):
            await _say(stream, frame)
            await trio.sleep(0.02)
        if ending == "reset":
            await _reset(stream)
        else:
            await stream.send_all(_frame(_CLOSE, b"\x03\xe8", masked=True))


async def _say(stream: trio.SocketStream, message: Event) -> None:
    await stream.send_all(_frame(_TEXT, json.dumps(message).encode(), masked=True))


def _tell(answer: Event) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _play() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    model = _Model("hang-up")
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, model.serve, listeners)
        port = listeners[0].socket.getsockname()[1]
        _tell({"port": port})
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            asked = json.loads(line)
            model.ending, model.sessions = asked["ending"], 0
            places = trio.Semaphore(asked["at_once"])
            call = partial(_call, asked["port"], asked["ending"])
            async with trio.open_nursery() as calls:
                for index in range(asked["calls"]):
                    calls.start_soon(call, index, places)
            _tell({"calls": asked["calls"]})
        nursery.cancel_scope.cancel(reason="nothing more is asked")


if __name__ == "__main__":
    trio.run(_play)
