"""A session's time is up: the next one takes over, and nobody notices."""

from typing import Any

import pytest

from trio_sts.conversation.commands import OpenSpare, Reconnect, RunTool, UseSpare
from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import (
    AppendAudio,
    CreateFunctionCall,
    CreateFunctionOutput,
    CreateMessage,
    CreateResponse,
    DeleteItem,
)

from .stage import Stage
from .voice import speak

TEN = "One two three four five six seven eight nine ten."


def lasting(seconds: float, **rules: Any) -> Stage:
    """A call whose session lasts so long from now on."""
    stage = Stage.ready(**rules)
    stage.model_lost()
    stage.model_ready(lasts_s=seconds)
    stage.mark()
    return stage


def with_spare(seconds: float = 1000, **rules: Any) -> Stage:
    """A quiet one whose next session is about to be ready."""
    stage = lasting(seconds, **rules)
    stage.advance(seconds * 0.75)
    assert stage.all(OpenSpare)
    return stage


def speaking(stage: Stage, ms: float = 4000) -> None:
    stage.created()
    stage.words(TEN)
    stage.delta(ms)
    stage.audio_done()
    stage.done()


def talked(stage: Stage) -> None:
    stage.committed("u1")
    stage.caller_said("u1", "What time is it?")
    stage.answer(400)
    stage.words("Half past ten.")
    stage.advance(1)


@pytest.mark.parametrize(
    ("lasts_s", "before_s"), [(3600, 300), (1200, 300), (12, 3), (1000, 250)]
)
def test_the_next_session_is_opened_5_min_or_a_quarter_before_the_end(
    lasts_s: float, before_s: float
) -> None:
    stage = lasting(lasts_s)
    stage.advance(lasts_s - before_s - 0.01)
    assert not stage.all(OpenSpare)
    stage.advance(0.02)
    assert stage.all(OpenSpare) == [OpenSpare()]


def test_in_a_quiet_moment_it_takes_over_and_knows_everything() -> None:
    stage = lasting(1000)
    talked(stage)
    stage.advance(760)
    stage.mark()
    stage.spare_ready()
    kinds = stage.kinds()
    assert kinds[0] == "UseSpare"
    said = [each.text for each in stage.all(CreateMessage)]
    assert said == ["What time is it?", "Half past ten."]
    stage.advance(5)
    assert not stage.all(CreateResponse)
    assert not stage.all(Reconnect)
    assert stage.conversation.counters.renewals == 1


def test_one_follows_the_other() -> None:
    stage = lasting(12)
    for _ in range(3):
        stage.advance(9.1)
        assert len(stage.all(OpenSpare)) == 1
        stage.spare_ready(lasts_s=12)
        assert len(stage.all(UseSpare)) == 1
        stage.mark()
    assert stage.conversation.counters.renewals == 3


def test_while_the_agent_is_heard_it_waits() -> None:
    stage = with_spare()
    speaking(stage)
    stage.spare_ready()
    stage.advance(4)
    assert not stage.all(UseSpare)
    stage.advance(0.2)
    assert stage.all(UseSpare)


def test_while_the_caller_speaks_it_waits_for_the_answer_too() -> None:
    stage = with_spare()
    stage.speech_started()
    stage.spare_ready()
    stage.talk(2)
    stage.speech_stopped()
    stage.committed("u2")
    stage.advance(0.3)
    stage.created()
    assert not stage.all(UseSpare)
    stage.delta(400)
    stage.audio_done()
    stage.done()
    stage.advance(0.3)
    stage.caller_said("u2", "And now?")
    assert not stage.all(UseSpare)
    stage.advance(0.3)
    assert stage.all(UseSpare)
    assert [e.text for e in stage.all(CreateMessage)] == ["And now?"]


def test_words_that_are_still_to_come_are_waited_for() -> None:
    stage = with_spare()
    stage.committed("u2")
    stage.spare_ready()
    stage.answer(400)
    stage.advance(2)
    assert not stage.all(UseSpare)
    stage.caller_said("u2", "And now?")
    assert stage.all(UseSpare)
    assert stage.all(CreateMessage)[0].text == "And now?"


@pytest.mark.parametrize(("shows_sign", "pause_s"), [(True, 0.7), (False, 2)])
def test_what_our_own_ear_hears_is_no_quiet_moment(
    shows_sign: bool, pause_s: float
) -> None:
    stage = with_spare()
    speak(stage, 0.8)
    stage.spare_ready()
    if shows_sign:
        # The model has heard nothing that is worth an answer.
        stage.error("invalid_value")
    assert not stage.all(UseSpare)
    stage.advance(pause_s - 0.2)
    assert not stage.all(UseSpare)
    stage.mark()
    stage.advance(0.3)
    assert stage.all(UseSpare)
    # What it may not have taken for speech is heard by the next one.
    assert sum(len(each.audio) for each in stage.all(AppendAudio)) / 48 > 400


