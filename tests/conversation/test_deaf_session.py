"""A caller whom we hear and the model does not, and one who says nothing at all."""

import pytest

from trio_sts.conversation.commands import EndCall, Note, Reconnect, RunTool
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import CancelResponse, CreateResponse

from .stage import Stage
from .voice import keep_silent, speak


def quiet(**rules: object) -> Stage:
    """A call in which the model has spoken once and owes nothing."""
    stage = Stage.ready(**rules)
    stage.answer(200)
    keep_silent(stage, 1)
    stage.mark()
    return stage


def test_a_session_that_does_not_hear_the_caller_is_asked_then_replaced() -> None:
    stage = quiet()
    speak(stage, 2)
    keep_silent(stage, 6)
    assert stage.creates == 0
    keep_silent(stage, 2)
    assert stage.creates == 1
    assert stage.all(CancelResponse) == []
    keep_silent(stage, 8)
    assert len(stage.all(Reconnect)) == 1
    stage.model_ready()
    keep_silent(stage, 10)
    assert isinstance(stage.end, EndCall)
    assert stage.end.code == 1011


def test_any_event_of_the_model_shows_that_it_hears() -> None:
    stage = quiet()
    speak(stage, 2)
    keep_silent(stage, 3)
    stage.model(events.RateLimitsUpdated())
    keep_silent(stage, 20)
    assert stage.creates == 0
    assert stage.all(Reconnect) == []


def test_less_than_a_second_of_speech_may_be_a_cough() -> None:
    stage = quiet()
    speak(stage, 0.6)
    keep_silent(stage, 20)
    assert stage.creates == 0


@pytest.mark.parametrize("frames", [True, False])
def test_a_silent_caller_is_asked_twice_and_let_go(frames: bool) -> None:
    stage = quiet(silence_prompt_s=20, farewell=True, hangup_grace_ms=800)

    def wait(seconds: float) -> None:
        if frames:
            keep_silent(stage, seconds)
        else:
            stage.advance(seconds)

    for n in (1, 2):
        wait(18.5)
        assert stage.creates == 0
        wait(2)
        (ask,) = stage.all(CreateResponse)
        assert ask.tool_choice == "none"
        assert ask.instructions is not None
        assert "still there" in ask.instructions
        stage.answer(1000, f"q{n}", f"q{n}")
        wait(1.3)
        stage.mark()
    wait(20.5)
    (goodbye,) = stage.all(CreateResponse)
    assert goodbye.tool_choice == "none"
    assert goodbye.instructions is not None
    assert "goodbye" in goodbye.instructions.lower()
    stage.answer(1000, "bye", "bye")
    wait(1.0)
    assert stage.all(RunTool) == []
    wait(1.0)
    (run,) = stage.all(RunTool)
    assert (run.name, run.own) == ("avr_hangup", True)
    stage.tool_finished(run.call_id)
    assert stage.conversation.end_reason == "caller silent"
    stage.advance(3.1)
    assert stage.end == EndCall(1000, "caller silent")


@pytest.mark.parametrize("sign", ["vad", "ear", "key"])
def test_any_speech_or_key_starts_the_count_anew(sign: str) -> None:
    stage = quiet(silence_prompt_s=20)
    keep_silent(stage, 20)
    stage.answer(200, "q1", "q1")
    keep_silent(stage, 15)
    number = 2
    if sign == "vad":
        stage.speech_started()
        stage.speech_stopped()
    elif sign == "ear":
        speak(stage, 0.8)
    else:
        stage.keys("1#")
    if sign != "ear":
        stage.answer(200, "a1", "a1")
    keep_silent(stage, 18.5)
    stage.mark()
    for n in range(number):
        keep_silent(stage, 3)
        (ask,) = stage.all(CreateResponse)
        assert "still there" in (ask.instructions or ""), n
        stage.answer(200, f"q{n + 2}", f"q{n + 2}")
        keep_silent(stage, 18)
        stage.mark()


def test_no_question_while_something_is_owed_or_audible() -> None:
    stage = quiet(silence_prompt_s=5, dead_air_s=100)
    stage.keys("1#")
    stage.mark()
    keep_silent(stage, 20)
    assert stage.creates == 0
    stage.created("r2")
    stage.delta(8000, "i2", "r2")
    stage.done("r2")
    keep_silent(stage, 12.5)
    assert stage.creates == 0
    keep_silent(stage, 1)
    assert stage.creates == 1


def test_zero_turns_it_off() -> None:
    stage = quiet(silence_prompt_s=0)
    keep_silent(stage, 60)
    assert stage.creates == 0


def test_a_caller_who_answers_the_goodbye_is_not_hung_up_on() -> None:
    stage = quiet(silence_prompt_s=5, hangup_grace_ms=800)
    for n in range(3):
        keep_silent(stage, 5.5)
        stage.answer(300, f"q{n}", f"q{n}")
    keep_silent(stage, 0.5)
    stage.speech_started()
    stage.speech_stopped()
    stage.answer(300, "a", "a")
    keep_silent(stage, 4)
    assert stage.all(RunTool) == []
    assert not stage.over()


@pytest.mark.parametrize("sound", ["silence", "speech", "key"])
def test_the_idle_time_counts_from_the_last_speech_or_key(sound: str) -> None:
    stage = quiet(idle_s=30, dead_air_s=1000)
    keep_silent(stage, 20)
    if sound == "speech":
        speak(stage, 0.8)
    elif sound == "key":
        stage.keys("1")
    keep_silent(stage, 15)
    assert stage.over() is (sound == "silence")
    if sound == "silence":
        assert stage.end is not None
        assert stage.end.code == 1000


def test_the_log_tells_of_a_silent_caller() -> None:
    stage = quiet(silence_prompt_s=5)
    keep_silent(stage, 6)
    (note,) = [n for n in stage.all(Note) if n.event == "caller silent"]
    assert dict(note.fields) == {"questions": 1}
