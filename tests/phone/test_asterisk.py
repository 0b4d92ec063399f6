"""Calls as Asterisk makes them, to services of another library, on a clock that jumps."""

import json
import wave
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from attrs import define, field
from trio.testing import MockClock
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.trio.server import ServerConnection
from websockets.typing import Subprotocol

from tests.phone.fakes import URL, Handler, Refuse, Service, service, tone
from trio_sts.audio.g711 import A_LAW, MU_LAW
from trio_sts.phone.asterisk import Asterisk
from trio_sts.phone.core import place_call
from trio_sts.phone.events import Event, PickedUp
from trio_sts.phone.report import CallReport, Outcome
from trio_sts.phone.script import (
    HangUp,
    Pause,
    Press,
    Say,
    Script,
    WaitForAgent,
    WaitForSilence,
)
from trio_sts.phone.summary import summary
from trio_sts.wire.asterisk_media import FORMATS

MEDIA = Subprotocol("media")
STAY = (Pause(60),)


@define
class Heard:
    """What a service was sent, with the time of each message."""

    media: list[bytes] = field(factory=list[bytes])
    events: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    media_at: list[float] = field(factory=list[float])
    events_at: list[float] = field(factory=list[float])

    async def take(self, ws: ServerConnection) -> str | bytes:
        message = await ws.recv()
        if isinstance(message, bytes):
            self.media.append(message)
            self.media_at.append(trio.current_time())
        else:
            self.events.append(json.loads(message))
            self.events_at.append(trio.current_time())
        return message

    async def listen(self, ws: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self.take(ws)

    async def until(self, ws: ServerConnection, event: str) -> dict[str, Any]:
        while True:
            await self.take(ws)
            if self.events and self.events[-1]["event"] == event:
                return self.events[-1]

    def named(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.events if each["event"] == event]


async def command(ws: ServerConnection, name: str, **fields: str) -> None:
    await ws.send(json.dumps({"command": name, **fields}))


@asynccontextmanager
async def asterisk_service(
    handler: Handler, refuse: Refuse | None = None
) -> AsyncGenerator[Service]:
    async with service(handler, refuse=refuse, subprotocols=[MEDIA]) as there:
        yield there


async def call(
    handler: Handler,
    script: Script,
    *,
    media_format: str = "slin24",
    refuse: Refuse | None = None,
    **kwargs: Any,
) -> CallReport:
    peer = partial(Asterisk, media_format=FORMATS[media_format])
    async with asterisk_service(handler, refuse) as there:
        return await place_call(URL, script, peer=peer, dial=there.dial, **kwargs)


async def test_the_caller_hears_ringing_until_the_service_answers(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    seen: list[Event] = []

    async def handler(ws: ServerConnection) -> None:
        with trio.move_on_after(1.01):
            await heard.listen(ws)
        assert not heard.media
        await command(ws, "ANSWER")
        await heard.listen(ws)

    report = await call(handler, (Pause(2), HangUp()), view=seen.append)
    # The script begins with the answer, and is said in the slots behind it.
    assert report.rang_ms == 1020
    assert [event for event in seen if isinstance(event, PickedUp)] == [PickedUp(1020)]
    assert len(heard.media) == 100
    assert {len(frame) for frame in heard.media} == {960}
    assert heard.media_at[0] == pytest.approx(1.02)
    assert report.duration_s == 3.02
    assert "  answered after 1020 ms of ringing" in summary(report)


async def test_the_call_begins_as_asterisk_begins_it(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    asked: list[tuple[str, str | None]] = []

    async def handler(ws: ServerConnection) -> None:
        assert ws.request is not None
        headers = ws.request.headers
        asked.append((ws.request.path, headers.get("Authorization")))
        assert headers["Sec-WebSocket-Protocol"] == "media"
        await heard.listen(ws)

    await call(
        handler,
        (),
        uuid="a-call",
        metadata={"from": "2000"},
        token="secret",
        media_format="ulaw",
        max_call_s=1,
    )
    basic = b64encode(b"asterisk:secret").decode()
    assert asked == [("/?uuid=a-call&from=2000", f"Basic {basic}")]
    (start,) = heard.events
    assert start["event"] == "MEDIA_START"
    assert (start["format"], start["optimal_frame_size"], start["ptime"]) == (
        "ulaw",
        160,
        20,
    )
    assert isinstance(start["channel_variables"], dict)


async def test_a_mark_is_reported_when_what_is_before_it_was_played(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    pcm = tone(25, rate_hz=24_000)

    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        for mark in "abc":
            await ws.send(pcm)
            await command(ws, "MARK_MEDIA", correlation_id=mark)
        await heard.listen(ws)

    script = (WaitForAgent(), WaitForSilence(quiet_ms=200), HangUp())
    report = await call(handler, script)
    marks = heard.named("MEDIA_MARK_PROCESSED")
    assert [mark["correlation_id"] for mark in marks] == ["a", "b", "c"]
    at = [
        at
        for each, at in zip(heard.events, heard.events_at, strict=True)
        if each in marks
    ]
    assert np.diff([heard.media_at[0], *at]) == pytest.approx([0.5] * 3)
    assert report.played_s == report.heard_s == 1.5
    assert not any(
        (report.faults.odd_frames, report.faults.gaps, report.faults.unheard_frames)
    )


async def test_a_flush_throws_the_queue_away_and_its_marks(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()

    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        await ws.send(tone(60, rate_hz=24_000))
        await command(ws, "MARK_MEDIA", correlation_id="early")
        await ws.send(tone(60, rate_hz=24_000))
        await command(ws, "MARK_MEDIA", correlation_id="late")
        await heard.until(ws, "MEDIA_MARK_PROCESSED")
        with trio.move_on_after(0.5):
            await heard.listen(ws)
        await command(ws, "FLUSH_MEDIA")
        await ws.send(tone(10, rate_hz=24_000))
        await command(ws, "MARK_MEDIA", correlation_id="next")
        await heard.listen(ws)

    report = await call(handler, (Pause(3), HangUp()))
    marks = heard.named("MEDIA_MARK_PROCESSED")
    assert [mark["correlation_id"] for mark in marks] == ["early", "next"]
    (interruption,) = report.interruptions
    assert interruption.flushed_ms == round(report.flushed_s * 1000) == 680
    assert report.played_s + report.flushed_s == report.received_s == 2.6


async def test_a_queue_that_is_nearly_full_says_so_and_takes_no_more(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    second = tone(50, rate_hz=8_000)

    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        for _ in range(17):
            await ws.send(second)
        await command(ws, "GET_STATUS")
        status = await heard.until(ws, "STATUS")
        assert 840 <= status["queue_length"] <= 850
        assert not heard.named("MEDIA_XOFF")
        for _ in range(4):
            await ws.send(second)
        await heard.until(ws, "MEDIA_XON")
        await heard.listen(ws)

    report = await call(handler, (Pause(10), HangUp()), media_format="slin")
    assert len(heard.named("MEDIA_XOFF")) == len(heard.named("MEDIA_XON")) == 1
    xoff, xon = (
        heard.events_at[heard.events.index(heard.named(name)[0])]
        for name in ("MEDIA_XOFF", "MEDIA_XON")
    )
    # From 1,000 frames at most down to 799.
    assert 3.9 < xon - xoff < 4.3
    assert report.faults.dropped_frames in {0, 50}
    assert report.received_s == 21


@pytest.mark.parametrize("ends", [True, False])
async def test_between_start_and_stop_a_message_may_have_any_length(
    autojump_clock: MockClock, ends: bool, tmp_path: Path
) -> None:
    heard = Heard()
    pcm = tone(10, rate_hz=24_000)[:-300]

    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        if ends:
            await command(ws, "START_MEDIA_BUFFERING")
        for start in range(0, len(pcm), 700):
            await ws.send(pcm[start : start + 700])
        if ends:
            await command(ws, "STOP_MEDIA_BUFFERING", correlation_id="a file")
        await heard.listen(ws)

    record = tmp_path / "both.wav"
    report = await call(handler, (Pause(1), HangUp()), record_path=record)
    agent = read_right(record, 24_000)
    if ends:
        (completed,) = heard.named("MEDIA_BUFFERING_COMPLETED")
        assert completed["correlation_id"] == "a file"
        assert pcm + bytes(300) in agent
        assert report.faults.odd_frames == 0
        return
    # What fills no frame is dropped, message by message.
    assert report.received_s == 0
    assert report.faults.odd_frames == -(-len(pcm) // 700)


@pytest.mark.parametrize("media_format", FORMATS)
async def test_each_format_is_spoken_heard_and_recorded_at_its_rate(
    autojump_clock: MockClock, tmp_path: Path, media_format: str
) -> None:
    rate_hz = FORMATS[media_format].rate_hz
    law = {"ulaw": MU_LAW, "alaw": A_LAW}.get(media_format)
    heard = Heard()
    pcm = tone(5, rate_hz=rate_hz)

    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        while True:
            media = await heard.take(ws)
            if isinstance(media, bytes):
                with suppress(ConnectionClosed):
                    await ws.send(media)

    record = tmp_path / "both.wav"
    script = (Say(pcm), Pause(0.5), HangUp())

    async def until_gone(ws: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await handler(ws)

    report = await call(
        until_gone, script, media_format=media_format, record_path=record
    )
    expected = law.decode(law.encode(pcm)) if law else pcm
    spoken = b"".join(heard.media)
    assert (law.decode(spoken) if law else spoken)[: len(pcm)] == expected
    assert expected in read_right(record, rate_hz)
    assert report.heard_s == 0.1


async def test_keys_are_told_at_their_end(autojump_clock: MockClock) -> None:
    heard = Heard()

    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        await heard.listen(ws)

    await call(handler, (Press("1#"), HangUp()))
    assert [each["digit"] for each in heard.named("DTMF_END")] == ["1", "#"]


async def test_audio_for_a_caller_who_hears_ringing_is_heard_by_nobody(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()

    async def handler(ws: ServerConnection) -> None:
        await ws.send(tone(10, rate_hz=24_000))
        await command(ws, "MARK_MEDIA", correlation_id="played to nobody")
        await heard.until(ws, "MEDIA_MARK_PROCESSED")
        await command(ws, "ANSWER")
        await heard.listen(ws)

    report = await call(handler, (Pause(1), HangUp()))
    assert report.heard_s == report.played_s == 0
    assert report.faults.unheard_frames == 10


async def test_a_service_that_never_answers_is_given_up(
    autojump_clock: MockClock,
) -> None:
    report = await call(Heard().listen, STAY)
    assert report.outcome is Outcome.NOT_ANSWERED
    assert report.duration_s == 60
    assert not report.conversed


def dialplan(status: int, body: str) -> tuple[Refuse, list[str]]:
    """Answers what a dialplan asks; takes calls."""
    asked: list[str] = []

    def refuse(ws: ServerConnection) -> Response | None:
        assert ws.request is not None
        path = ws.request.path
        if not path.startswith("/calls/"):
            return None
        asked.append(f"{path} {ws.request.headers.get('Authorization', '')}")
        return ws.respond(status, body)

    return refuse, asked


async def hang_up(ws: ServerConnection) -> None:
    await command(ws, "ANSWER")
    await ws.send(tone(5, rate_hz=24_000))
    await command(ws, "HANGUP")
    await Heard().listen(ws)


async def test_where_the_dialplan_goes_on_is_asked_and_shown(
    autojump_clock: MockClock,
) -> None:
    refuse, asked = dialplan(200, "sales,5001,1")
    report = await call(hang_up, STAY, refuse=refuse, uuid="a/call", token="secret")
    assert report.outcome is Outcome.SERVICE_HUNG_UP
    assert report.next_step == "sales,5001,1"
    basic = b64encode(b"asterisk:secret").decode()
    assert asked == [f"/calls/a%2Fcall/next Basic {basic}"]
    assert "  the dialplan goes on at sales,5001,1" in summary(report)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [(404, "no", ""), (500, "oh", "HTTP 500"), (200, "x" * 2000, "too long")],
)
async def test_a_dialplan_that_is_told_nothing_goes_on_behind_dial(
    autojump_clock: MockClock, status: int, body: str, told: str
) -> None:
    refuse, asked = dialplan(status, body)
    report = await call(hang_up, STAY, refuse=refuse)
    assert len(asked) == 1
    assert not report.next_step
    assert told in "".join(report.errors)
    assert bool(report.errors) is bool(told)


async def test_nobody_asks_for_a_caller_who_hung_up(autojump_clock: MockClock) -> None:
    refuse, asked = dialplan(200, "sales,5001,1")

    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        await Heard().listen(ws)

    report = await call(handler, (Pause(0.1), HangUp()), refuse=refuse)
    assert report.outcome is Outcome.CALLER_HUNG_UP
    assert not asked


async def test_a_service_that_knows_avr_core_only_is_told_apart(
    autojump_clock: MockClock,
) -> None:
    heard = Heard()
    async with service(heard.listen) as there:
        report = await place_call(URL, STAY, peer=Asterisk, dial=there.dial)
    assert report.outcome is Outcome.REFUSED
    assert "Asterisk" in report.reason
    assert not heard.events


def test_the_driver_answers_what_it_is_asked() -> None:
    posted: list[str | bytes] = []
    driver = Asterisk(posted.append)
    driver.take(tone(2, rate_hz=24_000))
    driver.take('{"command":"PAUSE_MEDIA"}')
    driver.take('{"command":"REPORT_QUEUE_DRAINED"}')
    driver.tick()
    assert driver.playback.play() is None
    driver.take('{"command":"GET_STATUS"}')
    driver.take('{"command":"CONTINUE_MEDIA"}')
    for _ in range(3):
        driver.tick()
        driver.playback.play()
    told = [json.loads(each) for each in posted]
    assert [each["event"] for each in told] == ["STATUS", "QUEUE_DRAINED"]
    assert (told[0]["queue_length"], told[0]["media_paused"]) == (2, True)


@pytest.mark.parametrize(
    "junk",
    [
        "ANSWER",
        "{",
        '{"command":7}',
        "[]",
        '{"command":"ANSWER","x":"' + "x" * 120 + '"}',
    ],
)
async def test_a_command_that_is_none_is_counted_and_the_call_goes_on(
    autojump_clock: MockClock, junk: str
) -> None:
    heard = Heard()

    async def handler(ws: ServerConnection) -> None:
        await ws.send(junk)
        await command(ws, "MAKE_COFFEE")
        await command(ws, "ANSWER")
        await heard.listen(ws)

    report = await call(handler, (Pause(0.1), HangUp()))
    assert report.faults.bad_messages == 1
    assert report.faults.unknown_messages == 1
    # Asterisk does not look at one that is too long.
    assert len(heard.named("ERROR")) == (len(junk) <= 128)
    assert report.outcome is Outcome.CALLER_HUNG_UP


async def test_a_message_that_asterisk_cannot_take_ends_the_call(
    autojump_clock: MockClock,
) -> None:
    async def handler(ws: ServerConnection) -> None:
        await command(ws, "ANSWER")
        await ws.send(bytes(65_501))
        await Heard().listen(ws)

    report = await call(handler, STAY)
    assert report.close_code == 1009


def read_right(path: Path, rate_hz: int) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (2, rate_hz)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return both[1::2].tobytes()
