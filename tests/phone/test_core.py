"""Calls to small STS services written with another library, on a clock that jumps."""

import wave
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import trio
from trio.testing import MockClock, lockstep_stream_pair
from websockets.exceptions import ConnectionClosed
from websockets.trio.server import ServerConnection

from tests.phone.fakes import (
    URL,
    Heard,
    audio,
    is_loud,
    listen,
    receive,
    send,
    service,
    silence,
    speak,
    tone,
)
from trio_sts.phone.core import place_call
from trio_sts.phone.events import Event, Levels
from trio_sts.phone.exchange import Exchange
from trio_sts.phone.report import Outcome
from trio_sts.phone.script import (
    HangUp,
    Pause,
    Press,
    Say,
    WaitForAgent,
    WaitForSilence,
    conversation,
)


async def answer_after(ws: ServerConnection, delay_s: float, frames: int) -> None:
    """Answer whatever is said: this long after the caller fell silent for 200 ms."""
    spoke, quiet = False, 0
    with suppress(ConnectionClosed):
        while True:
            loud = is_loud(await receive(ws))
            spoke, quiet = spoke or loud, 0 if loud else quiet + 1
            if spoke and quiet == 10:
                await trio.sleep(delay_s - 0.2)
                await speak(ws, frames)
                spoke = False


