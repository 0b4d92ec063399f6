"""Asterisk's own leg against a stand-in for its driver, on a library that is not ours."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import psutil
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from trio.testing import MockClock, memory_stream_pair, wait_all_tasks_blocked
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.legs.fastpath_kit import frame
from tests.legs.leg_kit import Call, SlowStream, end, spelled
from tests.paths import accept_asterisk
from tests.peers.asterisk import CHANNEL_ID, FakeAsterisk, dialling
from trio_sts.errors import BadMessage, LegClosed, PeerFault
from trio_sts.wire.asterisk import (
    AnswerChannel,
    CommandError,
    FlushMedia,
    Form,
    HangUpChannel,
    MarkMedia,
    MediaBufferingCompleted,
    MediaMarkProcessed,
    MediaStart,
    MediaXoff,
    MediaXon,
    QueueDrained,
    StartMediaBuffering,
    UnknownEvent,
)
from trio_sts.wire.asterisk_codec import encode_event
from trio_sts.wire.asterisk_media import FORMATS
from trio_sts.wire.avr import (
    AgentAudio,
    Answer,
    CallerAudio,
    DtmfDigit,
    Failure,
    FromCore,
    HangUp,
    Init,
    Interruption,
    MarkPlayed,
    QueueFree,
    QueueFull,
    Transcript,
    UnknownFromCore,
)
from trio_sts.wire.line import Line
from trio_sts.wire.metadata import clean_metadata

if TYPE_CHECKING:
    from trio_sts.legs.asterisk import AsteriskLeg

URL = "ws://sts/media?uuid=c-7&from=2000"
RATES = {
    "slin24": 24_000,
    "slin16": 16_000,
    "slin": 8_000,
    "ulaw": 8_000,
    "alaw": 8_000,
}


def a_start(codec: str = "slin24", *, frame_ms: int = 20) -> MediaStart:
    frame_bytes = FORMATS[codec].media_bytes(frame_ms)
    return MediaStart("e", codec, frame_bytes, channel_id="pbx-9", ptime=frame_ms)


@asynccontextmanager
async def a_call(
    url: str = URL,
    *,
    codec: str = "slin24",
    form: Form = "json",
    start: MediaStart | None = None,
) -> AsyncGenerator[tuple[FakeAsterisk, Call, SlowStream]]:
    """An Asterisk, the call it placed, and the service's side of the socket."""
    ours, theirs = memory_stream_pair()
    slow = SlowStream(ours)
    variables = {"SIPCALLID": "a@b"}
    async with trio.open_nursery() as nursery:
        legs: list[AsteriskLeg] = []

        async def accept() -> None:
            legs.append(await accept_asterisk(nursery, slow))

        nursery.start_soon(accept)
        async with dialling(
            url,
            stream=theirs,
            codec=codec,
            form=form,
            start=start,
            variables=variables,
        ) as asterisk:
            await wait_all_tasks_blocked()
            call = Call(legs[0])
            nursery.start_soon(call.pump)
            yield asterisk, call, slow
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def a_bare_peer() -> AsyncGenerator[tuple[ClientConnection, list[Exception]]]:
    """A peer that has said nothing yet, and what `AsteriskLeg.accept` raised."""
    ours, theirs = memory_stream_pair()
    raised: list[Exception] = []
    async with trio.open_nursery() as nursery:

        async def accept() -> None:
            try:
                await accept_asterisk(nursery, ours)
            except LegClosed as exc:
                raised.append(exc)

        nursery.start_soon(accept)
        offers = [Subprotocol("chat"), Subprotocol("media")]
        dial = connect(URL, stream=theirs, subprotocols=offers, ping_interval=None)
        async with dial as peer:
            assert peer.subprotocol == "media"
            yield peer, raised
        nursery.cancel_scope.cancel(reason="the test is over")


async def closed(peer: ClientConnection) -> tuple[int | None, list[str | bytes]]:
    """The close code, and what came before it."""
    came: list[str | bytes] = []
    with trio.fail_after(15), suppress(ConnectionClosed):
        while True:
            came.append(await peer.recv())
    await wait_all_tasks_blocked()
    return peer.close_code, came


