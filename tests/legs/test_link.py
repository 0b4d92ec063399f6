from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
import trio_websocket
from attrs import define
from trio.testing import MockClock
from typing_extensions import override

from tests.paths import an_endpoint
from trio_sts.errors import LegClosed
from trio_sts.legs.fastpath.frames import Message
from trio_sts.legs.handshake import open_link
from trio_sts.legs.leg import Bounds
from trio_sts.legs.link import Link

ENDPOINT = an_endpoint("ws://model.example/v1/realtime?model=m", (("api-key", "k"),))


class Plain:
    """Messages that go out as they are."""

    def encode(self, message: Message) -> list[Message]:
        return [message]

    def audio_ms(self, message: Message) -> float:
        return 0


async def dialled(nursery: trio.Nursery, stream: trio.abc.Stream) -> Link[Message]:
    bounds = Bounds(max_message_bytes=1000, max_audio_ms=0, max_controls=10)
    return await open_link(nursery, stream, ENDPOINT, codec=Plain(), bounds=bounds)


@asynccontextmanager
async def linked() -> AsyncGenerator[
    tuple[Link[Message], trio_websocket.WebSocketConnection], None
]:
    """A link and the peer's WebSocket, over a wire in memory."""
    ours, theirs = trio.testing.memory_stream_pair()
    peers: list[trio_websocket.WebSocketConnection] = []
    async with trio.open_nursery() as nursery:

        async def accept() -> None:
            request = await trio_websocket.wrap_server_stream(nursery, theirs)
            assert request.path == "/v1/realtime?model=m"
            assert (b"api-key", b"k") in request.headers
            peers.append(await request.accept())

        async with trio.open_nursery() as handshake:
            handshake.start_soon(accept)
            link = await dialled(nursery, ours)
        yield link, peers[0]
        await link.drop()
        # Nothing of the link is left: the nursery ends by itself.
        with trio.fail_after(1):
            await peers[0].aclose()


async def test_messages_go_both_ways() -> None:
    async with linked() as (link, peer):
        await link.send(b"to the model")
        await peer.send_message("from the model")

        assert await peer.get_message() == "to the model"
        assert await link.receive() == "from the model"


async def test_the_peer_hears_our_code() -> None:
    async with linked() as (link, peer):
        await link.aclose(1001, "restarting")
        with pytest.raises(trio_websocket.ConnectionClosed) as caught:
            await peer.get_message()

        assert caught.value.reason is not None
        assert caught.value.reason.code == 1001
        assert caught.value.reason.reason == "restarting"


async def test_a_link_that_the_peer_closed_says_so_in_every_way() -> None:
    async with linked() as (link, peer):
        await peer.aclose(1011, "broken")

        with pytest.raises(LegClosed) as received:
            await link.receive()
        with pytest.raises(LegClosed):
            await link.send(b"too late")
        link.post(b"too late as well")
        assert link.why.code == 1011
        assert received.value.code == 1011
        assert received.value.reason == "broken"
        await link.aclose(1000, "")


async def test_a_refused_handshake_ends_nothing_but_itself() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:

        async def refuse() -> None:
            async with theirs, trio.open_nursery() as reader:
                request = await trio_websocket.wrap_server_stream(reader, theirs)
                await request.reject(403, body=b"no")
                reader.cancel_scope.cancel()

        nursery.start_soon(refuse)
        with pytest.raises(trio_websocket.ConnectionRejected) as caught:
            await dialled(nursery, ours)

        assert caught.value.status_code == 403
        assert caught.value.body == b"no"


async def test_a_peer_that_hangs_up_instead_of_answering_ends_the_wait() -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        await theirs.aclose()

        with pytest.raises(LegClosed):
            await dialled(nursery, ours)


async def test_a_handshake_that_is_given_up_leaves_no_task(
    autojump_clock: MockClock,
) -> None:
    ours, _ = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(10) as patience:
            await dialled(nursery, ours)

    assert patience.cancelled_caught
    assert trio.current_time() == pytest.approx(10)


@define(eq=False)
class ClosesLate(trio.abc.SendStream):
    """A wire whose closing takes a minute, whoever cancels it."""

    _wire: trio.abc.SendStream

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._wire.send_all(data)

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self._wire.wait_send_all_might_not_block()

    @override
    async def aclose(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(60)
        await self._wire.aclose()


async def test_a_socket_whose_closing_hangs_holds_up_a_hangup_for_1_s(
    autojump_clock: MockClock,
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    late = trio.StapledStream(ClosesLate(ours.send_stream), ours.receive_stream)
    async with trio.open_nursery() as nursery:

        async def accept() -> None:
            request = await trio_websocket.wrap_server_stream(nursery, theirs)
            await request.accept()

        nursery.start_soon(accept)
        link = await dialled(nursery, late)
        began = trio.current_time()
        await link.drop()
        assert trio.current_time() - began == pytest.approx(1)
