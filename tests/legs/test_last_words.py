"""What goes on around our close frame, on real sockets and both paths."""

import json
from contextlib import suppress
from functools import partial

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto import WSConnection

from trio_sts.errors import LegClosed, LegSilent, PeerFault
from trio_sts.legs.caller import CallerLeg
from trio_sts.legs.http_head import read_head
from trio_sts.loop.reactor import run_reactor
from trio_sts.wire.avr import AgentAudio, Failure

from .fastpath_kit import REQUEST, frame, read_frames

FRAME = AgentAudio(bytes(320))
# Masked text that is no UTF-8; a reserved bit; an unmasked frame.
BROKEN = (
    frame(0x81, b"\xff\xfe", masked=True),
    frame(0xC1, b"{}", masked=True),
    frame(0x81, b"{}", masked=False),
)
PEERS = 60


@define
class Served:
    """The service's side of many legs, each of which sends an answer all the time."""

    fast: bool
    port: int = 0
    outcomes: list[Exception] = field(factory=list[Exception])

    async def leg(self, stream: trio.SocketStream) -> None:
        request = await read_head(stream)
        assert request is not None
        async with trio.open_nursery() as sockets:
            leg = await CallerLeg.accept(sockets, request[1], fast=self.fast)
            async with trio.open_nursery() as tasks:
                tasks.start_soon(self.speak, leg)
                try:
                    await leg.run(lambda _: None)
                except (LegClosed, PeerFault) as exc:
                    self.outcomes.append(exc)
                tasks.cancel_scope.cancel(reason="the leg is over")
            fault = self.outcomes[-1]
            code = 1000
            if isinstance(fault, PeerFault):
                code = fault.code
                leg.post(Failure(fault.reason_for_caller))
            with trio.move_on_after(2):
                await leg.aclose(code)
            sockets.cancel_scope.cancel(reason="the call is over")

    async def speak(self, leg: CallerLeg) -> None:
        while True:
            leg.post(*[FRAME] * 5)
            await trio.lowlevel.checkpoint()


async def hung(port: int) -> trio.SocketStream:
    """A peer that has shaken hands, by hand."""
    peer = await trio.open_tcp_stream("127.0.0.1", port)
    await peer.send_all(REQUEST)
    return peer


async def everything(peer: trio.SocketStream) -> list[tuple[int, bytes]]:
    """All frames up to the end of the connection."""
    got = b""
    with suppress(trio.BrokenResourceError):
        async for data in peer:
            got += data
    return read_frames(got.partition(b"\r\n\r\n")[2], masked=False)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("broken", BROKEN)
async def test_peers_that_break_the_protocol_during_an_answer_are_told_why(
    fast: bool, broken: bytes, nursery: trio.Nursery
) -> None:
    served = Served(fast)
    nursery.start_soon(run_reactor)
    listeners = await nursery.start(
        partial(trio.serve_tcp, served.leg, 0, host="127.0.0.1")
    )
    port = listeners[0].socket.getsockname()[1]
    told: list[tuple[str, int]] = []

    async def peer(index: int) -> None:
        async with await hung(port) as peer:
            await trio.sleep(0.001 * (index % 7))
            await peer.send_all(broken)
            frames = await everything(peer)
            closes = [payload for first, payload in frames if first == 0x88]
            texts = [json.loads(each) for first, each in frames if first == 0x81]
            errors = [text for text in texts if text["type"] == "error"]
            assert len(closes) == 1
            assert len(errors) == 1
            told.append((errors[0]["message"], int.from_bytes(closes[0][:2])))

    with trio.fail_after(60):
        await trio.lowlevel.checkpoint()
        for start in range(0, PEERS, 10):
            async with trio.open_nursery() as peers:
                for index in range(start, start + 10):
                    peers.start_soon(peer, index)
    assert len(told) == PEERS
    assert {code for _, code in told} <= {1002, 1007}


