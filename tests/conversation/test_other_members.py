"""Rare members of the kinds of silence: odd orders, odd ids, callers who come back."""

import pytest

from trio_sts.conversation.commands import EndCall, Note, Reconnect
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ErrorDetail, Item
from trio_sts.wire.realtime.requests import CancelResponse, CreateResponse

from .stage import Stage, called
from .test_deaf_session import quiet
from .test_giving_up import FALLBACK, in_mid_call
from .test_goodbye import run_tools
from .test_goodbye_steps import wordless
from .test_mcp_turns import ENDS, progress
from .voice import keep_silent, speak

ACTIVE = "conversation_already_has_active_response"


def tool_answered() -> Stage:
    """A tool has answered, and its answer was asked for."""
    stage = Stage.ready()
    stage.call_tool()
    stage.tool_finished()
    stage.mark()
    return stage


def test_a_refusal_that_comes_after_the_end_of_the_other_response_counts() -> None:
    stage = tool_answered()
    stage.answer(200, "i2", "r2")
    stage.error(ACTIVE)
    stage.advance(0.5)
    assert stage.creates == 1


def test_a_second_refusal_of_the_same_ask_counts_too() -> None:
    stage = tool_answered()
    for number in (2, 3):
        stage.error(ACTIVE)
        stage.answer(200, f"i{number}", f"r{number}")
        stage.advance(0.5)
        assert stage.creates == number - 1
    assert not stage.over()


def test_an_event_of_a_response_without_its_id_is_a_sign_of_life() -> None:
    stage = tool_answered()
    stage.created("r2")
    for _ in range(5):
        stage.advance(5)
        stage.model(events.UnknownEvent("response.reasoning.delta"))
    assert stage.all(CancelResponse) == []


def last_goodbye(**rules: object) -> Stage:
    """The agent says goodbye to a caller who has been silent."""
    stage = quiet(silence_prompt_s=5, hangup_grace_ms=800, **rules)
    say_goodbye(stage, 0)
    return stage


def say_goodbye(stage: Stage, turn: int) -> None:
    for number in range(3):
        stage.mark()
        keep_silent(stage, 6.5)
        assert stage.creates == 1
        stage.answer(600, f"i{turn}{number}", f"s{turn}{number}")
        if number < 2:
            keep_silent(stage, 0.7)
    stage.mark()


def test_a_silent_caller_who_comes_back_is_never_hung_up_on() -> None:
    stage = last_goodbye()
    for turn in range(1, 5):
        stage.speech_started()
        keep_silent(stage, 0.5)
        stage.speech_stopped()
        stage.answer(300, f"a{turn}", f"b{turn}")
        keep_silent(stage, 1)
        assert run_tools(stage) == []
        say_goodbye(stage, turn)


def test_our_ear_alone_keeps_a_silent_caller_on_the_line() -> None:
    stage = last_goodbye()
    speak(stage, 0.6)
    keep_silent(stage, 4)
    assert run_tools(stage) == []
    assert not stage.over()


def test_remote_tools_that_go_round_are_told_to_speak_as_well() -> None:
    stage = Stage.ready()
    for number in range(8):
        stage.created(f"r{number}")
        for end in ("response.mcp_call.in_progress", ENDS[0]):
            progress(stage, end, f"m{number}")
        stage.done(f"r{number}", "completed")
        stage.advance(1.1)
    asked = stage.all(CreateResponse)
    assert [ask.tool_choice for ask in asked] == [None] * 7 + ["none"]


def test_a_model_that_only_calls_tools_is_replaced_and_then_given_up() -> None:
    stage = Stage.ready()
    number = sessions = 0
    while not stage.over() and number < 100:
        number += 1
        stage.call_tool(f"c{number}", response=f"r{number}")
        stage.tool_finished(f"c{number}")
        stage.advance(0.05)
        if len(stage.all(Reconnect)) > sessions:
            sessions += 1
            stage.model_ready()
            stage.advance(1.1)
    assert (number, sessions) == (24, 1)
    assert isinstance(stage.end, EndCall)
    assert stage.end.code == 1011
    warned = [n for n in stage.all(Note) if n.event == "tools without a word"]
    assert len(warned) <= 3


def test_audio_of_a_response_that_nothing_announced_is_a_barge_in() -> None:
    stage = Stage.ready()
    stage.answer(5000)
    stage.advance(1)
    stage.mark()
    stage.delta(500, "i2", "r2")
    assert stage.all(avr.Interruption) != []
    stage.advance(0.2)
    assert stage.core.received_ms["i2"] > 0


