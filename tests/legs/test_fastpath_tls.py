"""The tap over TLS, as a client, against a server of other libraries."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import pytest
import trio
import trustme
from trio.testing import assert_checkpoints, wait_all_tasks_blocked
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
    wrap_server_stream,
)
from typing_extensions import override

from trio_sts.legs.fastpath.tap import FrameTap
from trio_sts.legs.fastpath.tls import TlsStream

from .fastpath_kit import answer_to, unsent_bytes
from .test_fastpath_tap import socket_pair

Tls = TlsStream | trio.SSLStream[trio.SocketStream]
_BIG = "b" * 300_000


@pytest.fixture(name="authority", scope="module")
def _authority() -> trustme.CA:
    return trustme.CA()


def contexts(
    trusted: trustme.CA, issuer: trustme.CA
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's."""
    client = ssl.create_default_context()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # trustme names a class of another library that may be missing.
    trusted.configure_trust(client)  # pyright: ignore[reportUnknownMemberType]
    issuer.issue_cert("model.test").configure_cert(server)  # pyright: ignore[reportUnknownMemberType]
    return client, server


def ours(socket: trio.SocketStream, context: ssl.SSLContext) -> TlsStream:
    return TlsStream(socket, context, server_hostname="model.test")


def trios(socket: trio.SocketStream, context: ssl.SSLContext) -> Tls:
    return trio.SSLStream(
        socket, context, server_hostname="model.test", https_compatible=True
    )


@asynccontextmanager
async def tls_pair(
    authority: trustme.CA,
    client: Callable[[trio.SocketStream, ssl.SSLContext], Tls] = ours,
) -> AsyncGenerator[tuple[Tls, trio.SSLStream[trio.SocketStream]]]:
    """A client of TLS, and a server that Trio's own stream is."""
    at_client, at_server = contexts(authority, authority)
    dialled, accepted = await socket_pair()
    with trio.fail_after(20):
        async with dialled, accepted:
            near = client(dialled, at_client)
            far = trio.SSLStream(
                accepted, at_server, server_side=True, https_compatible=True
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(near.do_handshake)
                await far.do_handshake()
            yield near, far


async def _echo(far: trio.abc.Stream) -> None:
    async with trio.open_nursery() as nursery:
        request = await wrap_server_stream(nursery, far)
        ws = await request.accept()
        with suppress(ConnectionClosed):
            while True:
                await ws.send_message(await ws.get_message())


async def _dial(nursery: trio.Nursery, tap: FrameTap) -> WebSocketConnection:
    ws = await wrap_client_stream(nursery, cast("Any", tap), "model.test", "/")
    nursery.start_soon(tap.drain)
    return ws


@pytest.mark.parametrize("client", [ours, trios])
async def test_texts_of_all_sizes_come_back_as_they_went(
    reading: None,
    authority: trustme.CA,
    client: Callable[[trio.SocketStream, ssl.SSLContext], Tls],
) -> None:
    said = ["short", "ü☎", "m" * 1400, _BIG, ""]
    heard: list[str | bytes] = []
    enough = trio.Event()

    def hear(texts: list[bytes]) -> None:
        heard.extend(text.decode() for text in texts)
        if len(heard) == len(said):
            enough.set()

    async with tls_pair(authority, client) as (near, far):
        tap = FrameTap.over(near, server=False, max_message_bytes=1 << 20)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_echo, far)
            ws = await _dial(nursery, tap)

            async def listen() -> None:
                with suppress(ConnectionClosed):
                    await tap.run(
                        ws.get_message, on_texts=hear, on_message=heard.append
                    )

            nursery.start_soon(listen)
            for text in said:
                if not tap.offer(text.encode()):
                    await tap.send(text.encode())
            await enough.wait()
            await ws.aclose(1001)
            nursery.cancel_scope.cancel(reason="heard")

    assert heard == said


async def test_a_peer_that_reads_late_gets_everything_whole(
    reading: None,
    authority: trustme.CA,
) -> None:
    async with tls_pair(authority) as (near, far):
        tap = FrameTap.over(near, server=False, max_message_bytes=1000)
        sent = 0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tap.drain)
            while tap.offer(_BIG.encode()):
                sent += 1
            assert unsent_bytes(tap)
            assert not tap.closing
            await wait_all_tasks_blocked()
            nursery.start_soon(tap.send, b"the last")
            size = sent * (len(_BIG) + 14) + len("the last") + 6
            got = 0
            while got < size:
                got += len(await far.receive_some())
            await wait_all_tasks_blocked()
            assert not unsent_bytes(tap)
            nursery.cancel_scope.cancel(reason="received")

        assert got == size


