"""Caller audio: floods are metered, gaps are mended."""

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import AppendAudio

from .stage import VOICE, Stage


def appended_ms(stage: Stage) -> float:
    return sum(len(append.audio) for append in stage.all(AppendAudio)) / 48


def test_a_flood_is_let_through_at_5_s_a_second_and_the_oldest_dropped() -> None:
    stage = Stage.ready()
    for _ in range(1000):
        stage.caller(avr.CallerAudio(VOICE))
    assert appended_ms(stage) == 5000
    for _ in range(1000):
        stage.caller(avr.CallerAudio(VOICE))
    assert stage.conversation.counters.dropped_audio_ms == 25_000
    warnings = [note for note in stage.all(Note) if note.level == "warning"]
    assert [note.event for note in warnings] == ["caller audio dropped"]
    stage.advance(1)
    assert appended_ms(stage) == pytest.approx(10_000, abs=40)
    stage.advance(5)
    assert appended_ms(stage) == 15_000


def test_real_time_audio_is_never_metered() -> None:
    stage = Stage.ready()
    stage.talk(30)
    assert appended_ms(stage) == 30_000
    assert stage.conversation.counters.caller_audio_ms == 30_000


def test_silence_mends_a_gap_in_mid_speech_in_real_time_for_2_s() -> None:
    stage = Stage.ready()
    stage.talk(1)
    stage.speech_started()
    stage.mark()
    stage.advance(0.17)
    assert appended_ms(stage) == 0
    stage.advance(0.02)
    assert appended_ms(stage) == 100
    stage.advance(1)
    assert appended_ms(stage) == 1100
    stage.advance(10)
    assert appended_ms(stage) == 2000
    assert not any(any(append.audio[200:]) for append in stage.all(AppendAudio))


def test_no_silence_is_sent_while_nobody_speaks() -> None:
    stage = Stage.ready()
    stage.talk(1)
    stage.mark()
    stage.advance(10)
    assert appended_ms(stage) == 0


def test_the_end_of_speech_ends_the_silence() -> None:
    stage = Stage.ready()
    stage.talk(1)
    stage.speech_started()
    stage.advance(0.6)
    stage.mark()
    stage.speech_stopped()
    stage.advance(5)
    assert appended_ms(stage) == 0


def test_a_caller_who_comes_back_may_leave_again() -> None:
    stage = Stage.ready()
    stage.talk(1)
    stage.speech_started()
    stage.advance(5)
    stage.talk(0.1)
    stage.mark()
    stage.advance(5)
    assert appended_ms(stage) == 2000


def test_silence_is_not_put_before_audio_that_waits() -> None:
    stage = Stage.ready()
    for _ in range(500):
        stage.caller(avr.CallerAudio(VOICE))
    stage.speech_started()
    stage.advance(3)
    sizes = [len(append.audio) for append in stage.all(AppendAudio)]
    voiced = [any(append.audio[-600:]) for append in stage.all(AppendAudio)]
    assert voiced == sorted(voiced, reverse=True)
    assert sum(sizes) / 48 == pytest.approx(12_000, abs=200)
