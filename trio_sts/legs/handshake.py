"""The WebSocket handshakes: answered on one side of a call, asked for on the other."""

import weakref
from typing import Any, Final, TypeVar, cast

import trio
from trio_websocket import WebSocketConnection, wrap_client_stream, wrap_server_stream

from .close_notice import CloseNotice
from .endpoint import Endpoint
from .leg import Bounds, Codec, ServerCodec
from .link import Link, start_link
from .transport import client_transport, server_transport

_M = TypeVar("_M")

HANDSHAKE_S: Final = 5.0
# How far above the leg's limit the library's is: a message between them is refused by
# the leg, with a notice.
_SLACK: Final = 4


async def accept_link(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    *,
    codec: ServerCodec[_M],
    bounds: Bounds,
    fast: bool,
    subprotocol: str | None = None,
    binary: bool = False,
) -> Link[_M]:
    """Answer a WebSocket handshake; the link owns ``stream`` from now on.

    Args:
        nursery: As in `start_link`.
        stream: The socket, from the first byte of the request.
        codec: What posted messages are on the wire, and what goes before a close code.
        bounds: How much the link holds.
        fast: Whether messages take the fast path.
        subprotocol: What the answer names, of those that the request offered.
        binary: Audio comes in binary messages: they take the fast path as text does.

    Raises:
        LegClosed: There was no handshake, or none within 5 s.
    """
    transport = server_transport(
        stream,
        fast=fast,
        max_message_bytes=bounds.max_message_bytes,
        binary=binary,
    )

    async def shake_hands(
        readers: trio.Nursery, below: trio.abc.Stream
    ) -> WebSocketConnection:
        notice = CloseNotice(below, codec.close_notice)
        with trio.fail_after(HANDSHAKE_S):
            request = await wrap_server_stream(
                readers,
                notice,
                message_queue_size=bounds.queue_messages,
                # Its own limit counts characters, of which there are no more than bytes.
                max_message_size=_SLACK * bounds.max_message_bytes,
                receive_buffer_size=bounds.receive_bytes,
            )
            ws = await request.accept(subprotocol=subprotocol)
        # The WebSocket holds the notice, which is asked only while that is there.
        seen = weakref.ref(ws)

        def closed_with() -> int | None:
            closed = None if (there := seen()) is None else there.closed
            return None if closed is None else int(closed.code)

        notice.closed_with = closed_with
        return ws

    return await start_link(
        nursery,
        transport,
        shake_hands,
        codec=codec,
        bounds=bounds,
        is_client=False,
    )


async def open_link(
    nursery: trio.Nursery,
    stream: trio.abc.Stream,
    endpoint: Endpoint,
    *,
    codec: Codec[_M],
    bounds: Bounds,
) -> Link[_M]:
    """Ask for a WebSocket; the link owns ``stream`` from now on.

    Args:
        nursery: As in `start_link`; the link outlives its cancellation.
        stream: What is connected to the endpoint, TLS and all.
        endpoint: Whom it leads to, and what the request carries.
        codec: What posted messages are on the wire.
        bounds: How much the link holds.

    Raises:
        ConnectionRejected: The peer answered with another HTTP status than 101.
        LegClosed: The peer closed the connection instead of answering.
    """
    transport = client_transport(
        stream, fast=endpoint.fast_path, max_message_bytes=bounds.max_message_bytes
    )

    async def shake_hands(
        readers: trio.Nursery, below: trio.abc.Stream
    ) -> WebSocketConnection:
        return await wrap_client_stream(
            readers,
            # Of a stream it uses what every stream has.
            cast("Any", below),
            endpoint.authority,
            endpoint.resource,
            extra_headers=[
                (name.encode(), text.encode()) for name, text in endpoint.headers
            ],
            message_queue_size=bounds.queue_messages,
            max_message_size=bounds.max_message_bytes,
            receive_buffer_size=bounds.receive_bytes,
        )

    return await start_link(
        nursery,
        transport,
        shake_hands,
        codec=codec,
        bounds=bounds,
        is_client=True,
    )