async def test_a_frame_leaves_every_20_ms_from_the_first_moment(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()

    async def handler(ws: ServerConnection) -> None:
        await listen(ws, heard)

    async with service(handler) as there:
        await place_call(URL, (Pause(2), HangUp()), uuid="a-call", dial=there.dial)
    assert heard.messages[0] == {"type": "init", "uuid": "a-call"}
    assert heard.types[1:] == ["audio"] * 100
    start = heard.times[0]
    late = [at - start - index * 0.02 for index, at in enumerate(heard.times[1:])]
    assert late == pytest.approx([0.0] * 100, abs=1e-6)
    assert heard.pcm == silence(100)


async def test_a_burst_is_played_in_real_time_to_the_frame(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await trio.sleep(0.51)
        await speak(ws, 150)
        await listen(ws, Heard())

    record = tmp_path / "call.wav"
    script = (WaitForAgent(), WaitForSilence(quiet_ms=400), HangUp())
    async with service(handler) as there:
        report = await place_call(URL, script, record_path=record, dial=there.dial)
    # The next slot, then 3 s of speech although it came at once, then 400 ms of quiet.
    assert report.duration_s == 3.92
    assert report.received_s == report.played_s == report.heard_s == 3.0
    assert report.greeting_ms == 520
    _, agent = read_stereo(record)
    start = 520 * 8
    assert agent[start : start + 24_000].tobytes() == tone(150)
    assert not agent[:start].any()
    assert not agent[start + 24_000 :].any()


async def test_an_interruption_throws_the_queue_away(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await speak(ws, 500)
        while not is_loud(await receive(ws)):
            pass
        await send(ws, type="interruption")
        await listen(ws, Heard())

    script = (WaitForAgent(), Pause(1), Say(tone(50)), Pause(1), HangUp())
    async with service(handler) as there:
        report = await place_call(URL, script, dial=there.dial)
    (turn,) = report.turns
    (interruption,) = report.interruptions
    assert turn.over_agent
    assert turn.hush_ms == 20
    assert report.played_s + report.flushed_s == report.received_s == 10
    assert interruption.flushed_ms == round(report.flushed_s * 1000)
    assert report.unplayed_s == 0
    assert report.heard_s == pytest.approx(1.0, abs=0.05)
    assert turn.answer_slot is None
    assert not report.conversed


async def test_the_latency_is_counted_from_the_last_speech_that_was_sent(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await answer_after(ws, 0.69, 40)

    # The recordings end in silence: that is not the agent being slow.
    utterances = [tone(60) + silence(30), silence(20) + tone(30) + silence(5)]
    script = conversation(utterances, greeting_s=0)
    async with service(handler) as there:
        report = await place_call(URL, script, dial=there.dial)
    assert report.conversed
    assert report.outcome is Outcome.CALLER_HUNG_UP
    # It arrives after 690 ms and is heard in the slot that begins next.
    assert report.latencies_ms == (700, 700)
    assert report.greeting_ms is None
    assert report.heard_s == 1.6


async def test_the_caller_waits_for_the_greeting_and_for_each_answer_to_end(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await trio.sleep(1)
        await speak(ws, 100)
        await answer_after(ws, 0.5, 200)

    script = conversation([tone(50), tone(50)], quiet_ms=1000)
    async with service(handler) as there:
        report = await place_call(URL, script, dial=there.dial)
    first, second = report.turns
    assert report.conversed
    assert report.greeting_ms is not None
    # Two seconds of greeting and one of quiet; four of answer and one of quiet.
    assert first.start_slot * 20 == report.greeting_ms + 2000 + 1000
    assert first.answer_slot is not None
    assert second.start_slot * 20 == first.answer_slot * 20 + 4000 + 1000
    assert not any(turn.over_agent for turn in report.turns)


async def test_an_impatient_caller_talks_over_the_greeting_and_is_answered(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await speak(ws, 300)
        while not is_loud(await receive(ws)):
            pass
        await trio.sleep(0.19)
        await send(ws, type="interruption")
        await answer_after(ws, 0.39, 50)

    script = conversation([tone(40)], talk_over_after_s=0.5)
    async with service(handler) as there:
        report = await place_call(URL, script, dial=there.dial)
    (turn,) = report.turns
    assert report.greeting_ms is not None
    # The slot in which it is heard has gone by before the caller knows.
    assert turn.start_slot * 20 == report.greeting_ms + 20 + 500
    assert turn.over_agent
    assert turn.hush_ms == 200
    assert turn.latency_ms == 400
    assert report.conversed


async def test_keys_arrive_in_order_between_frames(autojump_clock: MockClock) -> None:
    heard = Heard()

    async def handler(ws: ServerConnection) -> None:
        await listen(ws, heard)

    script = (Pause(0.1), Press("12#*A", every_ms=200), HangUp())
    async with service(handler) as there:
        report = await place_call(URL, script, dial=there.dial)
    keys = [
        (message["digit"], round(at - heard.times[0], 3))
        for message, at in zip(heard.messages, heard.times, strict=True)
        if message["type"] == "dtmf_digit"
    ]
    assert keys == [("1", 0.1), ("2", 0.3), ("#", 0.5), ("*", 0.7), ("A", 0.9)]
    # The voice path goes on meanwhile, as on a telephone line.
    assert heard.types.count("audio") == 5 + 5 * 10
    (turn,) = report.turns
    assert (turn.kind, turn.start_slot, turn.end_slot) == ("keys", 5, 45)


async def test_the_recording_has_both_sides_on_one_time_line(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    heard = Heard()

    async def echo(ws: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                message = heard.take(await receive(ws))
                if message["type"] == "audio":
                    await send(ws, **message)

    record = tmp_path / "both.wav"
    script = (Pause(0.3), Say(tone(25, hz=300)), Pause(0.3), HangUp())
    async with service(echo) as there:
        report = await place_call(URL, script, record_path=record, dial=there.dial)
    caller, agent = read_stereo(record)
    assert len(caller) == round(report.duration_s * 8000) == 55 * 160
    assert caller.tobytes() == heard.pcm
    # An echo is heard one slot after it was said, and stays exactly there.
    assert np.array_equal(agent[160:], caller[:-160])


@pytest.mark.parametrize("seconds", [0.1, 2])
async def test_a_full_disk_ends_the_recording_and_not_the_call(
    autojump_clock: MockClock, seconds: float
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await listen(ws, Heard())

    script = (Pause(seconds), HangUp())
    full = Path("/dev/full")
    async with service(handler) as there:
        report = await place_call(URL, script, record_path=full, dial=there.dial)
    assert report.duration_s == seconds
    (error,) = report.errors
    assert error == "the recording is not complete: No space left on device"


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "going"), (1008, "no"), (1011, "broken")]
)
async def test_a_service_that_closes_ends_the_call_with_its_code(
    autojump_clock: MockClock, code: int, reason: str
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await speak(ws, 10)
        await trio.sleep(0.1)
        await ws.aclose(code, reason)

    async with service(handler) as there:
        report = await place_call(URL, (Pause(60),), dial=there.dial)
    assert report.outcome is Outcome.SERVICE_CLOSED
    assert (report.close_code, report.reason) == (code, reason)
    assert report.duration_s < 0.2
    # What was still queued is lost to the caller, and not called heard.
    assert report.heard_s + report.unplayed_s == pytest.approx(0.2)
    assert report.unplayed_s > 0


async def test_a_connection_that_drops_is_lost(autojump_clock: MockClock) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await trio.aclose_forcefully(ws.stream)

    async with service(handler) as there:
        report = await place_call(URL, (Pause(60),), dial=there.dial)
    assert report.outcome is Outcome.LOST
    assert report.close_code == 1006


@pytest.mark.parametrize(
    ("junk", "code"),
    [
        (b"\xff" * 4096, 1002),
        (b"\x81\x85 masked by a service", 1002),
        (b"\x81\x02\xff\xff", 1007),
    ],
)
async def test_bytes_that_are_no_frames_end_the_call(
    autojump_clock: MockClock, junk: bytes, code: int
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await trio.sleep(1)
        await ws.stream.send_all(junk)
        await listen(ws, Heard())

    async with service(handler) as there:
        report = await place_call(URL, (Pause(60),), dial=there.dial)
    assert report.outcome is Outcome.SERVICE_CLOSED
    assert report.close_code == code
    assert 1 <= report.duration_s < 1.1


async def test_a_message_beyond_all_measure_ends_the_call(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await send(ws, type="error", message="x" * (1 << 20))
        await listen(ws, Heard())

    async with service(handler) as there:
        report = await place_call(URL, (Pause(60),), dial=there.dial)
    assert report.close_code == 1009
    assert report.duration_s < 0.1


async def test_a_refused_upgrade_is_reported_with_its_status(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()

    async def handler(ws: ServerConnection) -> None:
        await listen(ws, heard)

    async with service(
        handler, refuse=lambda ws: ws.respond(503, "at capacity\x1b[2J")
    ) as there:
        report = await place_call(URL, (Pause(60),), dial=there.dial)
    assert report.outcome is Outcome.REFUSED
    assert report.http_status == 503
    assert report.reason == "at capacity [2J"
    assert not heard.messages
    assert report.duration_s == 0
    assert not report.conversed


async def test_a_service_that_never_answers_the_upgrade_is_given_up(
    autojump_clock: MockClock,
) -> None:
    async def dial(_: object) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        kept.append(theirs)
        await trio.lowlevel.checkpoint()
        return ours

    kept: list[trio.abc.Stream] = []
    report = await place_call(URL, (Pause(60),), dial=dial)
    assert report.outcome is Outcome.UNREACHABLE
    assert trio.current_time() == pytest.approx(10, abs=3)


async def test_a_service_that_is_not_there_is_reported() -> None:
    # A port that was free a moment ago, and that nobody listens on.
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    report = await place_call(f"ws://127.0.0.1:{port}", (Pause(60),))
    assert report.outcome is Outcome.UNREACHABLE
    assert report.reason


async def test_a_silent_service_costs_the_longest_call_and_no_more(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await listen(ws, Heard())

    script = conversation([tone(50)])
    async with service(handler) as there:
        report = await place_call(URL, script, max_call_s=20, dial=there.dial)
    assert report.outcome is Outcome.TIME_UP
    assert report.duration_s == 20
    (turn,) = report.turns
    assert turn.answer_slot is None
    assert not report.conversed


async def test_a_service_that_does_not_answer_does_not_hold_the_caller(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await listen(ws, Heard())

    script = conversation([tone(50)], greeting_s=2, answer_s=5, reason_s=9)
    async with service(handler) as there:
        report = await place_call(URL, script, dial=there.dial)
    assert report.outcome is Outcome.CALLER_HUNG_UP
    assert report.duration_s == 9


async def test_what_a_service_does_not_read_is_dropped_and_counted(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        del ws
        await trio.sleep_forever()

    # Nothing is buffered between the two, so that its back-pressure is felt at once.
    async with service(handler, pair=lockstep_stream_pair) as there:
        report = await place_call(URL, (Pause(7200),), max_call_s=60, dial=there.dial)
    assert report.outcome is Outcome.TIME_UP
    assert report.duration_s == 60
    # 250 frames wait here, a few in its own queue; the rest is lost to it.
    assert 2700 < report.faults.unsent_frames < 2750
    assert trio.current_time() == pytest.approx(62, abs=0.1)


JUNK: list[str | bytes] = [
    "",
    "{",
    "[]",
    "null",
    '{"type":["audio"]}',
    '{"type":"audio"}',
    '{"type":"audio","audio":"!"}',
    '{"type":"audio","audio":"AAA="}'.replace("AAA=", "AA=="),
    '{"type":"transcript","role":"nobody","text":"x"}',
    '{"type":"error","message":7}',
    b'{"type":"interruption"}',
    "[" * 100_000,
]


async def test_junk_is_counted_and_the_call_goes_on(autojump_clock: MockClock) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        for junk in JUNK:
            await ws.send(junk)
        await send(ws, type="surprise")
        await ws.send(audio(tone(1)[:100]))
        await ws.send(audio(tone(3)))
        await speak(ws, 10)
        await listen(ws, Heard())

    async with service(handler) as there:
        report = await place_call(URL, conversation([]), dial=there.dial)
    assert report.faults.bad_messages == len(JUNK)
    assert report.faults.unknown_messages == 1
    assert report.faults.odd_frames == 2
    assert report.received_s == 14 * 0.02
    assert report.conversed


async def test_transcripts_and_errors_are_kept_in_order(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await trio.sleep(0.1)
        await send(ws, type="transcript", role="agent", text="Hello,\nhow are you?")
        await send(ws, type="transcript", role="user", text="Fine\x1b]0;owned\x07")
        await send(ws, type="error", message="The model failed")
        await ws.aclose(1011, "model failed")

    async with service(handler) as there:
        report = await place_call(URL, (Pause(9),), dial=there.dial)
    said = [(line.role, line.text) for line in report.transcripts]
    assert said == [("agent", "Hello, how are you?"), ("user", "Fine ]0;owned")]
    assert report.transcripts[0].at_ms in {100, 120}
    assert report.errors == ("The model failed",)


async def test_metadata_and_token_travel_in_the_upgrade(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await listen(ws, Heard())

    metadata = {"from": "2000", "channel": "PJSIP/2000-1 é&"}
    async with service(handler) as there:
        await place_call(
            "ws://service.test:6030/sts?tenant=a",
            (HangUp(),),
            metadata=metadata,
            token="secret",
            dial=there.dial,
        )
    (request,) = there.requests
    assert request.path == (
        "/sts?tenant=a&from=2000&channel=PJSIP%2F2000-1%20%C3%A9%26"
    )
    assert request.headers["Host"] == "service.test:6030"
    assert request.headers["Authorization"] == "Bearer secret"
    assert (there.targets[0].host, there.targets[0].port) == ("service.test", 6030)


async def test_a_call_can_be_ended_from_the_exchange(
    autojump_clock: MockClock,
) -> None:
    exchange = Exchange()
    closed: list[int | None] = []

    async def handler(ws: ServerConnection) -> None:
        await receive(ws)
        await trio.sleep(1)
        assert exchange.drop("a-call", Outcome.AMI_HUNG_UP)
        await listen(ws, Heard())
        closed.append(ws.close_code)

    async with service(handler) as there:
        report = await place_call(
            URL, (Pause(60),), uuid="a-call", exchange=exchange, dial=there.dial
        )
        assert not exchange.drop("a-call", Outcome.AMI_HUNG_UP)
        await trio.testing.wait_all_tasks_blocked()
    assert report.outcome is Outcome.AMI_HUNG_UP
    assert report.duration_s == pytest.approx(1, abs=0.021)
    assert closed == [1000]


async def test_a_cancelled_call_still_says_goodbye(autojump_clock: MockClock) -> None:
    closed: list[int | None] = []
    done = trio.Event()

    async def handler(ws: ServerConnection) -> None:
        await listen(ws, Heard())
        closed.append(ws.close_code)
        done.set()

    async with service(handler) as there:
        with trio.move_on_after(1) as scope:
            await place_call(URL, (Pause(60),), dial=there.dial)
        assert scope.cancelled_caught
        await done.wait()
    assert closed == [1000]


@pytest.mark.parametrize(("stall_s", "lost_s"), [(0.25, 0), (30, 29)])
async def test_the_clock_makes_up_for_a_stall_of_a_second_and_no_more(
    autojump_clock: MockClock, stall_s: float, lost_s: float
) -> None:
    heard = Heard()

    def view(event: Event) -> None:
        if isinstance(event, Levels) and event.at_ms == 1000:
            autojump_clock.jump(stall_s)

    async def handler(ws: ServerConnection) -> None:
        await listen(ws, heard)

    began = trio.current_time()
    async with service(handler) as there:
        script = (Pause(4), HangUp())
        report = await place_call(URL, script, view=view, dial=there.dial)
    assert report.duration_s == 4
    assert heard.types.count("audio") == 200
    assert trio.current_time() - began == pytest.approx(4 + lost_s, abs=0.021)


def read_stereo(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        assert file.getframerate() == 8000
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return both[0::2].copy(), both[1::2].copy()
