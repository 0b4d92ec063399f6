"""The caller leg against a WebSocket library that is not ours."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import psutil
import pytest
import trio
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked
from websockets.exceptions import ConnectionClosed

from tests.legs.leg_kit import Call, SlowStream, end, spelled
from tests.paths import accept_leg
from tests.peers.core import FakeCore, calling, silence
from trio_sts.errors import BadMessage, LegClosed, PeerFault
from trio_sts.legs.caller import CallerLeg, read_together
from trio_sts.wire.avr import (
    AgentAudio,
    CallerAudio,
    DtmfDigit,
    Failure,
    FromCore,
    Init,
    Interruption,
    Transcript,
)
from trio_sts.wire.avr_codec import encode_from_core
from trio_sts.wire.metadata import clean_metadata

URL = "ws://sts/talk?from=2000&to=5001&uuid=c-7"
FRAME = AgentAudio(bytes(320))


@asynccontextmanager
async def a_call(
    url: str = URL,
    wrap: Callable[[SlowStream], SlowStream] = lambda stream: stream,
) -> AsyncGenerator[tuple[FakeCore, Call, SlowStream]]:
    """A core, the call it placed, and the service's side of the socket."""
    ours, theirs = memory_stream_pair()
    slow = SlowStream(ours)
    async with trio.open_nursery() as nursery:
        legs: list[CallerLeg] = []

        async def accept() -> None:
            legs.append(await accept_leg(nursery, wrap(slow)))

        nursery.start_soon(accept)
        async with calling(url, stream=theirs) as core:
            await wait_all_tasks_blocked()
            call = Call(legs[0])
            nursery.start_soon(call.pump)
            yield core, call, slow
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_the_query_of_the_request_is_known() -> None:
    async with a_call() as (_, call, _):
        assert call.leg.query == "from=2000&to=5001&uuid=c-7"
        assert call.leg.uuid == "c-7"
        assert clean_metadata(call.leg.query)["to"] == "5001"
        assert "2000" not in repr(call.leg)
        assert "talk" not in repr(call.leg)


async def test_a_request_without_a_query_has_no_uuid() -> None:
    async with a_call("ws://sts") as (_, call, _):
        assert (call.leg.query, call.leg.uuid) == ("", None)


async def test_messages_arrive_in_order_and_faults_among_them() -> None:
    async with a_call() as (core, call, _):
        await core.init("call-1")
        await core.say(silence(40))
        await core.send("hello")
        await core.press("5")
        heard = await call.hears(5)
        assert heard[:3] == [Init("call-1"), *[CallerAudio(bytes(320))] * 2]
        assert isinstance(heard[3], BadMessage)
        assert heard[4] == DtmfDigit("5")


@given(
    st.lists(
        st.one_of(
            st.binary(min_size=320, max_size=320).map(CallerAudio),
            st.sampled_from("0123#").map(DtmfDigit),
        )
    )
)
def test_audio_that_arrives_together_is_joined_and_stays_in_its_place(
    sent: list[CallerAudio | DtmfDigit],
) -> None:
    heard: list[FromCore | BadMessage] = []

    read_together(heard.append, [encode_from_core(message) for message in sent])

    assert spelled(heard) == spelled(sent)
    most_bytes = max(
        (len(m.pcm) for m in heard if isinstance(m, CallerAudio)), default=0
    )
    assert most_bytes <= 1_600
    digits = sum(isinstance(message, DtmfDigit) for message in sent)
    assert len(heard) <= 2 * digits + 1 + len(sent) // 5


async def test_each_frame_is_one_message() -> None:
    async with a_call() as (core, call, _):
        call.leg.post(AgentAudio(b"\1" * 320 + b"\2" * 320), Transcript("user", "hi"))
        await core.wait_for("transcript")
        assert [each.pcm for each in core.of("audio")] == [b"\1" * 320, b"\2" * 320]
        assert core.received[-1].message["text"] == "hi"


async def test_an_interruption_overtakes_the_audio_that_waits() -> None:
    async with a_call() as (core, call, _):
        # The first is on its way at once, whatever comes after it.
        call.leg.post(Transcript("user", "0"))
        call.leg.post(FRAME, Transcript("user", "a"), FRAME, Interruption())
        call.leg.post(Transcript("agent", "b"))
        await core.wait_for(lambda each: each.message.get("text") == "b")
        assert [each.type for each in core.received] == [
            "transcript",
            "transcript",
            "interruption",
            "transcript",
        ]


async def test_core_hangs_up() -> None:
    async with a_call() as (core, call, _):
        await core.hang_up()
        await wait_all_tasks_blocked()
        assert isinstance(call.outcome, LegClosed)
        assert call.outcome.code == 1000
        call.leg.post(FRAME)  # too late, and harmless
        await end(call, 1000)


