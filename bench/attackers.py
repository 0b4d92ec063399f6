"""What somebody may do to the port while other people's calls are running."""

import base64
import json
import os
import struct
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import trio
from attrs import frozen

_TEXT, _BINARY, _CONTINUATION, _PING = 0x1, 0x2, 0x0, 0x9
_FIN, _MASKED = 0x80, 0x80
_SHORT, _MEDIUM, _LONG, _MEDIUM_BYTES = 125, 126, 127, 65_536
# A mask of zeros is a mask, and leaves the payload as it is.
_MASK: Final = bytes(4)
_AGAIN_S: Final = 0.05
_RECEIVE_BYTES: Final = 65_536
_UPGRADE: Final = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_MEDIA_UPGRADE: Final = _UPGRADE[:-2] + b"Sec-WebSocket-Protocol: media\r\n\r\n"
_FRAME_OF_SPEECH: Final = base64.b64encode(os.urandom(320)).decode()

_MARK: Final = {"event": "MEDIA_MARK_PROCESSED", "correlation_id": "999999"}

Attack = Callable[[int], Awaitable[None]]


@frozen
class Attacker:
    """One attack.

    Attributes:
        name: In the table.
        about: What is done, and by how many connections.
        attack: Does it to a port until cancelled.
        descriptors: How many descriptors the relay has; 0: as many as it likes.
    """

    name: str
    about: str
    attack: Attack
    descriptors: int = 0


def frame(payload: bytes, opcode: int = _TEXT, *, fin: bool = True) -> bytes:
    """A WebSocket frame of a client (RFC 6455, 5.2)."""
    size = len(payload)
    head = bytes([opcode | (_FIN if fin else 0)])
    if size <= _SHORT:
        head += bytes([_MASKED | size])
    elif size < _MEDIUM_BYTES:
        head += bytes([_MASKED | _MEDIUM]) + struct.pack(">H", size)
    else:
        head += bytes([_MASKED | _LONG]) + struct.pack(">Q", size)
    return head + _MASK + payload


def _object(**fields: object) -> bytes:
    return frame(json.dumps(fields).encode())


def _fragments() -> bytes:
    pieces = [frame(b"x", fin=False)]
    return b"".join(pieces + [frame(b"x", _CONTINUATION, fin=False)] * 999)


def _announced(size: int) -> bytes:
    """The head of a frame of this size, and a little of what it promises."""
    head = bytes([_FIN | _TEXT, _MASKED | _LONG]) + struct.pack(">Q", size)
    return head + _MASK + bytes(1000)


async def _slow_head(port: int) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        for byte in _UPGRADE:
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)


async def _idle(port: int, upgrade: bytes = _UPGRADE) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(upgrade)
        while await stream.receive_some(_RECEIVE_BYTES):
            pass


async def _silent(port: int) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        while await stream.receive_some(_RECEIVE_BYTES):
            pass


async def _flood(messages: bytes, port: int, begins: bytes = b"") -> None:
    """An upgrade and a call's ``init``, then this as often as the socket takes it."""
    begins = begins or _UPGRADE + _object(type="init", uuid="attack")
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(begins)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_read_on, stream, nursery.cancel_scope)
            while True:
                await stream.send_all(messages)


async def _read_on(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    try:
        while await stream.receive_some(_RECEIVE_BYTES):
            pass
    except trio.BrokenResourceError:
        pass
    scope.cancel(reason="the relay has closed it")


async def _many(one: Attack, count: int, port: int) -> None:
    """So many connections, each opened again when it is closed."""

    async def again_and_again() -> None:
        while True:
            try:
                await one(port)
            except* (OSError, trio.BrokenResourceError):
                pass
            await trio.sleep(_AGAIN_S)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(again_and_again)


def _attacker(
    name: str, about: str, one: Attack, count: int, descriptors: int = 0
) -> Attacker:
    told = f"{count} connections: {about}"
    return Attacker(name, told, partial(_many, one, count), descriptors)


def _asterisk(name: str, about: str, messages: bytes) -> Attacker:
    """A flooder that calls as Asterisk itself does."""
    start = {"connection_id": "e", "format": "slin24", "optimal_frame_size": 960}
    begins = _MEDIA_UPGRADE + _object(event="MEDIA_START", **start)
    flood = partial(_flood, messages, begins=begins)
    return _attacker(f"Asterisk: {name}", about, flood, 30)


def _flooder(name: str, about: str, messages: bytes, count: int = 30) -> Attacker:
    return _attacker(name, about, partial(_flood, messages), count)


ATTACKERS: Final[Sequence[Attacker]] = (
    _attacker("slow heads", "a byte of the request head a second", _slow_head, 300),
    _attacker("idle upgrades", "upgraded, and no init", _idle, 300),
    _flooder(
        "valid messages",
        "audio as fast as the socket takes it",
        _object(type="audio", audio=_FRAME_OF_SPEECH) * 50,
    ),
    _flooder(
        "faulty messages",
        "audio that is no base64, and again when closed",
        _object(type="audio", audio="%" * 400) * 50,
    ),
    _flooder("tiny messages", "`{}`, and again when closed", frame(b"{}") * 500),
    _flooder("pings", "pings of 100 bytes", frame(bytes(100), _PING) * 100),
    _flooder("fragments", "one message in pieces of a byte", _fragments()),
    _flooder("giant frames", "a frame of 1 GiB is announced", _announced(1 << 30)),
    _flooder(
        "large messages",
        "audio messages of 60 kB",
        _object(type="audio", audio=base64.b64encode(bytes(45_000)).decode()) * 4,
    ),
    _attacker(
        "Asterisk: idle upgrades",
        "upgraded, and no MEDIA_START",
        partial(_idle, upgrade=_MEDIA_UPGRADE),
        300,
    ),
    _asterisk(
        "media", "as fast as the socket takes it", frame(os.urandom(960), _BINARY) * 50
    ),
    _asterisk(
        "odd media",
        "half a sample, and again when closed",
        frame(bytes(961), _BINARY) * 50,
    ),
    _asterisk("marks", "that were never sent", _object(**_MARK) * 500),
    _asterisk("tiny media", "one sample a message", frame(bytes(2), _BINARY) * 500),
    _attacker(
        "descriptor limit", "open and silent, the relay has 200", _silent, 400, 200
    ),
)
