"""The model leg drops in mid-call: another session takes over and knows the past."""

import pytest
from attrs import evolve

from trio_sts.conversation.commands import Reconnect
from trio_sts.wire.realtime.requests import (
    AppendAudio,
    ClientEvent,
    CreateFunctionCall,
    CreateFunctionOutput,
    CreateMessage,
    TruncateItem,
)

from .stage import Stage


def restored(stage: Stage) -> list[ClientEvent]:
    """What a new session is told before anything else."""
    stage.mark()
    stage.model_ready()
    items = (CreateMessage, CreateFunctionCall, CreateFunctionOutput)
    # Each has an id of ours, so that it can be corrected.
    told = [what for what in stage.all(object) if isinstance(what, items)]
    assert len({what.item_id for what in told}) == len(told)
    return [evolve(what, item_id=None) for what in told]


def said_and_heard(stage: Stage) -> None:
    stage.committed("u1")
    stage.caller_said("u1", "What time is it?")
    stage.created("r1")
    stage.words("Half past ten.")
    stage.delta(400)
    stage.audio_done()
    stage.done("r1")
    stage.advance(1)


def test_the_new_session_is_told_what_was_said_and_heard() -> None:
    stage = Stage.ready()
    said_and_heard(stage)
    stage.model_lost()
    assert stage.all(Reconnect) == [Reconnect(after_s=0.25)]
    assert restored(stage) == [
        CreateMessage("user", "What time is it?"),
        CreateMessage("assistant", "Half past ten."),
    ]
    assert stage.end is None


def test_what_was_cut_is_told_as_it_was_heard() -> None:
    stage = Stage.ready()
    stage.created()
    stage.words("One two three four five six seven eight nine ten.")
    stage.delta(4000)
    stage.advance(2.06)
    stage.speech_started()
    stage.model_lost()
    (told,) = restored(stage)
    assert told == CreateMessage("assistant", "One two three four five")


def test_what_was_never_transcribed_is_told_as_inaudible() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    stage.model_lost()
    assert restored(stage) == [CreateMessage("user", "(inaudible)")]


def test_keys_are_told_as_they_were_pressed() -> None:
    stage = Stage.ready()
    stage.keys("12#")
    stage.model_lost()
    (told,) = restored(stage)
    assert isinstance(told, CreateMessage)
    assert "12" in told.text


def test_tool_calls_are_told_with_their_outputs_and_once() -> None:
    stage = Stage.ready()
    stage.call_tool("c1")
    stage.tool_finished("c1", '"found"')
    stage.model_lost()
    assert restored(stage) == [
        CreateFunctionCall("c1", "look_up", "{}"),
        CreateFunctionOutput("c1", '"found"'),
    ]


def test_a_tool_that_answers_while_the_line_is_down_is_told_and_answered_once() -> None:
    stage = Stage.ready()
    stage.call_tool("c1")
    stage.model_lost()
    stage.mark()
    stage.tool_finished("c1", '"found"')
    assert not stage.all(CreateFunctionOutput)
    assert restored(stage)[1:] == [CreateFunctionOutput("c1", '"found"')]
    stage.advance(1.1)
    assert len(stage.all(CreateFunctionOutput)) == 1
    assert stage.creates == 1


def test_a_tool_that_answers_afterwards_is_answered_in_the_new_session() -> None:
    stage = Stage.ready()
    stage.created("r1")
    stage.function_call("c1", response="r1")
    stage.model_lost()
    assert restored(stage) == [CreateFunctionCall("c1", "look_up", "{}")]
    stage.tool_finished("c1", '"found"')
    assert stage.all(CreateFunctionOutput) == [CreateFunctionOutput("c1", '"found"')]
    assert stage.creates == 1


def test_a_call_that_was_dropped_is_not_told() -> None:
    stage = Stage.ready()
    stage.created("r1")
    stage.function_call("c1", "avr_hangup", "r1")
    stage.done("r1", "cancelled")
    stage.model_lost()
    assert restored(stage) == []


def test_there_is_no_second_greeting() -> None:
    stage = Stage.ready(greeting=True)
    stage.answer(400)
    stage.advance(2)
    stage.model_lost()
    stage.mark()
    stage.model_ready()
    stage.advance(2)
    assert stage.creates == 0


def test_a_greeting_that_nobody_heard_is_given_again() -> None:
    stage = Stage.ready(greeting=True)
    stage.created()
    stage.model_lost()
    stage.mark()
    stage.model_ready()
    assert stage.creates == 1


