"""What a faulty Asterisk gets at each stage of its call, beside one whose call goes on.

The same list as AVR Core's: `test_bad_input`, `test_bad_input_limits`, `test_faults`.
"""

import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock
from websockets.exceptions import ConnectionClosed

from tests.legs.fastpath_kit import frame
from tests.peers.asterisk import FakeAsterisk, dialling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model
from trio_sts.wire.asterisk import (
    CommandError,
    FlushMedia,
    HangUpChannel,
    MediaMarkProcessed,
    MediaStart,
    MediaXoff,
    MediaXon,
    Status,
    UnknownEvent,
)
from trio_sts.wire.asterisk_codec import encode_event

from .desk import loud
from .kit import log
from .service import Service, serving

MS_PCM = 48
QUIET = {"STS_SILENCE_PROMPT_S": "0"}
# Linger for no time: closing sends a reset.
AT_ONCE = struct.pack("ii", 1, 0)

Act = Callable[[FakeAsterisk], Awaitable[None]]


@frozen
class House:
    """A service in which one call goes on all the time."""

    service: Service
    model: ScriptedModel
    healthy: FakeAsterisk
    session: ScriptedSession

    @property
    def sockets(self) -> int:
        """Callers' sockets that are not closed."""
        calls = self.service.server._calls  # pyright: ignore[reportPrivateUsage]
        return len(calls._sockets)  # pyright: ignore[reportPrivateUsage]

    @asynccontextmanager
    async def another(
        self, stage: str
    ) -> AsyncGenerator[tuple[FakeAsterisk, ScriptedSession | None]]:
        """A call that has come to this stage."""
        url = f"{self.service.url}/media?uuid={stage.replace(' ', '-')}"
        begins = stage != "before MEDIA_START"
        async with dialling(url, begins=begins) as asterisk:
            session = None
            if begins:
                session = await self.model.next_session()
                await session.expect("response.create")
                await STAGES[stage](asterisk, session)
            yield asterisk, session

    async def ends(self, session: ScriptedSession | None, what: str) -> None:
        """The faulty call leaves nothing, and the other one goes on."""
        if session is not None:
            with trio.fail_after(15):
                await session.closed.wait()
            assert session.close_code == 1000, what
        for _ in range(1500):
            # It is closed in steps that nobody tells of.
            if self.sockets == 1:
                break
            await trio.sleep(0.01)
        assert self.sockets == self.service.server.calls == 1, what
        await goes_on(self.healthy, self.session)


async def goes_on(asterisk: FakeAsterisk, session: ScriptedSession) -> None:
    """Fail unless the model still hears the caller, and the caller the model."""
    heard = len(session.audio)
    await asterisk.say(bytes(200 * MS_PCM))
    await session.heard(heard + 190 * MS_PCM)
    before = asterisk.heard_ms
    async with session.response() as response:
        await response.say(loud(100), "Yes.")
    await asterisk.wait_heard(before + 100)
    # The last word was heard: nothing is interrupted by what comes next.
    await trio.sleep(0.2)


@asynccontextmanager
async def a_house(**environ: str) -> AsyncGenerator[House]:
    with log():
        async with (
            scripted_model() as model,
            serving(model.base_url, **QUIET, **environ) as service,
            dialling(f"{service.url}/media?uuid=healthy") as healthy,
        ):
            session = await model.next_session()
            await session.expect("response.create")
            await goes_on(healthy, session)
            yield House(service, model, healthy, session)
            assert not healthy.faults


async def ringing(_: FakeAsterisk, __: ScriptedSession) -> None:
    await trio.lowlevel.checkpoint()


async def greeting(asterisk: FakeAsterisk, session: ScriptedSession) -> None:
    async with session.response() as response:
        await response.say(loud(1000), "Hello.")
    await asterisk.wait_heard(100)


async def speaking(asterisk: FakeAsterisk, session: ScriptedSession) -> None:
    await goes_on(asterisk, session)
    await session.speech_started()
    await asterisk.say(loud(100))


async def barge_in(asterisk: FakeAsterisk, session: ScriptedSession) -> None:
    await greeting(asterisk, session)
    await session.speech_started()
    await asterisk.wait_for(FlushMedia)


STAGES: dict[str, Callable[[FakeAsterisk, ScriptedSession], Awaitable[None]]] = {
    "ringing": ringing,
    "greeting": greeting,
    "speaking": speaking,
    "barge-in": barge_in,
}


