"""What excuses a silence of the model's, and what does not, while it owes a turn."""

from trio_sts.conversation.commands import Reconnect
from trio_sts.wire.realtime.items import Item
from trio_sts.wire.realtime.requests import CreateFunctionOutput

from .stage import Stage, called
from .test_goodbye import run_tools, saying_goodbye, told


def test_keys_that_are_gathered_excuse_the_silence_after_speech() -> None:
    stage = Stage.ready(dead_air_s=2, dtmf_timeout_ms=5000)
    stage.keys("1")
    stage.speech_started()
    stage.speech_stopped()
    stage.advance(4.9)
    assert stage.conversation.counters.nudges == 0
    # The keys are sent and asked about; from then on the model owes an answer.
    stage.advance(0.2)
    assert stage.creates == 1
    stage.advance(1.7)
    assert stage.conversation.counters.nudges == 0
    stage.advance(0.3)
    assert stage.conversation.counters.nudges == 1


def test_a_new_session_that_says_nothing_is_asked_again_and_then_replaced() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.speech_stopped()
    stage.model_lost()
    stage.model_ready()
    stage.mark()
    # The caller's kept audio may be speech, which the VAD would answer within 1 s.
    stage.advance(0.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1
    stage.advance(7.8)
    assert stage.conversation.counters.nudges == 0
    stage.advance(0.2)
    assert stage.conversation.counters.nudges == 1
    assert stage.creates == 2
    assert not stage.all(Reconnect)
    stage.advance(8.1)
    assert len(stage.all(Reconnect)) == 1


def test_a_model_that_is_not_back_yet_owes_nothing() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.speech_stopped()
    stage.model_lost()
    stage.advance(60)
    assert stage.conversation.counters.nudges == 0
    assert not stage.over()


def test_a_transfer_is_not_given_up_for_speech_that_has_stopped() -> None:
    stage = saying_goodbye("avr_transfer", ms=4000, barge_in=False)
    stage.speech_started()
    # What is said is thrown away; more of it comes with the next response.
    stage.advance(0.5)
    stage.created("r2")
    stage.delta(5000, "i2", "r2")
    stage.speech_stopped()
    stage.advance(4)
    assert told(stage) == []
    assert run_tools(stage) == []
    stage.advance(1.1)
    assert run_tools(stage) == ["avr_transfer"]


def test_a_call_without_a_status_is_run_and_one_that_is_not_completed_is_not() -> None:
    stage = Stage.ready()
    stage.created()
    listed = (
        Item("item_c1", "function_call", None, None, (), "c1", "look_up", "{}"),
        called("c2", status="incomplete"),
        called("c3", status="in_progress"),
        called("c4"),
    )
    stage.done("r1", "completed", *listed)
    assert run_tools(stage) == ["look_up", "look_up"]
    stage.tool_finished("c1")
    stage.tool_finished("c4")
    assert [out.call_id for out in stage.all(CreateFunctionOutput)] == ["c1", "c4"]


def test_a_call_without_a_status_is_kept_though_its_response_was_cancelled() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call("c1")
    stage.function_call("c2")
    kept = Item("item_c1", "function_call", None, None, (), "c1", "look_up", "{}")
    stage.done("r1", "cancelled", kept, called("c2", status="incomplete"))
    stage.tool_finished("c1")
    stage.tool_finished("c2")
    assert [out.call_id for out in stage.all(CreateFunctionOutput)] == ["c1"]