def test_a_tool_that_runs_is_waited_for_until_it_is_nearly_too_late() -> None:
    stage = with_spare()
    stage.call_tool("c1")
    stage.spare_ready()
    stage.advance(219)
    assert not stage.all(UseSpare)
    stage.advance(2)
    assert stage.all(UseSpare)
    assert stage.all(CreateFunctionCall)
    assert not stage.all(CreateFunctionOutput)
    stage.tool_finished("c1")
    assert len(stage.all(CreateFunctionOutput)) == 1
    assert stage.creates == 1
    assert len(stage.all(RunTool)) == 1


def hurried(**rules: Any) -> Stage:
    """The agent speaks from before the hurry begins until after the session's end."""
    stage = with_spare(**rules)
    stage.advance(219.5)
    stage.created()
    stage.words(TEN)
    stage.delta(40_000)
    stage.spare_ready()
    stage.advance(1)
    assert not stage.all(UseSpare), "its response is not done"
    stage.mark()
    return stage


def test_in_a_hurry_it_takes_over_at_the_end_of_a_response() -> None:
    stage = hurried()
    stage.audio_done()
    stage.done()
    assert stage.all(UseSpare)
    assert [each.text for each in stage.all(CreateMessage)] == [TEN]
    assert stage.creates == 0
    # It is played on without a gap.
    stage.mark()
    stage.advance(38)
    frames = sum(len(each.pcm) for each in stage.all(avr.AgentAudio))
    assert frames / 16 == pytest.approx(38_000, abs=400)


def test_a_barge_in_after_that_is_told_to_the_new_one() -> None:
    stage = hurried()
    stage.audio_done()
    stage.done()
    (told,) = stage.all(CreateMessage)
    stage.advance(7.06)
    stage.mark()
    stage.speech_started()
    assert stage.all(avr.Interruption)
    assert [each.item_id for each in stage.all(DeleteItem)] == [told.item_id]
    (again,) = stage.all(CreateMessage)
    assert TEN.startswith(again.text)
    assert 0 < len(again.text) < len(TEN)


def test_a_response_that_never_ends_is_lost_with_its_session_and_goes_on() -> None:
    stage = hurried()
    stage.advance(29)
    assert not stage.all(UseSpare)
    stage.mark()
    stage.model_lost()
    assert stage.kinds()[0] == "UseSpare"
    assert not stage.all(Reconnect)
    stage.advance(15)
    assert stage.creates == 1


def test_a_session_that_is_lost_meanwhile_has_its_follower_at_once() -> None:
    stage = with_spare()
    stage.speech_started()
    stage.talk(1)
    stage.spare_ready()
    stage.mark()
    stage.model_lost()
    assert stage.kinds()[0] == "UseSpare"
    assert stage.all(AppendAudio), "the turn that is being spoken"
    assert not stage.all(Reconnect)


def test_a_session_that_is_lost_while_the_next_is_being_opened_is_replaced() -> None:
    stage = with_spare()
    stage.model_lost()
    assert stage.all(Reconnect)
    stage.spare_ready()
    assert not stage.all(UseSpare)
    stage.model_ready()
    stage.advance(10)
    assert not stage.all(UseSpare)


def test_a_next_session_that_is_refused_is_tried_again() -> None:
    stage = with_spare(12)
    stage.mark()
    for _ in range(2):
        stage.spare_lost()
        assert not stage.all(OpenSpare)
        stage.advance(1.1)
        assert len(stage.all(OpenSpare)) == 1
        stage.mark()
    stage.spare_lost()
    stage.advance(5)
    assert not stage.all(OpenSpare), "it is too late"
    stage.model_lost()
    assert stage.all(Reconnect)
    assert stage.end is None


def test_a_next_session_that_dies_while_it_waits_is_replaced() -> None:
    stage = with_spare()
    speaking(stage)
    stage.spare_ready()
    stage.mark()
    stage.spare_lost()
    stage.advance(10)
    assert not stage.all(UseSpare)
    stage.advance(60)
    assert stage.all(OpenSpare)
    stage.spare_ready()
    assert stage.all(UseSpare)


def test_during_a_goodbye_nothing_takes_over() -> None:
    stage = with_spare()
    stage.created()
    stage.delta(3000)
    stage.function_call("c1", "avr_hangup")
    stage.audio_done()
    stage.done()
    stage.spare_ready()
    stage.advance(10)
    assert not stage.all(UseSpare)
    assert stage.all(RunTool)


def test_the_greeting_is_not_given_twice() -> None:
    stage = lasting(1000, greeting=True)
    stage.answer(1000)
    stage.advance(751)
    stage.mark()
    stage.spare_ready()
    assert stage.all(UseSpare)
    stage.advance(5)
    assert stage.creates == 0


@pytest.mark.parametrize("how", ["dropped", "mute"])
def test_a_greeting_that_nobody_heard_is_asked_of_the_session_that_takes_over(
    how: str,
) -> None:
    stage = lasting(10, greeting=True)
    stage.advance(8.5)
    stage.spare_ready()
    stage.mark()
    if how == "dropped":
        stage.model_lost()
    else:
        stage.advance(8)
    assert stage.all(UseSpare)
    assert stage.creates == 1


def test_it_can_be_turned_off() -> None:
    stage = lasting(1000, renew=False)
    stage.advance(2000)
    assert not stage.all(OpenSpare)