async def cut(asterisk: FakeAsterisk) -> None:
    await asterisk.vanish()


async def reset(asterisk: FakeAsterisk) -> None:
    stream = asterisk.ws.stream
    assert isinstance(stream, trio.SocketStream)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    await stream.aclose()


async def half_frame(asterisk: FakeAsterisk) -> None:
    whole = frame(0x82, bytes(960), masked=True)
    await asterisk.ws.stream.send_all(whole[:500])
    await asterisk.vanish()


async def hang_up(asterisk: FakeAsterisk) -> None:
    await asterisk.hang_up()


def sends(raw: bytes, times: int = 1) -> Act:
    """Send bytes, and take no notice of a peer that has had enough."""

    async def act(asterisk: FakeAsterisk) -> None:
        with suppress(
            ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError
        ):
            for _ in range(times):
                await asterisk.ws.stream.send_all(raw)

    return act


GONE: dict[str, tuple[Act, set[int]]] = {
    "cut": (cut, {1006}),
    "reset": (reset, {1006}),
    "half a frame and a cut": (half_frame, {1006}),
    "hang-up": (hang_up, {1000}),
}
# It hangs up at our HANGUP, if it has begun; or it is we who close.
BROKEN: dict[str, tuple[Act, set[int]]] = {
    "text of 70 kB": (sends(frame(0x81, b"x" * 70_000, masked=True)), {1000, 1009}),
    "media of 70 kB": (sends(frame(0x82, bytes(70_000), masked=True)), {1000, 1009}),
    "media of 4 MB": (sends(frame(0x82, bytes(4_000_000), masked=True)), {1000, 1009}),
    "an unknown frame": (sends(frame(0x83, b"x", masked=True)), {1000, 1002}),
    "no mask": (sends(frame(0x82, bytes(960), masked=False)), {1000, 1002}),
    "text that is none": (sends(frame(0x81, b"\xff\xfe", masked=True)), {1000, 1007}),
    "100 faulty events": (sends(frame(0x81, b"{", masked=True), 100), {1000, 1008}),
    "100 odd frames": (sends(frame(0x82, bytes(961), masked=True), 100), {1000, 1008}),
}


async def each_ends(stage: str, faults: Mapping[str, tuple[Act, set[int]]]) -> None:
    async with a_house() as house:
        for fault, (act, codes) in faults.items():
            async with house.another(stage) as (asterisk, session):
                await act(asterisk)
                assert await asterisk.wait_closed(15) in codes, fault
                await house.ends(session, fault)


@pytest.mark.parametrize("stage", ["before MEDIA_START", *STAGES])
async def test_a_leg_that_goes_at_any_stage_costs_no_other_call(
    swift_clock: MockClock, stage: str
) -> None:
    await each_ends(stage, GONE)


@pytest.mark.parametrize("stage", ["before MEDIA_START", "speaking"])
async def test_what_breaks_a_leg_costs_no_other_call(
    swift_clock: MockClock, stage: str
) -> None:
    await each_ends(stage, BROKEN)


async def test_a_leg_that_ends_behind_its_hangup_leaves_nothing(
    swift_clock: MockClock,
) -> None:
    async with a_house() as house:
        for fault, (act, _) in GONE.items():
            async with house.another("ringing") as (asterisk, session):
                assert session is not None
                asterisk.obeys_hangup = False
                async with session.response() as response:
                    await response.say(loud(300), "Goodbye.")
                    await response.call("avr_hangup", "{}")
                await asterisk.wait_for(HangUpChannel, within_s=20)
                assert asterisk.heard_ms == 300
                with suppress(ConnectionClosed):
                    await act(asterisk)
                await house.ends(session, fault)


async def silent_peer(house: House, events: bytes) -> None:
    """One that vanishes with no close once it has said this, and reads nothing."""
    port = house.service.port
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(
            b"GET /media?uuid=gone HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: media\r\n\r\n" + events
        )
        session = await house.model.next_session() if events else None
        await house.ends(session, "silent")


@pytest.mark.parametrize("begins", [True, False])
async def test_a_peer_that_has_vanished_is_noticed_and_costs_no_other_call(
    swift_clock: MockClock, begins: bool
) -> None:
    start = encode_event(MediaStart("e", "slin24", 960), "json")
    async with a_house() as house:
        since = trio.current_time()
        events = frame(0x81, start, masked=True) if begins else b""
        await silent_peer(house, events)
        assert trio.current_time() - since < 15