async def test_what_is_known_of_the_call() -> None:
    async with a_call() as (_, call, _):
        assert call.leg.query == "uuid=c-7&from=2000"
        assert call.leg.uuid == "c-7"
        assert call.leg.variables == {"SIPCALLID": "a@b"}
        assert clean_metadata(call.leg.query)["from"] == "2000"
        assert await call.hears(1) == [Init("c-7")]
        assert not {"2000", "a@b", "c-7"} & set(repr(call.leg).split("'"))


async def test_without_a_call_id_of_the_dialplan_the_channels_own_is_it() -> None:
    async with a_call("ws://sts/media") as (_, call, _):
        assert call.leg.uuid == CHANNEL_ID
    start = MediaStart("trio", "slin", 320)
    async with a_call("ws://sts/media", codec="slin", start=start) as (_, call, _):
        assert len(call.leg.uuid or "") == 36
        assert await call.hears(1) == [Init(call.leg.uuid)]


@pytest.mark.parametrize(("codec", "rate_hz"), RATES.items())
async def test_the_line_is_as_wide_as_the_format_and_samples_pass_both_ways(
    codec: str, rate_hz: int
) -> None:
    media = FORMATS[codec]
    pcm = media.decode(bytes(range(256)) * (media.media_bytes(100) // 256 + 1))
    pcm = pcm[: 2 * rate_hz // 10]
    async with a_call(codec=codec) as (asterisk, call, _):
        assert call.leg.line == Line(rate_hz, reports_marks=True, awaits_answer=True)
        await asterisk.say(pcm)
        assert await call.hears_audio(len(pcm)) == pcm
        call.leg.post(Answer(), AgentAudio(pcm, 1))
        await asterisk.wait_heard(100)
        assert asterisk.heard == pcm
        assert (asterisk.queue.dropped_bytes, asterisk.faults) == (0, [])


@pytest.mark.parametrize("form", ["json", "plain"])
async def test_messages_arrive_in_order_and_faults_among_them(form: Form) -> None:
    async with a_call(form=form) as (asterisk, call, _):
        # What it reports is said here.
        asterisk.queue.paused = True
        call.leg.post(AgentAudio(bytes(960), 17))
        await asterisk.wait_for(MarkMedia)
        await asterisk.say(bytes(960))
        await asterisk.press("5")
        await asterisk.send(bytes(961))
        await asterisk.tell(MediaXoff(), MediaXon(), UnknownEvent("NEW"))
        await asterisk.tell(MediaMarkProcessed("17"), MediaMarkProcessed("x"))
        await asterisk.send(bytes(0))
        await asterisk.tell(QueueDrained(), MediaBufferingCompleted("f"))
        await asterisk.send("hello")
        heard = await call.hears(11)
        faults = [at for at, each in enumerate(heard) if isinstance(each, BadMessage)]
        assert faults == [3, 8, 10]
        assert [each for each in heard if not isinstance(each, BadMessage)] == [
            Init("c-7"),
            CallerAudio(bytes(960)),
            DtmfDigit("5"),
            QueueFull(),
            QueueFree(),
            UnknownFromCore("NEW"),
            MarkPlayed(17),
            CallerAudio(b""),
        ]


@pytest.mark.parametrize("form", ["json", "plain"])
async def test_commands_go_out_in_the_form_in_which_the_call_began(form: Form) -> None:
    async with a_call(form=form) as (asterisk, call, _):
        call.leg.post(Answer(), AgentAudio(bytes(4_800), 12))
        await asterisk.wait_for(MarkMedia)
        call.leg.post(Interruption(), HangUp())
        assert await asterisk.wait_closed() == 1000
        assert [each.command for each in asterisk.commands] == [
            AnswerChannel(),
            MarkMedia("12"),
            FlushMedia(),
            HangUpChannel(),
        ]
        assert not asterisk.faults


async def test_the_other_form_is_a_fault_and_the_call_goes_on() -> None:
    async with a_call(form="plain") as (asterisk, call, _):
        await asterisk.send('{"event":"DTMF_END","digit":"5"}')
        await asterisk.press("6")
        heard = await call.hears(3)
        assert isinstance(heard[1], BadMessage)
        assert heard[2] == DtmfDigit("6")


async def test_only_marks_that_are_awaited_reach_the_call() -> None:
    async with a_call() as (asterisk, call, _):
        asterisk.queue.paused = True
        call.leg.post(*(AgentAudio(bytes(960), mark) for mark in (1, 2, 3)))
        await asterisk.wait_received(60)
        # One that was passed over by a flush, one of before, one that is to come.
        for mark in ("2", "2", "1", "4", "0", "-3", "3" * 19, "3"):
            await asterisk.tell(MediaMarkProcessed(mark))
        heard = await call.hears(9)
        assert [each for each in heard if isinstance(each, MarkPlayed)] == [
            MarkPlayed(2),
            MarkPlayed(3),
        ]
        assert sum(isinstance(each, BadMessage) for each in heard) == 6


async def test_a_mark_is_reported_when_its_audio_was_played(
    autojump_clock: MockClock,
) -> None:
    async with a_call() as (asterisk, call, _):
        call.leg.post(
            Answer(), AgentAudio(bytes(4_800), 1), AgentAudio(bytes(4_800), 2)
        )
        since = trio.current_time()
        assert (await call.hears(2))[1] == MarkPlayed(1)
        # At the tick that takes the frame behind it.
        assert trio.current_time() - since == pytest.approx(0.12)
        assert (await call.hears(3))[2] == MarkPlayed(2)
        assert asterisk.heard_ms == 200


async def test_nothing_is_answered_before_the_call_says_so() -> None:
    async with a_call() as (asterisk, call, _):
        call.leg.post(Transcript("user", "hi"), Failure("no"))
        await wait_all_tasks_blocked()
        assert (asterisk.answered_at, asterisk.commands) == (None, [])
        call.leg.post(Answer())
        await asterisk.wait_for(AnswerChannel)


async def test_a_batch_is_never_longer_than_asterisk_takes() -> None:
    pcm = bytes(range(250)) * 400
    async with a_call() as (asterisk, call, _):
        call.leg.post(Answer(), AgentAudio(pcm[:96_000], 1))
        await asterisk.wait_received(2000)
        assert [len(each.pcm) for each in asterisk.received] == [65_280, 30_720]
        assert asterisk.queue.dropped_bytes == 0


@pytest.mark.parametrize("codec", ["slin24", "ulaw"])
async def test_frames_of_another_length_are_buffered_so_that_nothing_is_dropped(
    autojump_clock: MockClock, codec: str
) -> None:
    media = FORMATS[codec]
    start = a_start(codec, frame_ms=30)
    frame_20 = bytes(2 * media.rate_hz // 50)
    async with a_call(codec=codec, start=start) as (asterisk, call, _):
        # The second time behind the silence that follows a flush.
        for frames in (2, 5):
            call.leg.post(
                Answer(), AgentAudio(frame_20, 1), AgentAudio(frame_20 * 2, 2)
            )
            await asterisk.wait_for(MarkMedia, after=len(asterisk.commands))
            await wait_all_tasks_blocked()
            assert asterisk.queue.length == frames
            # It ends buffering.
            call.leg.post(Interruption())
            await wait_all_tasks_blocked()
        assert asterisk.of(StartMediaBuffering)
        assert asterisk.queue.dropped_bytes == 0


async def test_frames_of_10_ms_need_no_buffering() -> None:
    start = a_start(frame_ms=10)
    async with a_call(start=start) as (asterisk, call, _):
        call.leg.post(Answer(), AgentAudio(bytes(960)))
        await asterisk.wait_received(20)
        assert not asterisk.of(StartMediaBuffering)
        assert asterisk.queue.dropped_bytes == 0


async def test_an_interruption_overtakes_audio_and_marks_that_wait() -> None:
    async with a_call() as (asterisk, call, slow):
        call.leg.post(Answer())
        await asterisk.wait_for(AnswerChannel)
        slow.open = trio.Event()
        # The first is on its way at once, whatever comes after it.
        call.leg.post(AgentAudio(bytes(960), 1))
        await wait_all_tasks_blocked()
        call.leg.post(AgentAudio(bytes(960), 2), AgentAudio(b"", 3))
        call.leg.post(Interruption(), AgentAudio(bytes(960), 4), AgentAudio(b"", 5))
        slow.open.set()
        await asterisk.wait_for(FlushMedia)
        await asterisk.wait_for(MarkMedia, after=4)
        assert [each.command for each in asterisk.commands] == [
            AnswerChannel(),
            MarkMedia("1"),
            FlushMedia(),
            MarkMedia("4"),
            MarkMedia("5"),
        ]


@given(
    st.lists(st.one_of(st.just(bytes(960)), st.sampled_from("0123#")), max_size=40),
    st.integers(1, 4000),
)
@settings(max_examples=40, deadline=None)
def test_what_arrives_together_is_joined_and_stays_in_its_place(
    sent: list[bytes | str], split: int
) -> None:
    async def main() -> None:
        async with a_call() as (asterisk, call, _):
            events = [
                each
                if isinstance(each, bytes)
                else json.dumps({"event": "DTMF_END", "digit": each}).encode()
                for each in sent
            ]
            firsts = [0x82 if isinstance(each, bytes) else 0x81 for each in sent]
            raw = b"".join(
                frame(first, event, masked=True)
                for first, event in zip(firsts, events, strict=True)
            )
            for at in range(0, len(raw), split):
                await asterisk.ws.stream.send_all(raw[at : at + split])
            await wait_all_tasks_blocked()
            heard = call.heard[1:]
            messages: Sequence[FromCore | BadMessage] = [
                CallerAudio(each) if isinstance(each, bytes) else DtmfDigit(each)
                for each in sent
            ]
            assert spelled(heard) == spelled(messages)
            audio = [each.pcm for each in heard if isinstance(each, CallerAudio)]
            assert max(map(len, audio), default=0) <= 4_800

    trio.run(main)


@pytest.mark.parametrize(
    ("start", "codec"),
    [
        (MediaStart("e", "g722", 160), "slin"),
        (MediaStart("e", "opus", 0), "slin"),
        (MediaStart("e", "slin48", 1920), "slin"),
        (MediaStart("e", "slin24", 0), "slin24"),
        (MediaStart("e", "slin24", 65_501), "slin24"),
    ],
)
@pytest.mark.parametrize("form", ["json", "plain"])
async def test_a_format_that_cannot_be_used_is_hung_up_and_told_in_the_log(
    start: MediaStart, codec: str, form: Form
) -> None:
    async with a_bare_peer() as (peer, raised):
        with capture_logs() as logs:
            await peer.send(encode_event(start, form).decode())
            code, came = await closed(peer)
        hangup = {"json": '{"command":"HANGUP"}', "plain": "HANGUP"}[form]
        assert (code, came) == (1003, [hangup])
        assert [type(each) for each in raised] == [LegClosed]
        (line,) = logs
        assert line["format"] == start.format
        assert "c(slin24)" in line["write_in_the_dialplan"]


async def test_without_media_start_it_is_closed_after_10_s(
    autojump_clock: MockClock,
) -> None:
    async with a_bare_peer() as (peer, raised):
        await peer.send(bytes(960))
        assert await closed(peer) == (1008, [])
        assert trio.current_time() == pytest.approx(10)
        assert len(raised) == 1


@pytest.mark.parametrize("message", [bytes(960), "MEDIA_XON", "{", '{"event":"NEW"}'])
async def test_a_flood_before_media_start_is_closed_with_1008(
    message: str | bytes,
) -> None:
    async with a_bare_peer() as (peer, raised):
        with suppress(ConnectionClosed):
            for _ in range(1_000):
                await peer.send(message)
        assert (await closed(peer))[0] == 1008
        assert len(raised) == 1


async def test_a_long_message_before_media_start_is_closed_with_1009() -> None:
    async with a_bare_peer() as (peer, _):
        await peer.send("x" * 65_537)
        assert (await closed(peer))[0] == 1009


async def test_some_faults_before_media_start_do_not_cost_the_call() -> None:
    async with a_bare_peer() as (peer, raised):
        await peer.send(bytes(960))
        await peer.send("hello")
        await peer.send(encode_event(a_start(), "json").decode())
        await wait_all_tasks_blocked()
        assert not raised
        assert peer.close_code is None


@pytest.mark.parametrize("closes", [True, False])
async def test_a_peer_that_leaves_before_media_start_leaves_nothing(
    closes: bool,
) -> None:
    async with a_bare_peer() as (peer, raised):
        if closes:
            await peer.aclose()
        else:
            await trio.aclose_forcefully(peer.stream)
        await wait_all_tasks_blocked()
        assert [type(each) for each in raised] == [LegClosed]


async def test_whoever_cancels_the_accepting_closes_the_connection() -> None:
    ours, theirs = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def accept() -> None:
            with scope:
                await accept_asterisk(nursery, ours)

        nursery.start_soon(accept)
        offers = [Subprotocol("media")]
        async with connect(URL, stream=theirs, subprotocols=offers) as peer:
            await wait_all_tasks_blocked()
            scope.cancel(reason="the service stops")
            assert (await closed(peer))[0] == 1001
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_errors_are_logged_once_for_each_text_and_not_without_end() -> None:
    async with a_call() as (asterisk, call, _):
        with capture_logs() as logs:
            for _ in range(3):
                await asterisk.tell(CommandError("Unable to parse\nJSON command"))
            for number in range(100):
                await asterisk.tell(CommandError(f"text {number} " + "x" * 5_000))
            await asterisk.press("1")
            await call.hears(2)
        assert len(logs) == 8
        assert logs[0]["text"] == "Unable to parseJSON command"
        assert max(len(line["text"]) for line in logs) <= 120
        assert {line["log_level"] for line in logs} == {"warning"}


async def test_a_second_media_start_is_ignored() -> None:
    async with a_call() as (asterisk, call, _):
        await asterisk.tell(a_start("ulaw"))
        await asterisk.say(bytes(960))
        assert (await call.hears(2))[1] == CallerAudio(bytes(960))


async def test_a_failure_is_logged_and_not_sent() -> None:
    async with a_call() as (asterisk, call, _):
        with capture_logs() as logs:
            call.leg.post(*[Failure("media: half a sample")] * 3, Answer())
        await asterisk.wait_for(AnswerChannel)
        assert [line["text"] for line in logs] == ["media: half a sample"]
        assert len(asterisk.commands) == 1


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_a_hangup_goes_before_every_close_and_once(code: int) -> None:
    async with a_call() as (asterisk, call, _):
        call.leg.post(Answer(), AgentAudio(bytes(960), 1))
        await call.leg.aclose(code, "over")
        await call.leg.aclose(code, "over")
        assert await asterisk.wait_closed() in {1000, code}
        assert [each.command for each in asterisk.commands] == [
            AnswerChannel(),
            MarkMedia("1"),
            HangUpChannel(),
        ]


async def test_after_a_hangup_of_the_calls_own_none_follows() -> None:
    async with a_call() as (asterisk, call, _):
        call.leg.post(HangUp())
        assert await asterisk.wait_closed() == 1000
        await end(call, 1000)
        assert len(asterisk.of(HangUpChannel)) == 1
        assert isinstance(call.outcome, LegClosed)


async def test_the_caller_hangs_up() -> None:
    async with a_call() as (asterisk, call, _):
        await asterisk.hang_up()
        await wait_all_tasks_blocked()
        assert isinstance(call.outcome, LegClosed)
        assert call.outcome.code == 1000
        call.leg.post(AgentAudio(bytes(960), 1))  # too late, and harmless
        await end(call, 1000)


async def test_asterisk_vanishes() -> None:
    async with a_call() as (asterisk, call, _):
        await asterisk.vanish()
        await wait_all_tasks_blocked()
        assert isinstance(call.outcome, LegClosed)
        assert call.outcome.code == 1006
        await end(call, 1000)


@pytest.mark.parametrize(
    "message", ["x" * 65_537, "\u20ac" * 21_846, bytes(65_538), bytes(200_000)]
)
async def test_a_long_message_is_hung_up_and_closed_with_1009(
    message: str | bytes,
) -> None:
    async with a_call() as (asterisk, call, _):
        with suppress(ConnectionClosed):
            await asterisk.send(message)
        await fail(call, 1009)
        await asterisk.wait_closed()
        assert len(asterisk.of(HangUpChannel)) == 1


async def test_64_kib_of_audio_are_not_too_much() -> None:
    async with a_call() as (asterisk, call, _):
        await asterisk.send(bytes(65_536))
        assert (await call.hears(2))[1] == CallerAudio(bytes(65_536))


async def test_a_message_without_end_is_hung_up_and_closed_with_1009(
    autojump_clock: MockClock,
) -> None:
    async with a_call() as (asterisk, call, _):
        async with trio.open_nursery() as nursery:

            async def flood() -> None:
                with suppress(ConnectionClosed):
                    await asterisk.send(bytes(900_000))

            nursery.start_soon(flood)
            await wait_all_tasks_blocked()
            await fail(call, 1009)
        await asterisk.wait_closed()
        assert len(asterisk.of(HangUpChannel)) == 1


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        # Text that is not UTF-8, a frame that no protocol knows, one without a mask.
        (frame(0x81, b"\xff\xff", masked=True), 1007),
        (frame(0x83, b"", masked=True), 1002),
        (frame(0x82, bytes(960), masked=False), 1002),
    ],
)
async def test_broken_frames_are_hung_up_and_closed(raw: bytes, code: int) -> None:
    async with a_call() as (asterisk, call, _):
        await asterisk.ws.stream.send_all(raw)
        await fail(call, code)
        await asterisk.wait_closed()
        assert len(asterisk.of(HangUpChannel)) == 1


async def fail(call: Call, code: int) -> None:
    await wait_all_tasks_blocked()
    assert isinstance(call.outcome, PeerFault)
    assert call.outcome.code == code
    await end(call, code)


async def test_a_peer_that_does_not_read_is_given_up_after_the_stall(
    autojump_clock: MockClock,
) -> None:
    async with a_call() as (asterisk, call, slow):
        call.leg.post(Answer())
        await asterisk.wait_for(AnswerChannel)
        slow.open = trio.Event()
        started = trio.current_time()
        for mark in range(1, 100):
            call.leg.post(AgentAudio(bytes(4_800), mark))
            await asterisk.say(bytes(960))  # it does send
            await trio.sleep(0.1)
            if call.outcome:
                break
        assert trio.current_time() - started == pytest.approx(5, abs=0.25)
        assert isinstance(call.outcome, PeerFault)
        assert call.outcome.code == 1008
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end, call, 1008)
            await trio.sleep(1)
            slow.open.set()
        await asterisk.wait_closed()
        assert len(asterisk.of(HangUpChannel)) == 1
        # What waited is gone, the one that was being sent is whole.
        assert len(asterisk.received) <= 2


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=10))
@settings(max_examples=50, deadline=None)
def test_garbage_on_an_open_leg_ends_that_leg_and_nothing_else(
    chunks: list[bytes],
) -> None:
    async def main() -> None:
        async with a_call() as (asterisk, call, _):
            for chunk in chunks:
                try:
                    await asterisk.ws.stream.send_all(chunk)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    break
            await wait_all_tasks_blocked()
            await end(call, 1011)
            with trio.fail_after(5):
                await asterisk.ws.wait_closed()

    trio.run(main)