async def a_leg(
    nursery: trio.Nursery, *, fast: bool
) -> tuple[CallerLeg, trio.SocketStream]:
    """A leg on a real socket, and a peer that does nothing by itself."""
    legs: list[CallerLeg] = []
    accepted = trio.Event()

    async def accept(stream: trio.SocketStream) -> None:
        request = await read_head(stream)
        assert request is not None
        async with trio.open_nursery() as sockets:
            legs.append(await CallerLeg.accept(sockets, request[1], fast=fast))
            accepted.set()
            await trio.sleep_forever()

    listeners = await nursery.start(
        partial(trio.serve_tcp, accept, 0, host="127.0.0.1")
    )
    peer = await hung(listeners[0].socket.getsockname()[1])
    await accepted.wait()
    await peer.receive_some()
    return legs[0], peer


async def end_of(leg: CallerLeg) -> LegClosed | PeerFault:
    try:
        await leg.run(lambda _: None)
    except (LegClosed, PeerFault) as exc:
        return exc


@pytest.mark.parametrize("fast", [True, False])
async def test_a_caller_that_vanishes_is_noticed_within_ten_seconds(
    fast: bool, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    leg, peer = await a_leg(nursery, fast=fast)
    async with peer:
        await trio.sleep(3)
        await peer.send_all(frame(0x81, b"{}", masked=True))
        last_byte_at = trio.current_time()
        ended = await end_of(leg)

        assert isinstance(ended, LegSilent)
        assert 9 <= trio.current_time() - last_byte_at <= 10
        # It was asked, every 5 s.
        assert bytes(await peer.receive_some()).count(b"\x89\x00") == 2


@pytest.mark.parametrize("fast", [True, False])
async def test_a_caller_that_answers_pings_alone_is_not_gone(
    fast: bool, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    leg, peer = await a_leg(nursery, fast=fast)
    async with peer:
        nursery.start_soon(end_of, leg)
        start = trio.current_time()
        for count in range(1, 21):
            assert await peer.receive_some() == b"\x89\x00"
            assert trio.current_time() - start == pytest.approx(5 * count, abs=0.5)
            await peer.send_all(frame(0x8A, b"", masked=True))
        nursery.cancel_scope.cancel(reason="it was there for long enough")


@pytest.mark.parametrize("fast", [True, False])
async def test_a_process_that_was_stopped_gives_nobody_up_for_it(
    fast: bool, nursery: trio.Nursery, mock_clock: MockClock
) -> None:
    leg, peer = await a_leg(nursery, fast=fast)
    async with peer:
        outcomes: list[LegClosed | PeerFault] = []

        async def end() -> None:
            outcomes.append(await end_of(leg))

        nursery.start_soon(end)
        await wait_all_tasks_blocked()
        mock_clock.jump(60)
        await wait_all_tasks_blocked(0.01)

        assert not outcomes
        for _ in range(40):
            mock_clock.jump(0.5)
            await wait_all_tasks_blocked(0.001)
        assert isinstance(outcomes[0], LegSilent)
        nursery.cancel_scope.cancel(reason="it was given up in the end")


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("reads", ["reactor", "each reader by itself"])
async def test_what_comes_after_our_close_frame_is_not_parsed(
    fast: bool,
    reads: str,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[int] = []
    receive_data = WSConnection.receive_data

    def count(self: WSConnection, data: bytes | None) -> None:
        parsed.append(len(data or b""))
        receive_data(self, data)

    monkeypatch.setattr(WSConnection, "receive_data", count)
    if reads == "reactor":
        nursery.start_soon(run_reactor)
    leg, peer = await a_leg(nursery, fast=fast)
    async with peer, trio.open_nursery() as tasks:
        heard: list[object] = []
        tasks.start_soon(_run, leg, heard)
        await wait_all_tasks_blocked(0.01)
        parsed.clear()
        tasks.start_soon(leg.aclose, 1008)
        frames = b""
        while b"\x88" not in frames:
            frames += await peer.receive_some()
        # Half a message first, then faulty ones: the peer does not care where we are.
        await peer.send_all(b"\x82\xfe")
        for _ in range(50):
            await peer.send_all(frame(0x81, b"x", masked=True) * 20_000)
        with trio.fail_after(5):
            await peer.send_all(frame(0x88, b"\x03\xf0", masked=True))
            assert await peer.receive_some() == b""
    assert not heard
    assert parsed == []


async def _run(leg: CallerLeg, heard: list[object]) -> None:
    with suppress(LegClosed, PeerFault):
        await leg.run(heard.append)