HARMLESS: dict[str, bytes] = {
    "no JSON": frame(0x81, b"{", masked=True),
    "the other form": frame(0x81, b"MEDIA_XOFF", masked=True),
    "no event": frame(0x81, b'{"command":"HANGUP"}', masked=True),
    "nested": frame(0x81, b"[" * 2_000, masked=True),
    "half a sample": frame(0x82, bytes(961), masked=True),
    "no samples": frame(0x82, b"", masked=True),
    "in pieces": frame(0x02, bytes(480), masked=True)
    + frame(0x89, b"ping", masked=True)
    + frame(0x80, bytes(480), masked=True),
    "no key": frame(0x81, b'{"event":"DTMF_END","digit":"55"}', masked=True),
    "a foreign mark": frame(
        0x81, encode_event(MediaMarkProcessed("x"), "json"), masked=True
    ),
    "a mark that was never sent": frame(
        0x81, encode_event(MediaMarkProcessed("999999"), "json"), masked=True
    ),
    "a mark in front of another": frame(
        0x81, encode_event(MediaMarkProcessed("1"), "json"), masked=True
    ),
    "MEDIA_START again": frame(
        0x81, encode_event(MediaStart("e", "ulaw", 160), "json"), masked=True
    ),
    "an unknown event": frame(
        0x81, encode_event(UnknownEvent("TOMORROW"), "json"), masked=True
    ),
    "a refused command": frame(
        0x81, encode_event(CommandError("no " * 1_000), "json"), masked=True
    ),
    "an answer to nothing": frame(0x81, encode_event(Status(7), "json"), masked=True),
    "XOFF and XON": frame(0x81, encode_event(MediaXoff(), "json"), masked=True) * 2
    + frame(0x81, encode_event(MediaXon(), "json"), masked=True) * 3,
    "a flood of media": frame(0x82, bytes(960), masked=True) * 500,
    "a flood of events": frame(
        0x81, encode_event(UnknownEvent("TOMORROW"), "json"), masked=True
    )
    * 500,
}


async def test_what_costs_only_itself_one_by_one(swift_clock: MockClock) -> None:
    async with a_house() as house:
        for fault, raw in HARMLESS.items():
            async with house.another("speaking") as (asterisk, session):
                assert session is not None
                await asterisk.ws.stream.send_all(raw)
                await goes_on(asterisk, session)
                assert not asterisk.faults, fault
                await asterisk.hang_up()
                await house.ends(session, fault)


@pytest.mark.parametrize("stage", STAGES)
async def test_what_costs_only_itself_all_at_once_at_each_stage(
    swift_clock: MockClock, stage: str
) -> None:
    async with a_house() as house:
        async with house.another(stage) as (asterisk, session):
            assert session is not None
            await asterisk.ws.stream.send_all(b"".join(HARMLESS.values()))
            # What is being said is heard, or was cut off.
            await trio.sleep(1.2)
            await goes_on(asterisk, session)
            assert not asterisk.faults
            await asterisk.hang_up()
            await house.ends(session, stage)


async def test_who_has_not_begun_does_not_hold_up_a_stop(
    swift_clock: MockClock,
) -> None:
    async with a_house() as house, house.another("before MEDIA_START") as (silent, _):
        since = trio.current_time()
        house.service.signal()
        assert await silent.wait_closed() == 1001
        assert trio.current_time() - since < 1.5
        # The one that talks goes on until the drain is over.
        await goes_on(house.healthy, house.session)


async def test_who_has_not_begun_gives_way(swift_clock: MockClock) -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_MAX_CALLS="1") as service,
        AsyncExitStack() as stack,
    ):
        url = f"{service.url}/media"
        # Twice as many as calls may wait, and the oldest is known to be late.
        waiting: list[FakeAsterisk] = []
        for _ in range(3):
            waiting.append(await stack.enter_async_context(dialling(url, begins=False)))
            await trio.sleep(1.1)
        assert await waiting[0].wait_closed() == 1001
        assert [each.close_code for each in waiting[1:]] == [None, None]


async def test_an_upgrade_is_refused_where_asterisk_is_off() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, STS_ASTERISK="off") as service,
    ):
        with pytest.raises(Exception, match="HTTP 400") as caught:
            async with dialling(f"{service.url}/media"):
                pass
        body = getattr(caught.value, "response").body  # noqa: B009
        assert b"STS_ASTERISK" in body
