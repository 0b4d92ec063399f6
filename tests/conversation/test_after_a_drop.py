"""A session is lost: no word of the caller is, and none is told that nobody heard."""

import pytest

from trio_sts.conversation.commands import Reconnect, RunTool
from trio_sts.wire.realtime.events import RateLimitsUpdated
from trio_sts.wire.realtime.requests import (
    AppendAudio,
    CreateFunctionCall,
    CreateFunctionOutput,
    CreateMessage,
    CreateResponse,
    DeleteItem,
    TruncateItem,
)

from .stage import Stage
from .voice import keep_silent, speak

TEN = "One two three four five six seven eight nine ten."


def back(stage: Stage) -> None:
    """The session is lost, and the next one is there."""
    stage.model_lost()
    stage.mark()
    stage.model_ready()


def agents_words(stage: Stage) -> list[str]:
    told = stage.all(CreateMessage)
    return [each.text for each in told if each.role == "assistant"]


def resent_ms(stage: Stage) -> float:
    return sum(len(each.audio) for each in stage.all(AppendAudio)) / 48


# What the agent said.


@pytest.mark.parametrize("complete", [True, False])
def test_words_whose_audio_never_came_are_told_to_nobody(complete: bool) -> None:
    stage = Stage.ready()
    stage.created()
    stage.words(TEN)
    stage.delta(1000)
    if complete:
        stage.audio_done()
    stage.advance(0.5)
    back(stage)
    heard = TEN if complete else "One two three"
    assert agents_words(stage) == [heard]
    stage.advance(2)
    assert stage.said[:1] == [("agent", heard)]


def test_how_fast_the_agent_speaks_is_learned() -> None:
    stage = Stage.ready()
    for number in range(3):
        # 49 characters in 2 s: faster than is assumed.
        stage.created(f"q{number}")
        stage.words(TEN, f"j{number}", f"q{number}")
        stage.delta(2000, f"j{number}", f"q{number}")
        stage.audio_done(f"j{number}", f"q{number}")
        stage.done(f"q{number}")
        stage.advance(3)
    stage.created()
    stage.words(TEN)
    stage.delta(1000)
    back(stage)
    assert agents_words(stage)[-1] == "One two three four five"


def test_an_answer_without_audio_yet_is_told_to_nobody() -> None:
    stage = Stage.ready()
    stage.created()
    stage.announce()
    stage.words(TEN)
    back(stage)
    stage.advance(3)
    assert not agents_words(stage)
    assert not stage.said


def test_what_is_cut_off_after_the_drop_is_told_as_cut() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    stage.caller_said("u1", "Count.")
    stage.created()
    stage.words(TEN)
    stage.delta(4000)
    stage.audio_done()
    stage.done()
    stage.advance(1)
    back(stage)
    user, agent = stage.all(CreateMessage)
    assert agent.text == TEN
    stage.advance(1.06)
    stage.mark()
    stage.speech_started()
    assert stage.all(DeleteItem)[0].item_id == agent.item_id
    (again,) = stage.all(CreateMessage)
    assert again.text == "One two three four five"
    assert again.previous_item_id == user.item_id
    assert not stage.all(TruncateItem)
    stage.advance(1)
    assert stage.said == [("agent", "One two three four five")]


def test_what_is_cut_off_at_once_is_taken_back_and_what_was_heard_stays() -> None:
    stage = Stage.ready()
    stage.answer(400)
    stage.words("Hello.")
    stage.advance(1)
    stage.created("r2")
    stage.words(TEN, "i2", "r2")
    stage.delta(4000, "i2", "r2")
    stage.audio_done("i2", "r2")
    stage.done("r2")
    back(stage)
    first, second = stage.all(CreateMessage)
    stage.mark()
    stage.speech_started()
    assert [each.item_id for each in stage.all(DeleteItem)] == [second.item_id]
    assert not stage.all(CreateMessage)
    assert first.text == "Hello."


def test_what_was_cut_off_before_the_next_session_is_told_once() -> None:
    stage = Stage.ready()
    stage.created()
    stage.words(TEN)
    stage.delta(4000)
    stage.audio_done()
    stage.advance(2.06)
    stage.model_lost()
    stage.keys("1")
    stage.mark()
    stage.model_ready()
    assert agents_words(stage) == ["One two three four five"]
    stage.advance(3)
    assert not stage.all(DeleteItem)


def test_a_cut_answer_is_asked_to_go_on() -> None:
    stage = Stage.ready()
    stage.created()
    stage.words(TEN)
    stage.delta(1000)
    back(stage)
    stage.advance(3)
    (asked,) = stage.all(CreateResponse)
    assert asked.instructions is not None
    assert "cut off" in asked.instructions


# What the caller said.


def test_a_turn_that_is_being_spoken_is_heard_from_its_start() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.talk(3)
    back(stage)
    assert resent_ms(stage) == pytest.approx(3000, abs=1)


def test_a_turn_that_is_neither_transcribed_nor_answered_is_heard_again() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.talk(2)
    stage.speech_stopped()
    stage.committed("u1")
    back(stage)
    assert resent_ms(stage) == pytest.approx(2000, abs=1)
    assert not stage.all(CreateMessage)


