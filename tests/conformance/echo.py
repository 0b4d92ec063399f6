"""Both legs' WebSockets as an echo: what the suite's cases talk to.

An echo stands where a leg would read messages: below it, all is as in a call, from the
door and the fast path to the last words; above it there is no AVR Core and no model,
whose rules would refuse binary, and text that is no JSON.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

import trio
from trio_websocket import ConnectionClosed

from trio_sts.errors import LegClosed
from trio_sts.legs.caller import MAX_MESSAGE_BYTES
from trio_sts.legs.door import read_head
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.link import Link, accept_link, as_it_is
from trio_sts.legs.model_link import ModelLink, open_link
from trio_sts.legs.outbox import Outbox

_M = TypeVar("_M")

LAST_WORDS: Final = "this leg says what is wrong"
_GOODBYE_S: Final = 2.0
_QUEUE_MESSAGES: Final = 256
_GONE: Final = (
    ConnectionClosed,
    LegClosed,
    trio.ClosedResourceError,
    trio.BrokenResourceError,
)


async def answer(stream: trio.SocketStream, *, fast: bool) -> None:
    """Echo one connection as the caller leg would hold it."""
    knock = await read_head(stream)
    if knock is None:
        return
    async with trio.open_nursery() as nursery:
        link = await accept_link(
            nursery,
            knock[1],
            outbox=Outbox(_no_audio, max_audio_ms=0, max_controls=_QUEUE_MESSAGES),
            texts=_one_text,
            words=lambda _: LAST_WORDS.encode(),
            max_bytes=MAX_MESSAGE_BYTES,
            wrap=as_it_is,
            fast=fast,
        )
        ws = link._ws  # pyright: ignore[reportPrivateUsage] # a leg sends no binary
        echo_binary = _sender(nursery, ws.send_message)
        try:
            await link.run(partial(_post_all, link), echo_binary)
        except ConnectionClosed:
            with trio.move_on_after(_GOODBYE_S):
                await link.aclose(1000, "")
        nursery.cancel_scope.cancel(reason="the connection is over")


async def dial(url: str, *, fast: bool) -> None:
    """Echo one connection as the model leg would hold it."""
    async with trio.open_nursery() as nursery:
        link = await _open(nursery, url, fast=fast)
        # A model's text and binary are the same to the leg; an echo has to tell them.
        path, ws = link._path, link._ws  # pyright: ignore[reportPrivateUsage]
        echo_binary = _sender(nursery, ws.send_message)
        wait_and_send = _sender(nursery, link.send)

        def echo_texts(texts: list[bytes]) -> None:
            for text in texts:
                if not link.offer(text):
                    wait_and_send(text)

        try:
            await path.run(ws, echo_texts, echo_binary)
        except ConnectionClosed:
            await _leave(link)
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


async def _open(nursery: trio.Nursery, url: str, *, fast: bool) -> ModelLink:
    endpoint = Endpoint(url, fast_path=fast)
    stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
    return await open_link(nursery, stream, endpoint)


async def _leave(link: ModelLink) -> None:
    with trio.move_on_after(_GOODBYE_S):
        await link.aclose(1000, "")


def _sender(
    nursery: trio.Nursery, send: Callable[[_M], Awaitable[None]]
) -> Callable[[_M], None]:
    """Something that sends in order and never waits."""
    posting, posted = trio.open_memory_channel[_M](_QUEUE_MESSAGES)

    async def keep_sending() -> None:
        with suppress(*_GONE):
            async for message in posted:
                await send(message)

    nursery.start_soon(keep_sending)
    return posting.send_nowait


def _str(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()


def _post_all(link: Link[bytes], texts: list[bytes]) -> None:
    for text in texts:
        link.post(text)


def _one_text(text: bytes) -> list[bytes]:
    return [text]


def _no_audio(_: bytes) -> float:
    return 0