async def answer(stream: trio.SocketStream) -> None:
    async with trio.open_nursery() as holding:
        with suppress(LegClosed):
            call = Call(await accept_asterisk(holding, stream))
            async with trio.open_nursery() as pumping:
                pumping.start_soon(call.pump)
                call.leg.post(Answer(), AgentAudio(bytes(4_800), 1))
                await call.hears(2)
                if call.leg.uuid == "hang-up":
                    pumping.cancel_scope.cancel(reason="enough")
            await end(call, 1000)


async def place(index: int, url: str) -> None:
    uuid = "hang-up" if index % 2 else "wait"
    start = MediaStart("e", "g722", 160) if index % 5 == 4 else None
    async with dialling(f"{url}?uuid={uuid}", start=start) as asterisk:
        if start is not None:
            await asterisk.wait_closed()
            return
        await asterisk.wait_for(AnswerChannel)
        # It may be hung up after the first.
        with suppress(ConnectionClosed):
            await asterisk.say(bytes(1920))
        if uuid == "hang-up":
            await asterisk.wait_closed()
        elif index % 4:
            await asterisk.hang_up()
        else:
            await asterisk.vanish()


async def test_calls_on_real_sockets_leave_nothing_open(nursery: trio.Nursery) -> None:
    """Some hang up, some are hung up, some vanish, some can't be held."""
    process = psutil.Process()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/media"
    async with trio.open_nursery() as handlers:
        serve = partial(trio.serve_listeners, handler_nursery=handlers)
        await nursery.start(serve, answer, listeners)
        before = process.num_fds()
        for _ in range(4):
            async with trio.open_nursery() as calls:
                for index in range(10):
                    calls.start_soon(place, index, url)
        with trio.fail_after(15):
            await trio.lowlevel.checkpoint()
            while handlers.child_tasks:
                await wait_all_tasks_blocked(0.001)
        assert process.num_fds() == before
