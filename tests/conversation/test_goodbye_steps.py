"""The four steps of a goodbye, and what the caller can still do about it."""

from collections.abc import Mapping
from typing import Any

import pytest

from trio_sts.conversation.commands import EndCall, Note, RunTool
from trio_sts.conversation.config import ControlKind
from trio_sts.wire.realtime.requests import (
    CreateFunctionOutput,
    CreateMessage,
    CreateResponse,
)

from .stage import Stage, called, spoken
from .test_goodbye import run_tools, saying_goodbye
from .voice import keep_silent, speak

FULL: dict[str, Any] = {"farewell": True, "hangup_grace_ms": 800}


def wordless(**rules: object) -> Stage:
    """A hangup before which the agent has said nothing since the caller's turn."""
    stage = Stage.ready(**{**FULL, **rules})
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.function_call("bye", "avr_hangup")
    stage.mark()
    stage.done("r1", "completed", called("bye", "avr_hangup"))
    return stage


@pytest.mark.parametrize(
    ("name", "grace_ms", "waits_s"),
    [
        ("avr_hangup", 800, 0.8),
        ("avr_hangup", 2000, 2.0),
        ("avr_hangup", 0, 0.0),
        ("avr_transfer", 800, 0.3),
        ("avr_transfer", 200, 0.2),
    ],
)
def test_some_grace_follows_the_last_word(
    name: str, grace_ms: int, waits_s: float
) -> None:
    stage = saying_goodbye(name, 1000, farewell=True, hangup_grace_ms=grace_ms)
    stage.advance(5)
    heard_at = -5 + 1.06
    assert stage.times(RunTool) == [pytest.approx(heard_at + waits_s, abs=0.03)]


@pytest.mark.parametrize("length_s", [18, 40])
def test_a_long_goodbye_is_heard_to_its_end(length_s: float) -> None:
    stage = saying_goodbye(ms=length_s * 1000, **FULL)
    stage.advance(length_s)
    assert run_tools(stage) == []
    stage.advance(1)
    assert run_tools(stage) == ["avr_hangup"]
    assert stage.core.silent


def test_60_s_are_the_longest() -> None:
    stage = saying_goodbye(ms=90_000, **FULL)
    stage.advance(59.9)
    assert run_tools(stage) == []
    stage.advance(0.2)
    assert run_tools(stage) == ["avr_hangup"]


def test_a_stall_is_bounded_by_the_timeout_and_not_by_playing_time() -> None:
    stage = Stage.ready(**FULL)
    stage.created()
    stage.delta(20_000)
    stage.function_call("bye", "avr_hangup")
    # Its response never ends; what came of it is heard, and 15 s later it is a stall.
    stage.advance(34)
    assert run_tools(stage) == []
    stage.advance(2)
    assert run_tools(stage) == ["avr_hangup"]


def test_the_other_calls_of_the_response_answer_first() -> None:
    stage = Stage.ready(**FULL)
    stage.created()
    stage.delta(500)
    stage.function_call("book", "book")
    stage.function_call("bye", "avr_hangup")
    stage.done("r1", "completed", spoken("i1"), called("book"), called("bye"))
    stage.advance(16)
    assert run_tools(stage) == ["book"]
    stage.tool_finished("book")
    stage.advance(1)
    assert run_tools(stage) == ["book", "avr_hangup"]


def test_a_hangup_without_a_word_asks_for_one_farewell() -> None:
    stage = wordless()
    (ask,) = stage.all(CreateResponse)
    assert ask.tool_choice == "none"
    assert ask.instructions is not None
    assert "goodbye" in ask.instructions.lower()
    stage.answer(1000, "f1", "f1")
    stage.advance(1.8)
    assert run_tools(stage) == []
    stage.advance(0.2)
    assert run_tools(stage) == ["avr_hangup"]
    assert stage.creates == 1


def test_a_farewell_has_5_s_to_its_first_audio() -> None:
    stage = wordless()
    stage.created("f1")
    stage.advance(4.9)
    assert run_tools(stage) == []
    stage.advance(1)
    assert run_tools(stage) == ["avr_hangup"]


