"""Hangup and transfer wait until the caller has heard what was said."""

import pytest

from trio_sts.conversation.commands import EndCall, RunTool
from trio_sts.wire.avr import Interruption
from trio_sts.wire.realtime.events import OutputItemDone
from trio_sts.wire.realtime.requests import CancelResponse, CreateFunctionOutput

from .stage import Stage, called, spoken


def saying_goodbye(
    name: str = "avr_hangup", ms: float = 3000, **rules: object
) -> Stage:
    stage = Stage.ready(**rules)
    stage.created()
    stage.delta(ms)
    stage.function_call("bye", name)
    stage.done("r1", "completed", spoken("i1"), called("bye", name))
    return stage


def goodbye_in_one(stage: Stage, n: int) -> None:
    response, item, call_id = f"r{n}", f"i{n}", f"bye{n}"
    stage.created(response)
    stage.delta(1000, item, response)
    stage.function_call(call_id, "avr_hangup", response)
    stage.done(response, "completed", spoken(item), called(call_id, "avr_hangup"))


def run_tools(stage: Stage) -> list[str]:
    return [run.name for run in stage.all(RunTool)]


def told(stage: Stage) -> list[str]:
    return [output.output for output in stage.all(CreateFunctionOutput)]


@pytest.mark.parametrize("name", ["avr_hangup", "avr_transfer"])
def test_it_waits_until_the_goodbye_was_heard(name: str) -> None:
    stage = saying_goodbye(name)
    stage.advance(3.0)
    assert run_tools(stage) == []
    stage.advance(0.1)
    assert run_tools(stage) == [name]
    assert stage.core.silent


def test_a_farewell_without_audio_is_not_waited_for() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call("bye", "avr_hangup")
    assert run_tools(stage) == []
    stage.advance(0.5)
    stage.done("r1", "completed", called("bye", "avr_hangup"))
    assert run_tools(stage) == ["avr_hangup"]


def test_goodbye_words_may_come_in_the_response_before() -> None:
    stage = Stage.ready()
    stage.created("r1")
    stage.delta(2000)
    stage.function_call("c1", "look_up", "r1")
    stage.done("r1", "completed", spoken("i1"), called("c1"))
    stage.tool_finished()
    stage.call_tool("bye", "avr_hangup", "r2")
    stage.mark()
    stage.advance(2.0)
    assert run_tools(stage) == []
    stage.advance(0.1)
    assert run_tools(stage) == ["avr_hangup"]


def test_the_wait_is_bounded() -> None:
    stage = saying_goodbye(ms=90_000)
    stage.advance(59.9)
    assert run_tools(stage) == []
    stage.advance(0.2)
    assert run_tools(stage) == ["avr_hangup"]


def test_a_long_goodbye_is_heard_to_its_end() -> None:
    stage = saying_goodbye(ms=18_000)
    stage.advance(18.0)
    assert run_tools(stage) == []
    stage.advance(0.1)
    assert run_tools(stage) == ["avr_hangup"]


def test_a_parent_that_never_ends_is_waited_for_no_longer_than_that() -> None:
    stage = Stage.ready(goodbye_timeout_s=4)
    stage.created()
    stage.function_call("bye", "avr_hangup")
    stage.advance(3.9)
    assert run_tools(stage) == []
    stage.advance(0.2)
    assert run_tools(stage) == ["avr_hangup"]


def test_a_hangup_that_is_spoken_over_is_cancelled_and_the_model_told() -> None:
    stage = saying_goodbye()
    stage.advance(1)
    stage.speech_started()
    assert "still talking" in told(stage)[0]
    stage.speech_stopped()
    stage.advance(1.1)
    assert stage.creates == 1
    assert run_tools(stage) == []


def test_a_hangup_asked_for_while_the_caller_speaks_is_cancelled_too() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.call_tool("bye", "avr_hangup")
    assert "still talking" in told(stage)[0]
    stage.speech_stopped()
    assert run_tools(stage) == []


def test_a_third_hangup_proceeds_once_the_caller_is_silent() -> None:
    stage = Stage.ready()
    for n in range(2):
        goodbye_in_one(stage, n)
        stage.speech_started()
        stage.speech_stopped()
    assert len(told(stage)) == 2
    goodbye_in_one(stage, 2)
    stage.speech_started()
    stage.talk(3)
    assert run_tools(stage) == []
    stage.speech_stopped()
    assert run_tools(stage) == ["avr_hangup"]
    assert len(told(stage)) == 2


def test_a_key_cancels_a_hangup() -> None:
    stage = saying_goodbye()
    stage.keys("1")
    assert "still talking" in told(stage)[0]


