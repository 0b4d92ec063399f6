"""The tap as one end of a connection: its callbacks' faults, its end, its slow peer."""

import os
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from attrs import define, field
from trio.testing import (
    MockClock,
    lockstep_stream_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    wrap_server_stream,
)

from trio_sts.legs.fastpath.frames import Binary
from trio_sts.legs.fastpath.tap import FrameTap

from .fastpath_kit import REQUEST, frame, read_frames, unsent_bytes


def text(payload: bytes) -> bytes:
    return frame(0x81, payload, masked=True)


@define(eq=False)
class Call:
    """A tap as the server, and the raw peer that called it."""

    tap: FrameTap
    ws: WebSocketConnection
    peer: trio.abc.Stream
    heard: list[str | bytes] = field(factory=list[str | bytes])

    async def run(self) -> None:
        await self.tap.run(
            self.ws.get_message,
            on_texts=self.heard.extend,
            on_message=self.heard.append,
        )

    async def run_until_closed(self) -> None:
        with suppress(ConnectionClosed):
            await self.run()

    async def received(self) -> list[tuple[int, bytes]]:
        """Everything that the peer gets until its end."""
        got = bytearray()
        with suppress(trio.BrokenResourceError):
            async for data in self.peer:
                got += data
        return read_frames(bytes(got), masked=False)


@asynccontextmanager
async def calling(ours: trio.abc.Stream, peer: trio.abc.Stream) -> AsyncGenerator[Call]:
    tap = FrameTap.over(ours, server=True, max_message_bytes=1000)
    with trio.fail_after(20):
        async with ours, peer, trio.open_nursery() as nursery:
            await peer.send_all(REQUEST)
            request = await wrap_server_stream(nursery, tap)
            ws = await request.accept()
            assert (await peer.receive_some()).startswith(b"HTTP/1.1 101")
            nursery.start_soon(tap.drain)
            yield Call(tap, ws, peer)
            nursery.cancel_scope.cancel(reason="the test is over")


async def socket_pair() -> tuple[trio.SocketStream, trio.SocketStream]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listeners[0] as listener:
        port = listener.socket.getsockname()[1]
        dialled = await trio.open_tcp_stream("127.0.0.1", port)
        accepted = await listener.accept()
    return accepted, dialled


async def test_a_fault_of_the_callback_is_raised_by_run_and_leaves_the_close_code(
    reading: None,
) -> None:
    async with calling(*memory_stream_pair()) as call:

        def fail(texts: list[bytes]) -> None:
            raise ZeroDivisionError(texts[0])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.peer.send_all, text(b"one") + text(b"two"))
            with pytest.raises(ZeroDivisionError, match="one"):
                await call.tap.run(
                    call.ws.get_message, on_texts=fail, on_message=call.heard.append
                )
        assert call.ws.closed is None
        assert not call.heard

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.ws.aclose, 1011)
            assert (await call.peer.receive_some())[:4] == b"\x88\x02\x03\xf3"
            await call.peer.send_all(frame(0x88, b"\x03\xf3", masked=True))


async def test_a_fault_beats_a_cancellation_that_comes_with_it(reading: None) -> None:
    async with calling(*memory_stream_pair()) as call:
        with trio.CancelScope() as scope:

            def fail(texts: list[bytes]) -> None:
                scope.cancel(reason="the call is over")
                raise ZeroDivisionError

            async with trio.open_nursery() as nursery:
                nursery.start_soon(call.peer.send_all, text(b"one"))
                with pytest.raises(ZeroDivisionError):
                    await call.tap.run(
                        call.ws.get_message,
                        on_texts=fail,
                        on_message=call.heard.append,
                    )


async def test_messages_before_run_are_delivered_first_and_in_order(
    reading: None,
) -> None:
    async with calling(*memory_stream_pair()) as call:
        await call.peer.send_all(text(b"early") + text(b"second"))
        assert await call.tap.get_message(call.ws.get_message) == "early"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run)
            await wait_all_tasks_blocked()
            await call.peer.send_all(text(b"third"))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel(reason="heard")

    assert call.heard == ["second", b"third"]


async def test_no_callback_is_made_after_run_has_ended(reading: None) -> None:
    async with calling(*memory_stream_pair()) as call:
        with trio.move_on_after(0):
            await call.run()
        await call.peer.send_all(text(b"late"))
        await wait_all_tasks_blocked()

        assert not call.heard
        assert await call.ws.get_message() == "late"