def test_a_farewell_that_began_is_heard_to_its_end() -> None:
    stage = wordless()
    stage.created("f1")
    stage.advance(4.8)
    stage.delta(3000, "f1", "f1")
    stage.advance(3)
    assert run_tools(stage) == []
    stage.done("f1")
    stage.advance(1)
    assert run_tools(stage) == ["avr_hangup"]


def test_a_farewell_can_be_left_out() -> None:
    stage = wordless(farewell=False)
    stage.advance(0.9)
    assert run_tools(stage) == ["avr_hangup"]
    assert stage.creates == 0


def test_words_before_the_call_are_a_farewell() -> None:
    stage = Stage.ready(**FULL)
    stage.speech_started()
    stage.speech_stopped()
    stage.answer(1000)
    stage.call_tool("bye", "avr_hangup", "r2")
    stage.advance(3)
    assert stage.creates == 0
    assert run_tools(stage) == ["avr_hangup"]


def test_a_transfer_without_a_word_asks_for_none() -> None:
    stage = Stage.ready(**FULL)
    stage.call_tool("go", "avr_transfer")
    stage.advance(0.4)
    assert run_tools(stage) == ["avr_transfer"]
    assert stage.creates == 0


@pytest.mark.parametrize("by", ["speech", "key"])
def test_a_caller_who_goes_on_within_the_grace_keeps_the_line(by: str) -> None:
    stage = saying_goodbye(ms=1000, **FULL)
    stage.advance(1.06 + 0.5)
    if by == "speech":
        stage.speech_started()
        stage.speech_stopped()
    else:
        stage.keys("1")
    stage.advance(3)
    assert run_tools(stage) == []
    (output,) = stage.all(CreateFunctionOutput)
    assert "still talking" in output.output


def test_a_cancelled_hangup_may_be_asked_for_twice_and_then_proceeds() -> None:
    stage = Stage.ready(hangup_grace_ms=800)
    for n in (1, 2, 3):
        stage.created(f"r{n}")
        stage.delta(500, f"i{n}", f"r{n}")
        stage.function_call(f"bye{n}", "avr_hangup", f"r{n}")
        stage.done(f"r{n}", "completed", called(f"bye{n}", "avr_hangup"))
        stage.speech_started()
        stage.advance(1)
        stage.speech_stopped()
        stage.advance(0.7)
        assert run_tools(stage) == []
    stage.advance(0.2)
    assert run_tools(stage) == ["avr_hangup"]


CONTROL: Mapping[str, ControlKind] = {
    "avr_hangup": "hangup",
    "auflegen": "hangup",
    "queue_transfer": "transfer",
}


@pytest.mark.parametrize("name", ["auflegen", "queue_transfer"])
def test_a_tool_of_the_operators_waits_like_the_built_in_ones(name: str) -> None:
    stage = saying_goodbye(name, 3000, call_control=CONTROL, **FULL)
    stage.advance(3.0)
    assert run_tools(stage) == []
    stage.advance(1.0)
    assert run_tools(stage) == [name]
    stage.tool_finished("bye")
    stage.mark()
    stage.advance(20)
    assert stage.creates == 0
    assert stage.end is not None
    assert stage.end.code == 1000


def transferred(**rules: object) -> Stage:
    stage = saying_goodbye("avr_transfer", 500, **{**FULL, **rules})
    stage.advance(1.5)
    stage.tool_finished("bye", '"Überwiesen"')
    stage.mark()
    return stage


def test_a_transferred_call_is_closed_after_10_s_of_silence() -> None:
    stage = transferred()
    keep_silent(stage, 9.9)
    assert not stage.over()
    keep_silent(stage, 0.2)
    assert stage.end == EndCall(1000, "transferred")


def test_a_caller_who_is_heard_after_5_s_was_not_transferred() -> None:
    stage = transferred()
    keep_silent(stage, 5.5)
    speak(stage, 2)
    (told,) = stage.all(CreateMessage)
    assert told.role == "system"
    assert "has not happened" in told.text
    assert stage.creates == 1
    assert [n for n in stage.all(Note) if n.event == "transfer has not happened"]
    keep_silent(stage, 7)
    assert not stage.over()


