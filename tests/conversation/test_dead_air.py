"""A turn that the model owes ends in audio, a nudge or an end."""

from trio_sts.conversation.commands import EndCall
from trio_sts.conversation.config import Rules
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import CancelResponse, CreateResponse

from .stage import Stage, called


def owing(**rules: object) -> Stage:
    """The caller has finished, and the model says nothing."""
    stage = Stage.ready(**rules)
    stage.speech_started()
    stage.speech_stopped()
    stage.mark()
    return stage


def test_the_turn_is_nudged_once_and_then_given_up() -> None:
    stage = owing()
    stage.advance(7.9)
    assert stage.kinds() == []
    stage.advance(0.2)
    assert stage.kinds() == ["CreateResponse"]
    assert stage.conversation.counters.nudges == 1
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


def test_audio_ends_the_turn_that_was_owed() -> None:
    stage = owing()
    stage.created()
    stage.delta(100)
    stage.advance(60)
    assert stage.creates == 0


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


def test_a_response_that_ends_without_a_sound_is_nudged() -> None:
    stage = owing()
    stage.created()
    stage.done()
    stage.advance(8.1)
    assert stage.creates == 1


def test_a_response_that_never_ends_ends_the_call() -> None:
    stage = owing()
    stage.created()
    stage.advance(16.5)
    assert stage.creates == 0
    assert stage.end is not None
    assert stage.end.code == 1011


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
    stage.advance(8)
    assert stage.end is not None


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
    stage.talk(20)
    assert stage.creates == 0
    stage.speech_stopped()
    stage.advance(7.9)
    assert stage.creates == 0


def test_the_clock_does_not_run_while_something_is_audible() -> None:
    stage = Stage.ready()
    stage.answer(10_000)
    stage.call_tool("c1", response="r2")
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
    stage.advance(2.1)
    assert stage.conversation.counters.nudges == 1


def test_a_remote_tool_whose_end_was_not_seen_ends_with_its_response() -> None:
    stage = Stage.ready(dead_air_s=2)
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.model(events.McpProgress("response.mcp_call.in_progress", "m1"))
    stage.done()
    stage.advance(2.1)
    assert stage.conversation.counters.nudges == 1
