"""Both legs' WebSockets as an echo: what the suite's cases talk to.

An echo stands where a leg would read messages: below it, all is as in a call, from the
request head and the fast path to the close notice; above it there is no AVR Core and no
model, whose rules would refuse binary, and text that is no JSON.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final

import trio

from trio_sts.errors import LegClosed
from trio_sts.legs.accepted import MAX_MESSAGE_BYTES
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.fastpath.frames import Binary, Message
from trio_sts.legs.handshake import accept_link, open_link
from trio_sts.legs.http_head import read_head
from trio_sts.legs.leg import Bounds
from trio_sts.legs.link import Link

CLOSE_NOTICE: Final = "this leg says what is wrong"
_CLOSE_S: Final = 2.0
_QUEUE_MESSAGES: Final = 256


class _Echo:
    """Messages as they are, none of them audio."""

    def encode(self, message: Message) -> list[Message]:
        return [message]

    def audio_ms(self, message: Message) -> float:
        return 0

    def close_notice(self, code: int) -> Iterable[Message]:
        return [CLOSE_NOTICE.encode()]


_ECHO: Final = _Echo()


async def answer(stream: trio.SocketStream, *, fast: bool) -> None:
    """Echo one connection as the caller leg would hold it."""
    request = await read_head(stream)
    if request is None:
        return
    bounds = Bounds(MAX_MESSAGE_BYTES, max_audio_ms=0, max_controls=_QUEUE_MESSAGES)
    async with trio.open_nursery() as nursery:
        link = await accept_link(
            nursery, request[1], codec=_ECHO, bounds=bounds, fast=fast
        )
        await _echo(link)
        nursery.cancel_scope.cancel(reason="the connection is over")


async def dial(url: str, *, fast: bool) -> None:
    """Echo one connection as the model leg would hold it."""
    async with trio.open_nursery() as nursery:
        await _echo(await _open(nursery, url, fast=fast))
        nursery.cancel_scope.cancel(reason="the connection is over")


async def ask(url: str, *, fast: bool) -> str:
    """The one message that an address of the suite's has to say, or nothing."""
    async with trio.open_nursery() as nursery:
        link = await _open(nursery, url, fast=fast)
        try:
            said = _str(await link.receive())
        except LegClosed:
            said = ""
        await _leave(link)
        nursery.cancel_scope.cancel(reason="the connection is over")
    return said


async def _open(nursery: trio.Nursery, url: str, *, fast: bool) -> Link[Message]:
    endpoint = Endpoint(url, fast_path=fast)
    stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
    bounds = Bounds(
        16 * 1024 * 1024,
        max_audio_ms=0,
        max_controls=_QUEUE_MESSAGES,
        queue_messages=16,
        receive_bytes=64 * 1024,
    )
    return await open_link(nursery, stream, endpoint, codec=_ECHO, bounds=bounds)


async def _echo(link: Link[Message]) -> None:
    try:
        await link.run(partial(_post_all, link), partial(_post_binaries, link))
    except LegClosed:
        await _leave(link)


def _post_binaries(link: Link[Message], payloads: list[bytes]) -> None:
    for payload in payloads:
        link.post(Binary(payload))


async def _leave(link: Link[Message]) -> None:
    with trio.move_on_after(_CLOSE_S):
        await link.aclose(1000)


def _str(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()


def _post_all(link: Link[Message], texts: list[bytes]) -> None:
    for text in texts:
        link.post(text)