async def test_no_callback_and_no_text_after_our_close_frame(reading: None) -> None:
    async with calling(*memory_stream_pair()) as call:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run_until_closed)
            await wait_all_tasks_blocked()
            assert call.tap.offer(b"before")
            nursery.start_soon(call.ws.aclose)
            await wait_all_tasks_blocked()

            assert call.tap.closing
            assert not call.tap.offer(b"behind")
            with pytest.raises(trio.ClosedResourceError):
                await call.tap.send(b"behind")
            await call.peer.send_all(text(b"late"))
            await call.peer.send_all(frame(0x88, b"\x03\xe8", masked=True))
            assert await call.received() == [(0x81, b"before"), (0x88, b"\x03\xe8")]

    assert not call.heard


async def test_a_close_frame_behind_another_frame_is_seen_as_it_is_sent(
    reading: None,
) -> None:
    async with calling(*memory_stream_pair()) as call:
        words = frame(0x81, b"why", masked=False)
        await call.tap.send_all(words)
        # The drain may have queued for a turn meanwhile, and an offer does not.
        await wait_all_tasks_blocked()
        assert call.tap.offer(b"between")
        early = call.tap.closing
        await call.tap.send_all(words + frame(0x88, b"\x03\xf0", masked=False))

        assert (early, call.tap.closing) == (False, True)
        assert not call.tap.offer(b"behind")


async def test_no_callback_and_no_text_after_the_peers_close_frame(
    reading: None,
) -> None:
    async with calling(*memory_stream_pair()) as call:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.run_until_closed)
            await wait_all_tasks_blocked()
            await call.peer.send_all(
                text(b"last") + frame(0x88, b"\x03\xe9", masked=True) + text(b"late")
            )
            await wait_all_tasks_blocked()
            assert not call.tap.offer(b"behind")

    assert call.heard == [b"last"]
    assert call.ws.closed
    assert call.ws.closed.code == 1001


async def test_frames_before_the_handshake_is_answered_are_not_lost(
    reading: None,
) -> None:
    ours, peer = memory_stream_pair()
    early = REQUEST + text(b"too early")
    tap = FrameTap.over(ours, server=True, max_message_bytes=1000, already_read=early)
    async with ours, peer, trio.open_nursery() as nursery:
        await peer.send_all(text(b"early"))
        request = await wrap_server_stream(nursery, tap)
        await wait_all_tasks_blocked()
        call = Call(tap, await request.accept(), peer)
        nursery.start_soon(call.run_until_closed)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel(reason="heard")

    # Which way each went is a matter of moments.
    assert [one if isinstance(one, str) else one.decode() for one in call.heard] == [
        "too early",
        "early",
    ]


async def test_a_stream_below_that_was_cut_is_never_written_again(
    reading: None,
) -> None:
    ours, peer = lockstep_stream_pair()
    tap = FrameTap.over(ours, server=True, max_message_bytes=1000)
    async with ours, peer:
        with trio.move_on_after(0.01):
            await tap.send_all(b"nobody reads this")
        with pytest.raises(trio.BrokenResourceError):
            await tap.send_all(b"nor this")


async def test_over_a_socket_texts_arrive_both_ways_and_in_order(reading: None) -> None:
    async with calling(*await socket_pair()) as call, trio.open_nursery() as nursery:
        nursery.start_soon(call.run_until_closed)
        await wait_all_tasks_blocked()
        for count in range(50):
            await call.peer.send_all(text(b"%d" % count))
            assert call.tap.offer(b"a%d" % count, b"b%d" % count)
        await call.peer.send_all(frame(0x88, b"\x03\xe8", masked=True))
        got = await call.received()

        assert got[:-1] == [
            (0x81, b"%c%d" % (letter, count)) for count in range(50) for letter in b"ab"
        ]
        assert got[-1] == (0x88, b"\x03\xe8")
        assert call.heard == [b"%d" % count for count in range(50)]


async def test_binary_messages_keep_their_place_among_texts(reading: None) -> None:
    async with calling(*await socket_pair()) as call:
        assert call.tap.offer(b"text", Binary(b"\xff" * 960))
        await call.tap.send(Binary(b""), b"text")
        await call.tap.aclose()

        assert await call.received() == [
            (0x81, b"text"),
            (0x82, b"\xff" * 960),
            (0x82, b""),
            (0x81, b"text"),
        ]


async def test_a_peer_that_does_not_read_is_seen_and_holds_up_one_write(
    reading: None,
) -> None:
    async with calling(*await socket_pair()) as call:
        big = bytes(200_000)
        refused = 0
        while not refused:
            refused += not call.tap.offer(big)
        assert 0 < unsent_bytes(call.tap) < len(big) + 20
        assert not call.tap.closing
        await wait_all_tasks_blocked()
        assert not call.tap.offer(b"small")

        with trio.move_on_after(0.01) as scope:
            await call.tap.send(b"waits")
        assert scope.cancelled_caught