def test_one_response_id_for_ever_is_another_response_each_time() -> None:
    stage = Stage.ready()
    for number in range(3):
        stage.speech_started()
        stage.speech_stopped()
        stage.mark()
        stage.call_tool("call_0", response="resp_0")
        assert run_tools(stage) == ["look_up"], number
        stage.tool_finished("call_0" if not number else f"call_0_{number + 1}")
        stage.advance(0.1)
        assert stage.creates == 1
        stage.answer(300, f"i{number}", "resp_0")
        stage.advance(1)
        assert stage.core.received_ms[f"i{number}"] >= 300
    stage.advance(30)
    assert stage.creates == 1


def test_the_second_answer_of_one_response_id_for_ever_may_come_to_nothing() -> None:
    stage = Stage.ready()
    stage.answer(300, "i1", "resp_0")
    stage.advance(1)
    stage.speech_started()
    stage.speech_stopped()
    stage.mark()
    stage.created("resp_0")
    stage.done("resp_0")
    stage.advance(0.5)
    assert stage.creates == 1


@pytest.mark.parametrize("arguments", ["", '{"a": '])
@pytest.mark.parametrize("status", ["incomplete", "failed"])
def test_a_half_call_without_a_status_does_not_run(arguments: str, status: str) -> None:
    stage = tool_answered()
    stage.created("r2")
    half = Item(
        "f2", "function_call", call_id="c2", name="look_up", arguments=arguments
    )
    stage.done("r2", status, half)
    assert run_tools(stage) == []


@pytest.mark.parametrize("sign", ["key", "model"])
def test_any_sign_of_the_caller_shows_that_a_transfer_has_not_happened(
    sign: str,
) -> None:
    stage = Stage.ready(hangup_grace_ms=0)
    stage.created()
    stage.function_call("go", "avr_transfer")
    stage.done("r1", "completed", called("go", "avr_transfer"))
    stage.advance(0.1)
    stage.tool_finished("go")
    stage.advance(6)
    stage.mark()
    if sign == "key":
        stage.keys("5#")
    else:
        stage.speech_started()
        stage.speech_stopped()
    stage.advance(2)
    assert stage.creates == 1
    stage.answer(300, "i5", "r5")
    stage.advance(8)
    assert not stage.over()


def test_a_farewell_is_asked_for_without_the_field_that_is_refused() -> None:
    stage = wordless()
    assert stage.creates == 1
    stage.mark()
    stage.model(
        events.ErrorEvent(
            ErrorDetail(
                "invalid_request_error",
                "unknown_parameter",
                "Unknown parameter: 'response.tool_choice'.",
                param="response.tool_choice",
            )
        )
    )
    (ask,) = stage.all(CreateResponse)
    assert ask.tool_choice is None
    assert ask.instructions is not None


@pytest.mark.parametrize("by", ["done", "error"])
def test_an_answer_that_fails_after_some_words_is_asked_to_go_on(by: str) -> None:
    stage = tool_answered()
    stage.created("r2")
    stage.delta(600, "i2", "r2")
    if by == "done":
        stage.failed("r2")
    else:
        stage.error("server_error")
    stage.advance(1.2)
    (ask,) = stage.all(CreateResponse)
    assert "Go on where it stopped" in (ask.instructions or "")


def test_a_hangup_without_a_word_waits_for_the_session_that_can_say_it() -> None:
    stage = wordless()
    # The farewell was asked for; one that is lost before that is asked of the next.
    other = Stage.ready(farewell=True, hangup_grace_ms=800)
    other.speech_started()
    other.speech_stopped()
    other.created()
    other.function_call("bye", "avr_hangup")
    other.mark()
    other.model_lost()
    other.advance(3)
    assert run_tools(other) == []
    other.model_ready()
    other.advance(0.1)
    (ask,) = other.all(CreateResponse)
    (farewell,) = stage.all(CreateResponse)
    assert ask.instructions == farewell.instructions
    other.answer(500, "i9", "r9")
    other.advance(2)
    assert run_tools(other) == ["avr_hangup"]


def test_a_fallback_may_be_faster_than_the_answer_of_avr_ami() -> None:
    stage = in_mid_call(**FALLBACK)
    stage.model_failed("no model", "It is away.")
    assert stage.conversation.end_reason == "no model"
    stage.advance(1.2)
    assert run_tools(stage) == ["avr_transfer"]
    assert stage.conversation.end_reason == "transferred"
    stage.tool_finished("fallback", ok=False)
    assert isinstance(stage.end, EndCall)
    assert stage.end.outcome == "no model"