def test_a_key_does_not_hold_back_a_transfer() -> None:
    stage = saying_goodbye("avr_transfer")
    stage.keys("1")
    assert run_tools(stage) == ["avr_transfer"]


@pytest.mark.parametrize("barge_in", [True, False])
def test_a_transfer_that_is_spoken_over_proceeds_in_silence(barge_in: bool) -> None:
    stage = saying_goodbye("avr_transfer", barge_in=barge_in)
    stage.advance(1)
    stage.speech_started()
    assert len(stage.all(Interruption)) == 1
    stage.advance(1.9)
    assert run_tools(stage) == []
    stage.speech_stopped()
    assert run_tools(stage) == ["avr_transfer"]


@pytest.mark.parametrize("barge_in", [True, False])
def test_a_response_that_waits_for_a_transfer_is_cancelled_by_us_or_by_the_vad(
    barge_in: bool,
) -> None:
    stage = Stage.ready(barge_in=barge_in)
    stage.created()
    stage.delta(1000)
    stage.model(OutputItemDone(called("t", "avr_transfer"), "r1"))
    stage.speech_started()
    cancelled = [event.response_id for event in stage.all(CancelResponse)]
    assert cancelled == ([] if barge_in else ["r1"])


def test_a_transfer_whose_caller_speaks_on_for_2_s_is_cancelled() -> None:
    stage = saying_goodbye("avr_transfer")
    stage.speech_started()
    stage.talk(2.1)
    assert run_tools(stage) == []
    assert "still talking" in told(stage)[0]
    stage.speech_stopped()
    stage.advance(1.1)
    assert stage.creates == 1


def test_a_transfer_asked_for_while_the_caller_speaks_waits_for_silence() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.call_tool("t", "avr_transfer")
    stage.talk(1)
    assert run_tools(stage) == []
    stage.speech_stopped()
    assert run_tools(stage) == ["avr_transfer"]


@pytest.mark.parametrize(
    ("name", "wait_s", "outcome"),
    [
        ("avr_hangup", 3, "hung up by the agent"),
        ("avr_transfer", 10, "transferred"),
    ],
)
def test_after_call_control_nothing_is_owed_and_we_close_in_the_end(
    name: str, wait_s: float, outcome: str
) -> None:
    stage = saying_goodbye(name, ms=100)
    stage.advance(1)
    stage.tool_finished("bye")
    assert told(stage) == ['"found"']
    assert stage.conversation.end_reason == outcome
    stage.advance(wait_s - 0.1)
    assert stage.creates == 0
    assert not stage.over()
    stage.advance(0.2)
    assert stage.end == EndCall(1000, outcome)


def test_nothing_is_asked_for_while_avr_core_ends_the_call() -> None:
    stage = saying_goodbye("avr_transfer", ms=100)
    stage.advance(1)
    stage.tool_finished("bye")
    stage.keys("12#")
    stage.created("r2")
    stage.failed("r2")
    stage.call_tool("c9", response="r3")
    stage.tool_finished("c9")
    stage.advance(9.8)
    assert stage.creates == 0
    assert not stage.over()


def test_the_model_is_told_of_a_transfer_that_was_refused() -> None:
    stage = saying_goodbye("avr_transfer", ms=100)
    stage.advance(1)
    stage.tool_finished("bye", '{"error": "busy"}', ok=False)
    assert told(stage) == ['{"error": "busy"}']
    assert stage.creates == 1
    stage.call_tool("again", "avr_transfer", "r2")
    assert run_tools(stage) == ["avr_transfer"] * 2


def test_a_hangup_that_was_refused_still_ends_the_call() -> None:
    stage = saying_goodbye(ms=100)
    stage.advance(1)
    stage.tool_finished("bye", '{"error": "no"}', ok=False)
    assert stage.end == EndCall(1000, "hung up by the agent")


def test_a_second_hangup_is_answered_and_not_acted_on() -> None:
    stage = saying_goodbye()
    stage.call_tool("bye2", "avr_hangup", "r2")
    assert told(stage) == ['{"result": "This is already being done."}']
    stage.advance(4)
    assert stage.creates == 0
    assert run_tools(stage) == ["avr_hangup"]


def test_call_control_of_a_cancelled_response_is_dropped() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(1000)
    stage.function_call("bye", "avr_transfer")
    stage.done("r1", "cancelled", spoken("i1", status="incomplete"))
    stage.advance(30)
    assert run_tools(stage) == []
    assert told(stage) == []


def test_silence_is_no_dead_air_while_avr_ami_is_asked() -> None:
    stage = saying_goodbye(ms=100)
    stage.advance(30)
    assert stage.creates == 0
    assert not stage.over()