async def test_it_is_a_stream_without_a_tap_too(
    reading: None, authority: trustme.CA
) -> None:
    async with tls_pair(authority) as (near, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_all, _BIG.encode())
            got = b""
            while len(got) < len(_BIG):
                got += await far.receive_some()
            assert got == _BIG.encode()
        await near.wait_send_all_might_not_block()

        await far.send_all(b"abc")
        assert await near.receive_some(2) == b"ab"
        assert await near.receive_some(2) == b"c"


async def test_the_peers_farewell_is_the_end_and_so_is_its_absence(
    reading: None,
    authority: trustme.CA,
) -> None:
    async with tls_pair(authority) as (near, far):
        await far.send_all(b"last")
        await far.aclose()
        assert [await near.receive_some() for _ in range(3)] == [b"last", b"", b""]
        await near.aclose()
        with pytest.raises(trio.ClosedResourceError):
            await near.send_all(b"x")
    async with tls_pair(authority) as (near, far):
        await far.transport_stream.aclose()
        assert await near.receive_some() == b""


async def test_bytes_that_are_no_tls_are_a_broken_connection(
    reading: None,
    authority: trustme.CA,
) -> None:
    async with tls_pair(authority) as (near, far):
        await far.transport_stream.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(trio.BrokenResourceError):
            await near.receive_some()


async def test_a_certificate_of_somebody_else_is_refused(
    reading: None,
    authority: trustme.CA,
) -> None:
    stranger = trustme.CA()
    context, at_server = contexts(stranger, authority)
    dialled, accepted = await socket_pair()
    far = TlsStream(accepted, at_server, server_side=True)
    with trio.fail_after(20):
        async with dialled, accepted, trio.open_nursery() as nursery:

            async def serve() -> None:
                with pytest.raises(trio.BrokenResourceError):
                    await far.do_handshake()

            nursery.start_soon(serve)
            with pytest.raises(trio.BrokenResourceError) as caught:
                await ours(dialled, context).do_handshake()

    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


class _Together(trio.abc.Stream):
    """A socket that holds back what is sent once it is told to, and sends it as one."""

    def __init__(self, socket: trio.SocketStream) -> None:
        self.socket = socket
        self.held: bytes | None = None

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.held is None:
            await self.socket.send_all(data)
        else:
            self.held += bytes(data)
            await trio.lowlevel.checkpoint()

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self.socket.wait_send_all_might_not_block()

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.socket.receive_some(max_bytes)

    @override
    async def aclose(self) -> None:
        await self.socket.aclose()


@pytest.mark.parametrize("client", [ours, trios])
@pytest.mark.parametrize("last", ["close_notify", "no TLS at all"])
async def test_data_and_the_end_in_one_segment_are_both_read(
    reading: None,
    authority: trustme.CA,
    client: Callable[[trio.SocketStream, ssl.SSLContext], Tls],
    last: str,
) -> None:
    at_client, at_server = contexts(authority, authority)
    dialled, accepted = await socket_pair()
    heard: list[bytes] = []
    together = _Together(accepted)
    far = trio.SSLStream(together, at_server, server_side=True)
    with trio.fail_after(20):
        async with dialled, accepted, trio.open_nursery() as nursery:
            near = client(dialled, at_client)
            nursery.start_soon(near.do_handshake)
            await far.do_handshake()
            tap = FrameTap.over(near, server=False, max_message_bytes=1 << 20)
            nursery.start_soon(_answer_one, far)
            ws = await _dial(nursery, tap)
            ended = trio.Event()

            async def listen() -> None:
                with suppress(ConnectionClosed):
                    await tap.run(
                        ws.get_message, on_texts=heard.extend, on_message=print
                    )
                ended.set()

            nursery.start_soon(listen)
            await wait_all_tasks_blocked(0.01)
            together.held = b""
            await far.send_all(b"\x81\x04last")
            if last == "close_notify":
                # It waits for ours, and the socket stays open.
                nursery.start_soon(_unwrap, far)
                await wait_all_tasks_blocked(0.01)
            else:
                together.held += b"HTTP/1.1 500 Oh\r\n\r\n"
            await accepted.send_all(together.held)
            # Nothing else is sent, and the socket stays open.
            await ended.wait()
            assert heard == [b"last"]
            nursery.cancel_scope.cancel(reason="the end was noticed")


async def _answer_one(far: trio.abc.Stream) -> None:
    await far.send_all(answer_to(bytes(await far.receive_some())))


async def _unwrap(far: trio.SSLStream[Any]) -> None:
    with suppress(trio.BrokenResourceError):
        await far.unwrap()


async def test_who_reads_on_at_the_end_holds_up_nobody(
    reading: None,
    authority: trustme.CA,
) -> None:
    async with tls_pair(authority) as (near, far):
        await far.aclose()
        assert await near.receive_some() == b""
        with assert_checkpoints():
            assert await near.receive_some() == b""