def test_a_turn_that_was_owed_is_asked_for_once() -> None:
    stage = Stage.ready()
    said_and_heard(stage)
    stage.speech_started()
    stage.speech_stopped()
    stage.model_lost()
    stage.mark()
    stage.model_ready()
    assert stage.creates == 0, "kept speech would be answered by the VAD"
    stage.advance(1.1)
    assert stage.creates == 1


def test_kept_speech_is_answered_by_the_vad_alone() -> None:
    stage = Stage.ready()
    said_and_heard(stage)
    stage.speech_started()
    stage.speech_stopped()
    stage.model_lost()
    stage.talk(0.5)
    stage.mark()
    stage.model_ready()
    assert stage.all(AppendAudio)
    stage.speech_started()
    stage.speech_stopped()
    stage.created("n1")
    stage.advance(3)
    assert stage.creates == 0


def test_nothing_owed_nothing_asked() -> None:
    stage = Stage.ready()
    said_and_heard(stage)
    stage.model_lost()
    stage.mark()
    stage.model_ready()
    stage.advance(20)
    assert stage.creates == 0
    assert stage.end is None


def test_what_came_of_an_answer_is_played_on_while_the_line_is_down() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(1010)
    stage.model_lost()
    stage.advance(3)
    assert stage.conversation.counters.agent_audio_ms == 1020


def test_ids_of_the_old_session_mean_nothing_in_the_new_one() -> None:
    stage = Stage.ready()
    stage.created("r1")
    stage.delta(2000, "i1", "r1")
    stage.advance(0.5)
    stage.model_lost()
    stage.model_ready()
    stage.advance(1.1)
    assert stage.creates == 1
    stage.created("r1")
    stage.delta(1000, "i1", "r1")
    stage.advance(0.5)
    stage.mark()
    stage.speech_started()
    cuts = stage.all(TruncateItem)
    assert [(cut.item_id, cut.audio_end_ms) for cut in cuts] == [("i1", 20)]


def test_audio_of_the_caller_is_kept_while_the_line_is_down() -> None:
    stage = Stage.ready()
    stage.model_lost()
    stage.mark()
    stage.talk(2)
    assert not stage.all(AppendAudio)
    stage.model_ready()
    assert sum(len(each.audio) for each in stage.all(AppendAudio)) / 48 == 2000


def test_after_three_sessions_that_were_lost_soon_the_call_ends() -> None:
    stage = Stage.ready()
    stage.advance(11)
    stage.model_lost()
    for _ in range(3):
        stage.model_ready()
        stage.advance(9.9)
        assert stage.end is None
        stage.model_lost()
    assert stage.end is not None
    assert stage.end.code == 1011
    # The next one is waited for longer each time.
    pauses = [each.after_s for each in stage.all(Reconnect)]
    assert pauses == [0, 0.25, 0.5]


def test_a_session_that_lasts_makes_the_count_start_again() -> None:
    stage = Stage.ready()
    for number in range(8):
        stage.model_lost()
        stage.model_ready()
        stage.advance(10.1 if number % 2 else 1)
    assert stage.end is None


def test_a_goodbye_goes_on_without_the_model() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(1000)
    stage.function_call("c1", "avr_hangup")
    stage.model_lost()
    stage.advance(2)
    assert "RunTool" in stage.kinds()
    stage.tool_finished("c1", '"done"')
    stage.advance(4)
    assert stage.end is not None
    assert stage.end.code == 1000


def test_a_model_that_goes_after_the_goodbye_is_no_failure() -> None:
    stage = Stage.ready()
    stage.call_tool("c1", "avr_hangup")
    stage.tool_finished("c1", '"done"')
    stage.model_lost()
    assert stage.end is not None
    assert stage.end.code == 1000


@pytest.mark.parametrize("audio_format", ["pcm", "pcmu"])
def test_silence_while_the_line_is_down_is_not_held_against_the_model(
    audio_format: str,
) -> None:
    stage = Stage.ready(audio_format=audio_format, dead_air_s=2)
    stage.speech_started()
    stage.speech_stopped()
    stage.model_lost()
    stage.advance(7)
    assert stage.end is None
    stage.model_ready()
    stage.advance(1.5)
    stage.created("n1")
    stage.delta(100, "n", "n1")
    assert stage.end is None
