from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest
import trio
from typing_extensions import override

from tests.paths import an_endpoint
from tests.peers.model import ScriptedSession, scripted_model
from trio_sts.errors import BadMessage, LegClosed, LegSilent
from trio_sts.legs import dial
from trio_sts.legs.dial import open_stream
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.model import ModelLeg, open_model
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.legs.setup import set_up
from trio_sts.wire.realtime import events, requests
from trio_sts.wire.realtime.session import SessionConfig

CONFIG = SessionConfig("Be brief.")


@asynccontextmanager
async def talking() -> AsyncGenerator[tuple[ModelLeg, ScriptedSession], None]:
    """A leg that is set up, and the endpoint's end of it."""
    async with scripted_model() as model, open_model(an_endpoint(model.url)) as leg:
        await set_up(leg, CONFIG, RefusedFields())
        yield leg, await model.next_session()


def ignore(event: events.ServerEvent | BadMessage) -> None:
    """Nobody reads this."""


async def end_of(
    leg: ModelLeg, got: list[events.ServerEvent | BadMessage] | None = None
) -> LegClosed:
    """Run a leg to its end."""
    with pytest.raises(LegClosed) as caught:
        await leg.run(([] if got is None else got).append)
    return caught.value


class Mutable(trio.abc.Stream):
    """A connection that can go dead without anybody being told."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.is_deaf = False
        self.is_stuck = False
        self.cuts_next = False
        self.is_closed = False

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.cuts_next:
            self.cuts_next = False
            await self.stream.send_all(data[: len(data) // 2])
            await trio.sleep_forever()
        if self.is_stuck:
            await trio.sleep_forever()
        if not self.is_deaf:
            await self.stream.send_all(data)

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    @override
    async def aclose(self) -> None:
        self.is_closed = True
        await self.stream.aclose()


@asynccontextmanager
async def failing() -> AsyncGenerator[tuple[ModelLeg, Mutable, ScriptedSession], None]:
    """A leg that is set up, over a connection that can go dead."""
    wires: list[Mutable] = []

    async def open_mutable(endpoint: Endpoint) -> trio.abc.Stream:
        wires.append(Mutable(await open_stream(endpoint)))
        return wires[-1]

    async with scripted_model() as model:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dial, "open_stream", open_mutable)
            async with open_model(an_endpoint(model.url)) as leg:
                await set_up(leg, CONFIG, RefusedFields())
                yield leg, wires[0], await model.next_session()
        assert all(wire.is_closed for wire in wires)


async def test_events_go_both_ways_in_order() -> None:
    async with talking() as (leg, session):
        got: list[events.ServerEvent | BadMessage] = []
        leg.post(
            requests.AppendAudio(b"\1\2" * 480),
            requests.CreateMessage("user", "Hello"),
            requests.CreateResponse(),
            requests.AppendAudio(b"\3\4" * 480),
        )
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(bytes(24_000), "Good morning.")
            await response.call("avr_hangup", '{"a": 1}')
        await session.speech(transcript="Hello.")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.close, 1001, "over")
            closed = await end_of(leg, got)

        assert (closed.code, closed.reason) == (1001, "over")
        assert session.audio == b"\1\2" * 480 + b"\3\4" * 480
        assert session.types == [
            "session.update",
            "conversation.item.create",
            "response.create",
        ]
        names = [type(event).__name__ for event in got]
        assert names.count("AudioDelta") == 2
        assert names.index("ResponseCreated") < names.index("AudioDelta")
        assert names.index("ArgumentsDone") < names.index("ResponseDone")
        assert names[-1] == "TranscriptionCompleted"


async def test_a_malformed_event_is_handed_on_as_a_bad_message() -> None:
    async with talking() as (leg, session):
        got: list[events.ServerEvent | BadMessage] = []
        await session.send_raw("{")
        await session.send_raw(b'{"type": "response.done"}')
        await session.error("late")
        await session.close()
        await end_of(leg, got)

        assert [type(event) for event in got] == [
            BadMessage,
            BadMessage,
            events.ErrorEvent,
        ]


async def test_what_came_before_the_close_is_handed_on_before_the_leg_ends() -> None:
    async with talking() as (leg, session), trio.open_nursery() as endpoint:
        got: list[events.ServerEvent | BadMessage] = []
        for _ in range(10):
            await session.error("session_expired")
        endpoint.start_soon(session.close, 1001)
        # The writer meets the closed socket first, and must not end the leg.
        leg.post(requests.DeleteItem("item_1"))
        await trio.testing.wait_all_tasks_blocked()

        with pytest.RaisesGroup(LegClosed, LegClosed):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(leg.watch)
                nursery.start_soon(leg.run, got.append)

        assert len(got) == 10


@pytest.mark.parametrize("code", [1000, 1001])
async def test_the_endpoint_gets_what_was_posted_and_then_the_code(code: int) -> None:
    async with talking() as (leg, session):
        leg.post(requests.CreateFunctionOutput("call_1", "{}"))
        await leg.aclose(code, "bye")

        await session.closed.wait()
        assert session.types[-1] == "conversation.item.create"
        assert session.close_code == code
        with pytest.raises(LegClosed):
            await leg.run(ignore)


async def test_pumps_that_are_cancelled_leave_a_leg_that_can_say_goodbye() -> None:
    async with talking() as (leg, session):
        async with trio.open_nursery() as pumps:
            pumps.start_soon(leg.run, ignore)
            pumps.start_soon(leg.watch)
            leg.post(requests.AppendAudio(bytes(960)))
            await session.heard(960)
            pumps.cancel_scope.cancel()
        leg.post(requests.CreateFunctionOutput("call_1", "{}"))
        await leg.aclose(1001)

        await session.closed.wait()
        assert session.types[-1] == "conversation.item.create"
        assert session.close_code == 1001


async def test_leaving_the_block_closes_with_1000() -> None:
    async with scripted_model() as model:
        async with open_model(an_endpoint(model.url)):
            session = await model.next_connection()

        await session.closed.wait()
        assert session.close_code == 1000


async def test_an_error_of_the_block_comes_out_as_it_is_and_the_leg_is_closed() -> None:
    async with scripted_model() as model:

        async def call() -> None:
            async with open_model(an_endpoint(model.url)) as leg:
                await set_up(leg, CONFIG, RefusedFields())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await call()

        session = await model.next_connection()
        await session.closed.wait()
        assert session.close_code == 1000


async def test_a_call_that_is_cancelled_from_outside_says_goodbye(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted_model() as model:
        start = trio.current_time()
        with trio.CancelScope() as call:
            async with open_model(an_endpoint(model.url)) as leg:
                await set_up(leg, CONFIG, RefusedFields())
                call.cancel()
                await trio.sleep_forever()

        assert call.cancelled_caught
        # The handshake is shaken and not timed out.
        assert trio.current_time() == start
        session = await model.next_connection()
        await session.closed.wait()
        assert session.close_code == 1000


async def test_closing_twice_and_after_the_endpoint_is_harmless() -> None:
    async with talking() as (leg, session):
        await session.close(1011)
        assert (await end_of(leg)).code == 1011

        await leg.aclose(1000)
        await leg.aclose(1001)
        leg.post(requests.DeleteItem("item_1"))


async def test_an_endpoint_that_closes_is_not_kept_waiting_for_our_socket(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as (_, session):
        start = trio.current_time()
        await session.close(1001)

        assert trio.current_time() == start


async def test_a_connection_that_breaks_is_1006() -> None:
    async with talking() as (leg, session):
        await session.abort()

        assert (await end_of(leg)).code == 1006


async def test_an_event_that_is_too_big_is_1009() -> None:
    async with talking() as (leg, session):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.send_raw, "x" * (16 * 1024 * 1024 + 1))
            assert (await end_of(leg)).code == 1009
            nursery.cancel_scope.cancel()


async def test_an_endpoint_that_answers_pings_may_be_silent_for_an_hour(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with talking() as (leg, session):
        with trio.move_on_after(3600) as hour:
            await leg.run(ignore)

        assert hour.cancelled_caught
        assert not session.closed.is_set()


async def test_an_endpoint_that_answers_no_ping_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, _):
        wire.is_deaf = True
        start = trio.current_time()

        closed = await end_of(leg)
        assert isinstance(closed, LegSilent)
        assert closed.code == 1006
        assert trio.current_time() - start == pytest.approx(9.75, abs=0.3)
        assert wire.is_closed


async def test_an_endpoint_that_is_busy_and_answers_no_ping_is_not_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, session), trio.open_nursery() as nursery:
        wire.is_deaf = True
        nursery.start_soon(leg.run, ignore)
        for _ in range(12):
            await trio.sleep(9)
            await session.send_raw('{"type": "response.unknown"}')

        assert not wire.is_closed
        nursery.cancel_scope.cancel(reason="it was busy for long enough")


async def test_an_endpoint_is_heard_though_its_message_does_not_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, session), trio.open_nursery() as nursery:
        wire.is_deaf = True
        nursery.start_soon(leg.run, ignore)
        # The header of a text frame of 65,535 bytes, and a byte of it now and then.
        await session.send_bytes(b"\x81\x7e\xff\xff")
        for _ in range(12):
            await trio.sleep(9)
            await session.send_bytes(b" ")

        assert not wire.is_closed
        nursery.cancel_scope.cancel(reason="it was slow for long enough")


async def test_audio_that_a_broken_connection_refused_is_handed_back_in_order(
    autojump_clock: trio.testing.MockClock,
) -> None:
    frames = [bytes([n]) * 960 for n in range(1, 9)]
    async with failing() as (leg, wire, session):
        leg.post(requests.AppendAudio(frames[0]))
        await session.heard(960)
        wire.cuts_next = True
        for frame in frames[1:4]:
            leg.post(requests.AppendAudio(frame))
        leg.post(requests.DeleteItem("item_1"))
        await trio.testing.wait_all_tasks_blocked()
        await session.abort()
        leg.post(requests.AppendAudio(frames[4]))
        await end_of(leg)
        for frame in frames[5:]:
            leg.post(requests.AppendAudio(frame))

        assert leg.unsent_audio() == b"".join(frames[1:])
        assert session.audio == frames[0]
        for _ in range(1000):
            leg.post(requests.AppendAudio(bytes(960)))
        assert len(leg.unsent_audio()) <= 10_040 * 48


async def test_no_audio_is_lost_between_a_reset_and_its_notice() -> None:
    async with talking() as (leg, session):
        leg.post(requests.AppendAudio(b"\1" * 960))
        await session.heard(960)
        await session.reset()
        # Nothing has been read since, so nobody knows of it yet.
        posted = b""
        for n in range(2, 100):
            posted += bytes([n]) * 960
            leg.post(requests.AppendAudio(bytes([n]) * 960))
        assert (await end_of(leg)).code == 1006
        leg.post(requests.AppendAudio(b"\0" * 960))

        assert leg.unsent_audio() == posted + b"\0" * 960


async def test_audio_that_was_sent_is_not_handed_back() -> None:
    async with talking() as (leg, session):
        leg.post(*[requests.AppendAudio(bytes(960))] * 400)
        await session.heard(400 * 960)
        await session.close(1001)
        await end_of(leg)

        assert leg.unsent_audio() == b""


async def test_an_endpoint_that_does_not_read_loses_old_audio_and_then_the_leg(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, _):
        wire.is_stuck = True
        start = trio.current_time()
        for _ in range(1500):
            leg.post(requests.AppendAudio(bytes(960)))

        # Of 30 s, 10 s wait and at most a frame is on its way.
        dropped_ms = leg._link.outbox.dropped_ms  # pyright: ignore[reportPrivateUsage]
        assert 19_980 <= dropped_ms <= 20_000
        assert (await end_of(leg)).code == 1006
        assert trio.current_time() - start <= 81


async def test_too_many_unsent_control_events_end_the_leg_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, _):
        wire.is_stuck = True
        start = trio.current_time()
        leg.post(*[requests.DeleteItem("item_1")] * 1002)

        assert (await end_of(leg)).code == 1006
        assert trio.current_time() == start


async def test_an_endpoint_that_never_answers_the_close_is_dropped_after_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, _):
        wire.is_deaf = True
        start = trio.current_time()
        await leg.aclose(1000)

        assert trio.current_time() - start == pytest.approx(0.75)
        assert wire.is_closed


async def test_a_stuck_endpoint_gets_no_more_than_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, session):
        wire.is_stuck = True
        leg.post(requests.DeleteItem("item_1"))
        start = trio.current_time()
        await leg.aclose(1000)

        assert trio.current_time() - start == pytest.approx(0.75)
        await session.closed.wait()
        assert session.close_code == 1006


async def test_no_close_frame_follows_half_a_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, session):
        wire.cuts_next = True
        with trio.move_on_after(1):
            await leg.ask(requests.CreateMessage("user", "Hello"))
        start = trio.current_time()
        await leg.aclose(1000)

        # Nobody could read a close frame any more: there is nothing to wait for.
        assert trio.current_time() == start
        await session.closed.wait()
        assert session.close_code == 1006


async def test_audio_that_was_not_sent_yet_does_not_hold_up_the_goodbye() -> None:
    async with talking() as (leg, session):
        leg.post(
            *[requests.AppendAudio(bytes(960))] * 400, requests.DeleteItem("item_1")
        )
        await leg.aclose(1000)

        await session.closed.wait()
        assert session.appends < 400
        assert session.types[-1] == "conversation.item.delete"
        assert session.close_code == 1000


async def test_a_closing_that_is_cancelled_still_closes_the_socket(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with failing() as (leg, wire, _):
        wire.is_deaf = True
        with trio.move_on_after(0.1):
            await leg.aclose(1000)

        assert wire.is_closed


async def test_a_hundred_calls_leave_neither_sockets_nor_tasks() -> None:
    async with scripted_model() as model:
        endpoint = an_endpoint(model.url)

        async def call(index: int) -> None:
            with suppress(ZeroDivisionError):
                async with open_model(endpoint) as leg:
                    await set_up(leg, CONFIG, RefusedFields())
                    session = model.sessions[-1]
                    if index % 4 == 0:
                        await leg.aclose(1000)
                    elif index % 4 == 1:
                        await session.abort()
                    elif index % 4 == 2:
                        await session.close(1011)
                    else:
                        raise ZeroDivisionError
            await model.sessions[-1].closed.wait()

        await call(0)
        process = psutil.Process()
        await trio.testing.wait_all_tasks_blocked()
        before = process.num_fds(), trio.lowlevel.current_statistics().tasks_living
        for index in range(100):
            await call(index)
        await trio.testing.wait_all_tasks_blocked(0.01)
        after = process.num_fds(), trio.lowlevel.current_statistics().tasks_living

        assert after == before
