"""A turn that the model owes ends in audio, a nudge or an end."""

from trio_sts.conversation.commands import EndCall, Reconnect
from trio_sts.conversation.config import Rules
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item
from trio_sts.wire.realtime.requests import (
    CancelResponse,
    CreateFunctionOutput,
    CreateResponse,
)

from .stage import Stage, called, spoken


def owing(**rules: object) -> Stage:
    """The caller has finished, and the model says nothing."""
    stage = Stage.ready(**rules)
    stage.speech_started()
    stage.speech_stopped()
    stage.mark()
    return stage


def test_the_ladder_is_an_ask_another_session_and_the_end() -> None:
    stage = owing()
    stage.advance(7.9)
    assert stage.kinds() == []
    stage.advance(0.2)
    assert stage.kinds() == ["CreateResponse"]
    assert stage.conversation.counters.nudges == 1
    stage.advance(7.8)
    assert stage.all(Reconnect) == []
    stage.advance(0.2)
    assert len(stage.all(Reconnect)) == 1
    stage.model_ready()
    stage.mark()
    stage.advance(1.1)
    assert stage.creates == 1
    stage.advance(7.8)
    assert stage.all(EndCall) == []
    stage.advance(0.2)
    assert stage.end is not None
    assert stage.end.code == 1011
    assert stage.end.failure == "The assistant has stopped answering."


def test_nothing_is_nudged_while_nothing_is_owed() -> None:
    stage = Stage.ready()
    stage.advance(60)
    assert stage.kinds() == []


def test_audible_audio_settles_the_turn_at_the_end_of_its_response() -> None:
    stage = owing()
    stage.answer(100)
    stage.advance(60)
    assert stage.creates == 0


def test_an_answer_that_stalls_after_its_first_audio_is_asked_to_go_on() -> None:
    stage = owing()
    stage.created()
    stage.delta(100)
    stage.advance(8.1)
    assert stage.all(CancelResponse) == []
    stage.advance(0.1)
    assert [cancel.response_id for cancel in stage.all(CancelResponse)] == ["r1"]
    stage.done("r1", "cancelled")
    (create,) = stage.all(CreateResponse)
    assert "cut off" in (create.instructions or "")


def test_a_response_that_starts_but_emits_no_audio_is_cancelled_and_awaited() -> None:
    stage = owing()
    stage.created("mute")
    stage.announce("i1", "mute")
    stage.words("hello", "i1", "mute")
    stage.delta(0, "i1", "mute")
    stage.advance(8.1)
    assert [cancel.response_id for cancel in stage.all(CancelResponse)] == ["mute"]
    assert stage.creates == 0
    stage.done("mute", "cancelled")
    assert stage.creates == 1


def test_a_cancelled_response_counts_as_gone_after_2_s() -> None:
    stage = owing()
    stage.created()
    stage.advance(9.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1


def test_a_response_that_was_over_long_ago_is_asked_for_at_once() -> None:
    stage = owing()
    stage.created("lost")
    stage.advance(8.1)
    stage.error("response_cancel_not_active", event_id="cancel_lost")
    assert stage.creates == 1


def test_a_tool_whose_response_never_ends_is_nudged_too() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call()
    stage.tool_finished()
    stage.advance(8.1)
    assert len(stage.all(CancelResponse)) == 1
    stage.advance(2)
    assert len(stage.all(CreateFunctionOutput)) == 0
    assert stage.creates == 1


def test_a_tool_call_ends_the_turn_that_was_owed_and_its_output_owes_one() -> None:
    stage = owing()
    stage.call_tool()
    stage.advance(14)
    assert stage.creates == 0
    stage.tool_finished()
    assert stage.creates == 1
    stage.advance(8.1)
    assert stage.creates == 2


def test_speech_ends_the_turn_that_was_owed() -> None:
    stage = owing()
    stage.advance(7)
    stage.speech_started()
    stage.talk(5)
    assert stage.creates == 0
    stage.speech_stopped()
    stage.advance(0.9)
    assert stage.creates == 0


def test_the_clock_does_not_run_while_something_is_audible() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(10_000)
    stage.function_call()
    stage.done("r1", "completed", spoken("i1"), called("c1"))
    stage.tool_finished()
    assert stage.creates == 1
    stage.advance(17.9)
    assert stage.creates == 1
    stage.advance(0.3)
    assert stage.creates == 2


def test_the_clock_does_not_run_during_a_retry_delay() -> None:
    stage = owing(dead_air_s=2)
    stage.created()
    stage.failed(code="rate_limit_exceeded", message="try again in 9s")
    stage.advance(8.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1
    assert stage.conversation.counters.nudges == 0


def test_the_clock_does_not_run_while_keys_are_gathered() -> None:
    stage = owing(dead_air_s=2, dtmf_timeout_ms=5000)
    stage.keys("1")
    stage.advance(4.9)
    assert stage.creates == 0


def test_the_greeting_is_owed_as_well() -> None:
    stage = Stage(Rules(idle_s=1e6))
    stage.init()
    stage.model_ready("Good morning.")
    stage.advance(8.1)
    first, again = stage.all(CreateResponse)
    assert first.instructions == again.instructions
    assert again.instructions is not None


def test_a_create_that_was_refused_for_good_is_nudged() -> None:
    stage = Stage.ready()
    stage.call_tool()
    stage.tool_finished()
    stage.error("something_new")
    stage.advance(8.1)
    assert stage.creates == 2


def test_a_nudge_that_is_answered_starts_afresh() -> None:
    stage = owing()
    stage.advance(8.1)
    stage.created("r2")
    stage.delta(100, "i2", "r2")
    stage.done("r2", "completed", called("c2"))
    stage.tool_finished("c2")
    stage.advance(8.5)
    assert not stage.over()
    assert stage.conversation.counters.nudges == 2


def test_a_retry_delay_does_not_excuse_a_response_that_is_there_and_mute() -> None:
    stage = Stage.ready(dead_air_s=2)
    stage.call_tool()
    stage.created("r2")
    stage.failed("r2", code="rate_limit_exceeded", message="try again in 9s")
    stage.created("r3")
    stage.tool_finished()
    stage.advance(2.1)
    assert len(stage.all(CancelResponse)) == 1


def test_a_process_that_was_stalled_does_not_ask_twice_at_once() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.model_lost()
    stage.model_ready()
    stage.mark()
    stage.stall(8)
    stage.tick()
    assert stage.creates == 1


def test_a_remote_tool_that_runs_excuses_the_silence_until_it_ends() -> None:
    stage = Stage.ready(dead_air_s=2)
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.model(events.McpProgress("response.mcp_call.in_progress", "m1"))
    stage.advance(30)
    assert stage.conversation.counters.nudges == 0
    stage.model(events.McpProgress("response.mcp_call.completed", "m1"))
    stage.done("r1", "completed", Item("m1", "mcp_call"))
    stage.advance(0.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1
    assert stage.conversation.counters.nudges == 0


def test_a_remote_tool_may_end_after_its_response() -> None:
    stage = Stage.ready(dead_air_s=2)
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.model(events.McpProgress("response.mcp_call.in_progress", "m1"))
    stage.done("r1", "completed", Item("m1", "mcp_call"))
    stage.advance(30)
    assert stage.creates == 0
    stage.model(events.McpProgress("response.mcp_call.completed", "m1"))
    stage.advance(1.1)
    assert stage.creates == 1
