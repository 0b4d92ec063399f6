"""A peer that reports marks: what was heard is known, and its queue is kept short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.audio.framing import frame_bytes
from trio_sts.conversation.parts.playout import Marks
from trio_sts.wire import avr
from trio_sts.wire.realtime import requests

from .asterisk import LineStage
from .stage import Stage


def marks_at_ms(stage: LineStage) -> list[int]:
    """Behind how much audio each mark stands."""
    sent_ms, at_ms = 0, list[int]()
    for audio in stage.all(avr.AgentAudio):
        sent_ms += len(audio.pcm) // 16
        at_ms += [sent_ms] if audio.mark else []
    return at_ms


def test_marks_stand_behind_the_first_frame_each_500_ms_and_the_end() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.answer(1500)
    stage.advance(3)
    # Batches are whole.
    assert marks_at_ms(stage) == [20, 600, 1100, 1500]
    marks = [audio.mark for audio in stage.all(avr.AgentAudio) if audio.mark]
    assert marks == [1, 2, 3, 4]


def test_an_end_that_is_known_late_has_a_mark_too() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.created()
    stage.delta(200)
    stage.advance(0.05)
    assert marks_at_ms(stage) == [20]
    stage.audio_done()
    assert marks_at_ms(stage) == [20, 200]
    assert stage.all(avr.AgentAudio)[-1].pcm == b""


def test_a_second_answer_begins_with_a_mark_again() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.answer(100)
    stage.advance(3)
    stage.mark()
    stage.answer(100, "i2", "r2")
    assert marks_at_ms(stage) == [20, 100]


def test_avr_core_gets_no_marks() -> None:
    stage = Stage.ready()
    stage.answer(1000)
    stage.advance(2)
    assert {audio.mark for audio in stage.all(avr.AgentAudio)} == {0}


@given(
    first_tick_s=st.floats(0, 0.3),
    barge_in_s=st.floats(0.05, 3),
    pace=st.one_of(st.just(1.0), st.floats(0.98, 1.02)),
)
def test_a_truncate_is_at_the_end_of_the_frame_that_is_played(
    first_tick_s: float, barge_in_s: float, pace: float
) -> None:
    stage = LineStage.talking(
        first_tick_s=first_tick_s, tick_s=0.02 * pace, audio_format="pcmu"
    )
    stage.answer(4000)
    stage.advance(first_tick_s + barge_in_s)
    played_ms = stage.played_ms
    stage.mark()
    stage.speech_started()
    [(item, heard_ms)] = stage.truncated
    assert item == "i1"
    # A clock that is not as fast as ours may be in the next frame, or the one before.
    assert abs(heard_ms - played_ms) <= (20 if pace != 1 else 0)
    stage.advance(1)
    assert stage.played_ms == played_ms


@given(first_tick_s=st.floats(0, 0.5), pace=st.floats(0.99, 1.01))
def test_its_queue_holds_the_lead_whenever_it_begins_and_however_fast_it_is(
    first_tick_s: float, pace: float
) -> None:
    stage = LineStage.talking(
        first_tick_s=first_tick_s, tick_s=0.02 * pace, audio_format="pcmu"
    )
    stage.answer(20_000)
    stage.advance(first_tick_s + 5)
    stage.driver.most_queued = 0
    gap_before = stage.played_ms
    stage.advance(10)
    # One batch may be on its way when the clock is put right.
    assert stage.driver.most_queued <= 400 // 20 + 1
    assert stage.played_ms - gap_before == pytest.approx(10_000 / pace, abs=40)


def test_a_queue_that_stands_still_is_not_fed_and_nothing_is_heard() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.answer(5000)
    stage.advance(1)
    stage.driver.first_tick_at += 0.9
    before = stage.driver.most_queued
    stage.advance(0.85)
    played_ms = stage.played_ms
    assert stage.driver.most_queued <= before + 15
    stage.advance(0.01)
    stage.mark()
    stage.speech_started()
    [(_, heard_ms)] = stage.truncated
    # Not past the mark that is awaited, which is up to 500 ms ahead.
    assert heard_ms <= played_ms + 500


@pytest.mark.parametrize("reports", [True, False])
def test_all_is_heard_at_the_end_whether_marks_are_reported_or_not(
    reports: bool,
) -> None:
    stage = LineStage.talking(reports=reports, audio_format="pcmu")
    stage.answer(1000)
    stage.words("all of it")
    stage.advance(3.5)
    assert stage.said == [("agent", "all of it")]
    stage.mark()
    stage.speech_started()
    assert stage.truncated == []
    assert stage.all(avr.Interruption) == []


def test_a_peer_that_reports_none_is_asked_for_none_any_more() -> None:
    stage = LineStage.talking(reports=False, audio_format="pcmu")
    stage.answer(8000)
    stage.advance(10)
    marks = [audio.mark for audio in stage.all(avr.AgentAudio)]
    assert marks[0]
    assert not marks[-1]


def test_a_mark_of_what_was_thrown_away_changes_nothing() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.answer(3000)
    stage.advance(0.5)
    stage.speech_started()
    stage.caller(avr.MarkPlayed(6))
    stage.caller(avr.MarkPlayed(10_000))
    stage.speech_stopped()
    stage.answer(1000, "i2", "r2")
    stage.words("again", "i2", "r2")
    stage.mark()
    stage.advance(0.9)
    assert stage.said == []
    stage.advance(0.2)
    assert stage.said == [("agent", "again")]


def test_a_goodbye_waits_until_its_last_mark_is_reported() -> None:
    stage = LineStage.talking(first_tick_s=0.25, audio_format="pcmu")
    stage.created()
    stage.announce()
    stage.delta(500)
    stage.function_call("c1", "avr_hangup")
    stage.done()
    stage.advance(0.7)
    assert "RunTool" not in stage.order
    stage.advance(0.1)
    assert "RunTool" in stage.order
    assert stage.played_ms == 500


def test_a_full_queue_is_fed_again_when_it_is_free() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.answer(5000)
    stage.caller(avr.QueueFull())
    stage.mark()
    stage.advance(5)
    assert stage.all(avr.AgentAudio) == []
    stage.caller(avr.QueueFree())
    assert stage.all(avr.AgentAudio) != []
    stage.advance(6)
    assert stage.played_ms == 5000


def test_a_full_queue_is_empty_after_an_interruption() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.answer(5000)
    stage.caller(avr.QueueFull())
    stage.speech_started()
    stage.speech_stopped()
    stage.mark()
    stage.answer(1000, "i2", "r2")
    assert stage.all(avr.AgentAudio) != []


def test_a_full_queue_that_is_never_free_is_fed_when_it_must_be_empty() -> None:
    stage = LineStage.talking(audio_format="pcmu")
    stage.answer(5000)
    stage.caller(avr.QueueFull())
    stage.advance(26)
    assert stage.played_ms == 5000


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
def test_wideband_goes_through_in_frames_of_its_own_rate(rate_hz: int) -> None:
    stage = LineStage.talking(caller_rate_hz=rate_hz)
    frame = b"\x01\x02" * (frame_bytes(rate_hz) // 2)
    stage.mark()
    stage.caller(avr.CallerAudio(frame))
    [append] = stage.all(requests.AppendAudio)
    assert len(append.audio) == 960
    stage.answer(200)
    stage.advance(1)
    batches = [audio.pcm for audio in stage.all(avr.AgentAudio)]
    assert {len(pcm) % frame_bytes(rate_hz) for pcm in batches} == {0}
    # What the filter holds is a frame of its own.
    assert sum(map(len, batches)) in {
        10 * frame_bytes(rate_hz),
        11 * frame_bytes(rate_hz),
    }
    if rate_hz == 24_000:
        assert append.audio == frame
        assert b"".join(batches) == stage.core.audio_of("i1", 200)


def test_the_clock_stands_at_a_mark_and_goes_on_without_it_after_a_second() -> None:
    marks = Marks(used=True)
    assert marks.next(10.0, is_end=False) == 1
    assert marks.next(10.1, is_end=False) == 0
    assert marks.next(10.1, is_end=True) == 2
    assert marks.clock(9.5) == 9.5
    assert marks.clock(10.5) == 10.0
    assert marks.clock(11.0) == 11.0
    assert marks.passes_at(10.05) == 11.0
    assert marks.drained_at(10.1) == pytest.approx(11.1)
    assert marks.reported(2, 10.2) == 10.1
    assert marks.reported(1, 10.2) is None
    assert marks.drained_at(10.2) == 10.2