async def test_core_vanishes() -> None:
    async with a_call() as (core, call, _):
        await core.vanish()
        await wait_all_tasks_blocked()
        assert isinstance(call.outcome, LegClosed)
        assert call.outcome.code == 1006
        await end(call, 1000)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_we_close_after_what_was_posted(code: int) -> None:
    async with a_call() as (core, call, _):
        call.leg.post(FRAME, Failure("sorry"))
        await call.leg.aclose(code, "\u00fc" * 100)
        assert await core.wait_closed() == code
        assert core.close_reason == "\u00fc" * 61
        *before, last = [each.type for each in core.received]
        assert last == "error"
        assert before in (["audio"], ["audio"] * 2)
        assert isinstance(call.outcome, LegClosed)


async def test_closing_twice_is_harmless() -> None:
    async with a_call() as (core, call, _):
        await call.leg.aclose(1001)
        await call.leg.aclose(1011)
        assert await core.wait_closed() == 1001


async def test_a_binary_message_is_told_and_closed_with_1003() -> None:
    async with a_call() as (core, call, _):
        await core.send(b"{}")
        await fail_politely(call, 1003)
        assert await core.wait_closed() == 1003
        assert core.of("error")


@pytest.mark.parametrize("text", ["x" * 65_537, "\u20ac" * 21_846])
async def test_a_long_message_is_told_and_closed_with_1009(text: str) -> None:
    async with a_call() as (core, call, _):
        await core.send(text)
        await fail_politely(call, 1009)
        assert await core.wait_closed() == 1009
        assert core.of("error")


async def test_64_kib_are_not_too_much() -> None:
    async with a_call() as (core, call, _):
        await core.send("x" * 65_536)
        assert isinstance((await call.hears(1))[0], BadMessage)


async def test_a_message_without_end_is_not_received_and_closed_with_1009(
    autojump_clock: MockClock,
) -> None:
    async with a_call() as (core, call, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(core.send, "x" * 900_000)
            await wait_all_tasks_blocked()
            await fail_politely(call, 1009)
        assert await core.wait_closed() == 1009
    assert trio.current_time() == 0  # nobody had to wait for the other


async def test_a_message_without_end_on_a_real_socket_is_closed_with_1009(
    nursery: trio.Nursery,
) -> None:
    async def serve(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as holding:
            call = Call(await accept_leg(holding, stream))
            await call.pump()
            await end(call, 1009)

    listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
    async with calling(
        f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    ) as core:
        with suppress(ConnectionClosed):
            await core.send("x" * 1_000_000)
        assert await core.wait_closed() == 1009


async def fail_politely(call: Call, code: int) -> None:
    await wait_all_tasks_blocked()
    assert isinstance(call.outcome, PeerFault)
    assert call.outcome.code == code
    call.leg.post(Failure(call.outcome.reason_for_caller))
    await end(call, code)


async def test_a_peer_that_does_not_read_is_given_up_after_the_stall(
    autojump_clock: MockClock,
) -> None:
    async with a_call() as (core, call, slow):
        slow.open = trio.Event()
        started = trio.current_time()
        for _ in range(400):
            call.leg.post(FRAME)
            await core.say(silence(20))  # it does send
            await trio.sleep(0.02)
            if call.outcome:
                break
        assert trio.current_time() - started == pytest.approx(5, abs=0.05)
        assert isinstance(call.outcome, PeerFault)
        assert call.outcome.code == 1008
        call.leg.post(Failure(call.outcome.reason_for_caller))
        started = trio.current_time()
        await end(call, 1008)
        assert trio.current_time() - started == pytest.approx(2)
        assert await core.wait_closed() == 1006  # nothing could be said to it


async def test_a_peer_that_reads_again_learns_why_it_was_given_up(
    autojump_clock: MockClock,
) -> None:
    async with a_call() as (core, call, slow):
        slow.open = trio.Event()
        call.leg.post(*[FRAME] * 10)
        await trio.sleep(5.1)
        assert isinstance(call.outcome, PeerFault)
        call.leg.post(Failure(call.outcome.reason_for_caller))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end, call, 1008)
            await trio.sleep(1)
            slow.open.set()
        assert await core.wait_closed() == 1008
        # One frame was torn in two by the stall and is whole again.
        *before, last = [each.type for each in core.received]
        assert last == "error"
        assert before in (["audio"], ["audio"] * 2)


async def test_a_cancelled_call_does_not_tear_a_message() -> None:
    async with a_call() as (core, call, slow):
        slow.open = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.leg.watch)
            call.leg.post(FRAME)
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel(reason="the call was cancelled")
        slow.open.set()
        await end(call, 1001)
        assert await core.wait_closed() == 1001
        assert core.audio == FRAME.pcm


async def test_a_peer_that_asks_for_pongs_while_we_close_does_no_harm() -> None:
    async with a_call() as (core, call, slow):
        slow.open = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end, call, 1000)
            await wait_all_tasks_blocked()
            await core.ws.ping()
            await wait_all_tasks_blocked()
            slow.open.set()
        # It is not answered: nothing follows our close frame.
        assert await core.wait_closed() == 1000