async def test_what_a_slow_peer_has_not_taken_follows_without_another_message(
    reading: None,
) -> None:
    long = b"m" * (1 << 23)
    async with calling(*await socket_pair()) as call:
        await wait_all_tasks_blocked()
        assert call.tap.offer(long)
        assert unsent_bytes(call.tap)
        got = bytearray()
        while len(got) < len(long):
            got += await call.peer.receive_some()
        assert read_frames(bytes(got), masked=False) == [(0x81, long)]


async def test_every_byte_of_the_peer_is_a_sign_of_life(
    reading: None, mock_clock: MockClock
) -> None:
    async with calling(*await socket_pair()) as call, trio.open_nursery() as nursery:
        nursery.start_soon(call.run_until_closed)
        await wait_all_tasks_blocked()
        mock_clock.jump(5)
        assert call.tap.heard_at < trio.current_time()
        await call.peer.send_all(text(b"one")[:3])
        for _ in range(1000):
            await wait_all_tasks_blocked()
        assert call.tap.heard_at == trio.current_time()
        nursery.cancel_scope.cancel()


async def test_what_trio_websocket_sends_waits_behind_a_write_that_is_begun(
    reading: None,
) -> None:
    async with calling(*await socket_pair()) as call:
        big = bytes(3_000_000)
        assert call.tap.offer(big)
        assert unsent_bytes(call.tap)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.ws.pong, b"behind")
            await wait_all_tasks_blocked()
            nursery.start_soon(call.ws.aclose, 1001)
            await wait_all_tasks_blocked()
            assert not call.tap.offer(b"late")
            got = bytearray()
            while len(got) < len(big) + 10 + 8 + 4:
                got += await call.peer.receive_some()
            await call.peer.send_all(frame(0x88, b"\x03\xe9", masked=True))

        assert read_frames(bytes(got), masked=False) == [
            (0x81, big),
            (0x8A, b"behind"),
            (0x88, b"\x03\xe9"),
        ]
        assert not unsent_bytes(call.tap)
        assert call.tap.closing


async def test_a_cancelled_send_is_finished_whole_by_the_drain(reading: None) -> None:
    async with calling(*await socket_pair()) as call:
        big = bytes(3_000_000)
        with trio.move_on_after(0.01):
            await call.tap.send(big)
        assert unsent_bytes(call.tap)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.tap.send, b"next")
            got = bytearray()
            while len(got) < len(big) + 10 + 2 + 4:
                got += await call.peer.receive_some()

        assert read_frames(bytes(got), masked=False) == [(0x81, big), (0x81, b"next")]


async def test_a_connection_that_is_gone_refuses_texts_and_ends_run(
    reading: None,
) -> None:
    ours, peer = await socket_pair()
    async with calling(ours, peer) as call:
        # With this the peer's close is a reset.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await peer.aclose()
        with pytest.raises(ConnectionClosed):
            await call.run()

        assert call.ws.closed
        assert call.ws.closed.code == 1006
        assert not call.tap.offer(b"nobody")
        with pytest.raises((trio.BrokenResourceError, trio.ClosedResourceError)):
            await call.tap.send(b"nobody")


async def test_a_socket_closed_below_is_never_mistaken_for_its_successor(
    reading: None,
) -> None:
    ours, peer = await socket_pair()
    async with calling(ours, peer) as call:
        number = ours.socket.fileno()
        await ours.aclose()
        read_end, write_end = os.pipe()
        try:
            # The system gives the lowest free number, so one of these is the old one.
            assert number in (read_end, write_end)
            assert not call.tap.offer(b"stray")
            with pytest.raises(trio.ClosedResourceError):
                await call.tap.send_all(b"stray")
            os.set_blocking(read_end, False)
            with pytest.raises(BlockingIOError):
                os.read(read_end, 1)
        finally:
            os.close(read_end)
            os.close(write_end)


async def test_what_the_tap_holds_is_never_shown(reading: None) -> None:
    ours, peer = memory_stream_pair()
    tap = FrameTap.over(
        ours, server=True, max_message_bytes=1000, already_read=b"GET /?token=s3cret"
    )
    async with ours, peer:
        assert "s3cret" not in repr(tap)


async def test_texts_go_in_the_order_in_which_their_senders_asked(
    reading: None,
) -> None:
    asked: list[tuple[int, bytes]] = []
    async with calling(*await socket_pair()) as call:

        async def send(name: bytes) -> None:
            asked.append((0x81, name))
            await call.tap.send(name)

        for count in range(100):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(send, b"waits%d" % count)
                await trio.lowlevel.checkpoint()
                asked.append((0x81, b"offers%d" % count))
                if not call.tap.offer(asked[-1][1]):
                    await call.tap.send(asked[-1][1])
        await call.tap.aclose()

        assert await call.received() == asked