@pytest.mark.parametrize("what", ["words", "answer"])
def test_a_turn_that_was_understood_is_not_heard_again(what: str) -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.talk(2)
    stage.speech_stopped()
    stage.committed("u1")
    if what == "words":
        stage.caller_said("u1", "What time is it?")
    else:
        stage.answer(400)
    back(stage)
    assert resent_ms(stage) == 0
    told = [each.text for each in stage.all(CreateMessage) if each.role == "user"]
    assert told == ["What time is it?" if what == "words" else "(inaudible)"]


def test_words_for_an_older_turn_do_not_settle_the_last_one() -> None:
    stage = Stage.ready()
    for number in range(2):
        stage.speech_started()
        stage.talk(1)
        stage.speech_stopped()
        stage.committed(f"u{number}")
    stage.caller_said("u0", "First.")
    back(stage)
    assert resent_ms(stage) >= 1000
    assert [each.text for each in stage.all(CreateMessage)] == ["First."]


def test_speech_that_a_dead_session_never_saw_is_heard_by_the_next() -> None:
    stage = Stage.ready()
    stage.talk(20)
    spoken_from = stage.conversation.counters.caller_audio_ms
    speak(stage, 3)
    said_ms = stage.conversation.counters.caller_audio_ms - spoken_from
    back(stage)
    assert resent_ms(stage) >= said_ms


def test_of_a_quiet_line_hardly_anything_is_heard_again() -> None:
    stage = Stage.ready()
    stage.talk(20)
    back(stage)
    assert 480 <= resent_ms(stage) <= 1020


def test_a_burst_that_was_posted_before_the_loss_was_noticed_is_heard() -> None:
    stage = Stage.ready()
    stage.talk(2)
    for _ in range(100):
        stage.caller_frame()
    back(stage)
    assert resent_ms(stage) >= 2000


def test_no_more_than_10_s_are_heard_again() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.talk(14)
    back(stage)
    stage.advance(5)
    assert resent_ms(stage) == pytest.approx(10_000, abs=110)


# Calls of tools.


def test_an_id_of_the_old_session_blocks_no_call_of_the_new_one() -> None:
    stage = Stage.ready()
    stage.call_tool("c1")
    stage.tool_finished("c1")
    back(stage)
    stage.call_tool("c1")
    (run,) = stage.all(RunTool)
    stage.mark()
    stage.tool_finished(run.call_id, '"again"')
    (output,) = stage.all(CreateFunctionOutput)
    assert (output.call_id, output.output) == ("c1", '"again"')


def test_a_call_that_the_history_has_lost_is_told_as_long_as_it_is_unanswered() -> None:
    stage = Stage.ready()
    stage.call_tool("slow")
    for number in range(210):
        stage.committed(f"u{number}")
        stage.caller_said(f"u{number}", "Words.")
    back(stage)
    assert [each.call_id for each in stage.all(CreateFunctionCall)] == ["slow"]
    stage.tool_finished("slow")
    assert [each.call_id for each in stage.all(CreateFunctionOutput)] == ["slow"]


# The session says itself that it is over.


def test_a_session_that_has_expired_is_replaced_whether_or_not_it_closes() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.speech_stopped()
    stage.mark()
    stage.error("session_expired")
    assert len(stage.all(Reconnect)) == 1
    stage.model_ready()
    stage.advance(1.1)
    assert stage.creates == 1


@pytest.mark.parametrize(("unsent_ms", "resent"), [(0, 750), (5000, 5000)])
def test_audio_that_the_old_socket_refused_goes_to_the_new_one(
    unsent_ms: int, resent: int
) -> None:
    stage = Stage.ready()
    stage.talk(8)
    stage.model_lost(unsent=bytes(48 * unsent_ms))
    stage.mark()
    stage.model_ready()
    stage.advance(2)
    # Of a quiet line 0.5 to 1 s are kept in any case.
    assert resent_ms(stage) == pytest.approx(resent, abs=260)


def test_an_event_alone_does_not_say_that_the_caller_was_heard() -> None:
    stage = Stage.ready()
    stage.talk(20)
    speak(stage, 2)
    stage.answer(100)
    speak(stage, 2)
    stage.model(RateLimitsUpdated())
    stage.talk(2)
    back(stage)
    assert resent_ms(stage) >= 4000


def test_speech_that_the_vad_ignores_is_not_kept_for_ever() -> None:
    stage = Stage.ready()
    speak(stage, 1)
    keep_silent(stage, 20)
    stage.mark()
    keep_silent(stage, 12)
    back(stage)
    assert resent_ms(stage) <= 1020


def test_speech_is_kept_without_the_silence_after_it() -> None:
    stage = Stage.ready()
    stage.talk(3)
    speak(stage, 2)
    keep_silent(stage, 20)
    speak(stage, 2)
    keep_silent(stage, 6)
    back(stage)
    assert 4000 < resent_ms(stage) < 9000