def test_a_caller_who_is_heard_before_is_on_the_way() -> None:
    stage = transferred()
    speak(stage, 4.5)
    keep_silent(stage, 5.7)
    assert stage.end == EndCall(1000, "transferred")


UNSAID: Mapping[str, ControlKind] = {"forward": "either"}


def test_a_tool_that_may_transfer_leaves_the_call_to_asterisk() -> None:
    stage = saying_goodbye("forward", 500, call_control=UNSAID, **FULL)
    stage.advance(2)
    assert run_tools(stage) == ["forward"]
    stage.tool_finished("bye", '"done"')
    stage.mark()
    keep_silent(stage, 9.9)
    assert not stage.over()
    keep_silent(stage, 0.2)
    assert stage.end == EndCall(1000, "hung up by the agent")


def test_a_caller_who_is_heard_after_it_is_still_there() -> None:
    stage = saying_goodbye("forward", 500, call_control=UNSAID, **FULL)
    stage.advance(2)
    stage.tool_finished("bye", '"done"')
    stage.mark()
    keep_silent(stage, 5.5)
    speak(stage, 2)
    (told,) = stage.all(CreateMessage)
    assert "neither ended nor been transferred" in told.text
    assert stage.creates == 1
    assert not stage.over()


def test_one_that_fails_leaves_the_call_to_the_model() -> None:
    stage = saying_goodbye("forward", 500, call_control=UNSAID, **FULL)
    stage.advance(2)
    stage.tool_finished("bye", '{"error": "no"}', ok=False)
    assert [output.output for output in stage.all(CreateFunctionOutput)] == [
        '{"error": "no"}'
    ]
    assert stage.creates == 1
    assert not stage.over()


def test_one_that_is_spoken_over_is_cancelled_as_a_hangup_is() -> None:
    stage = saying_goodbye("forward", 3000, call_control=UNSAID, **FULL)
    stage.advance(1)
    stage.speech_started()
    (output,) = stage.all(CreateFunctionOutput)
    assert "still talking" in output.output


def test_one_without_a_word_has_the_caller_told_what_happens() -> None:
    stage = Stage.ready(call_control=UNSAID, **FULL)
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.function_call("bye", "forward")
    stage.mark()
    stage.done("r1", "completed", called("bye", "forward"))
    (asked,) = stage.all(CreateResponse)
    assert asked.tool_choice == "none"
    assert "put you through" in (asked.instructions or "")


@pytest.mark.parametrize(
    ("name", "outcome"),
    [("avr_hangup", "hung up by the agent"), ("avr_transfer", "transferred")],
)
@pytest.mark.parametrize("answered", [True, False])
def test_a_leg_that_closes_after_the_request_is_its_success(
    name: str, outcome: str, answered: bool
) -> None:
    stage = saying_goodbye(name, 500, **FULL)
    assert stage.conversation.end_reason is None
    stage.advance(2)
    assert run_tools(stage) == [name]
    if answered:
        stage.tool_finished("bye")
    assert stage.conversation.end_reason == outcome


def test_a_transfer_that_was_refused_is_not_booked() -> None:
    stage = saying_goodbye("avr_transfer", 500, **FULL)
    stage.advance(2)
    stage.tool_finished("bye", "{}", ok=False)
    assert stage.conversation.end_reason is None
    assert stage.creates == 1


def test_a_fatal_error_after_a_hangup_is_no_failure() -> None:
    stage = saying_goodbye(ms=500, **FULL)
    stage.advance(2)
    stage.tool_finished("bye")
    stage.error("insufficient_quota")
    assert stage.end == EndCall(1000, "hung up by the agent")


def test_a_cancelled_response_cancels_its_hangup() -> None:
    stage = Stage.ready(**FULL)
    stage.created()
    stage.delta(500)
    stage.function_call("bye", "avr_hangup")
    stage.done("r1", "cancelled")
    stage.advance(20)
    assert run_tools(stage) == []
    assert stage.all(CreateFunctionOutput) == []