async def test_too_many_words_for_a_stuck_peer_end_its_leg(
    autojump_clock: MockClock,
) -> None:
    async with a_call() as (_, call, slow):
        slow.open = trio.Event()
        call.leg.post(*[Transcript("agent", "again")] * 300)
        await wait_all_tasks_blocked()
        assert isinstance(call.outcome, PeerFault)
        assert call.outcome.code == 1008
        await end(call, 1008)


async def test_every_byte_goes_through_what_is_wrapped_around_the_socket() -> None:
    taps: list[SlowStream] = []

    def wrap(stream: SlowStream) -> SlowStream:
        taps.append(SlowStream(stream))
        return taps[0]

    async with a_call(wrap=wrap) as (core, call, _):
        taps[0].open = trio.Event()
        call.leg.post(FRAME)
        await wait_all_tasks_blocked()
        assert not core.received
        taps[0].open.set()
        await core.wait_for("audio")


async def test_a_call_over_tls() -> None:
    ca = trustme.CA()
    ours, theirs = memory_stream_pair()
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with ca.issue_cert("sts").private_key_and_cert_chain_pem.tempfile() as path:
        server_tls.load_cert_chain(path)
    client_tls = ssl.create_default_context(cadata=ca.cert_pem.bytes().decode())
    stream = trio.SSLStream(ours, server_tls, server_side=True, https_compatible=True)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer, stream)
        async with calling("wss://sts/", stream=theirs, ssl=client_tls) as core:
            await core.init("hang up")
            assert await core.wait_closed() == 1000


async def test_no_handshake_is_a_closed_leg(autojump_clock: MockClock) -> None:
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        await theirs.send_all(b"GET / HTTP/1.1\r\nHost: sts\r\n\r\n")
        with pytest.raises(LegClosed):
            await accept_leg(nursery, ours)
    assert trio.current_time() <= 5
    with pytest.raises(trio.ClosedResourceError):
        await ours.send_all(b"x")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=10))
@settings(max_examples=50, deadline=None)
def test_garbage_on_an_open_leg_ends_that_leg_and_nothing_else(
    chunks: list[bytes],
) -> None:
    async def main() -> None:
        async with a_call() as (core, call, _):
            for chunk in chunks:
                try:
                    await core.ws.stream.send_all(chunk)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    break
            await wait_all_tasks_blocked()
            await end(call, 1011)
            with trio.fail_after(5):
                await core.ws.wait_closed()

    trio.run(main, clock=MockClock(autojump_threshold=0))


async def answer(stream: trio.abc.Stream) -> None:
    async with trio.open_nursery() as nursery:
        call = Call(await accept_leg(nursery, stream))
        async with trio.open_nursery() as pumping:
            pumping.start_soon(call.pump)
            if await call.hears(1) == [Init("hang up")]:
                pumping.cancel_scope.cancel(reason="enough")
        await end(call, 1000)


async def place(index: int, url: str) -> None:
    async with calling(url) as core:
        await core.init("hang up" if index % 2 else "wait")
        if index % 2:
            assert await core.wait_closed() == 1000
        elif index % 4:
            await core.hang_up()
        else:
            await core.vanish()


async def test_a_hundred_calls_leave_nothing_open(nursery: trio.Nursery) -> None:
    """Real sockets; some hang up, some are hung up, some vanish."""
    process = psutil.Process()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    async with trio.open_nursery() as handlers:
        serve = partial(trio.serve_listeners, handler_nursery=handlers)
        await nursery.start(serve, answer, listeners)
        before = process.num_fds()
        for _ in range(10):
            async with trio.open_nursery() as calls:
                for index in range(10):
                    calls.start_soon(place, index, url)
        with trio.fail_after(5):
            await trio.lowlevel.checkpoint()
            while handlers.child_tasks:
                await wait_all_tasks_blocked(0.001)
        assert process.num_fds() == before


async def test_a_core_that_stops_reading_is_noticed_on_a_real_socket(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    calls: list[Call] = []

    async def serve(stream: trio.SocketStream) -> None:
        async with trio.open_nursery() as holding:
            call = Call(await accept_leg(holding, stream))
            calls.append(call)
            holding.start_soon(call.pump)
            while call.outcome is None:
                call.leg.post(*[FRAME] * 50)
                await trio.sleep(1)
            await end(call, 1008)

    listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
    async with calling(
        f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    ) as core:
        core.stop_reading()
        # The kernel holds some minutes of audio before it says that it is full.
        with trio.move_on_after(3600):  # noqa: ASYNC912
            while not calls or calls[0].outcome is None:
                await core.say(bytes(320))
                await trio.sleep(1)
    assert isinstance(calls[0].outcome, PeerFault)
    assert calls[0].outcome.code == 1008
