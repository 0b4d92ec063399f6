"""A caller who hears ringing until there is something to hear."""

from trio_sts.wire import avr

from .asterisk import LineStage
from .stage import Stage


def test_the_caller_is_answered_for_the_greetings_first_audio_and_not_before() -> None:
    stage = LineStage.on_line(greeting=True)
    stage.model_ready("Hello.")
    stage.created()
    stage.announce()
    stage.advance(1)
    assert "Answer" not in stage.order
    stage.delta(500)
    assert stage.order[-1] == "Answer"


def test_the_agent_waits_for_the_callers_first_audio() -> None:
    stage = LineStage.on_line(greeting=True)
    stage.model_ready("Hello.")
    stage.created()
    stage.delta(500)
    stage.advance(0.2)
    assert stage.all(avr.AgentAudio) == []
    stage.caller_frame()
    assert stage.all(avr.AgentAudio) != []


def test_a_phone_that_sends_nothing_is_waited_for_no_longer_than_300_ms() -> None:
    stage = LineStage.on_line(greeting=True)
    stage.model_ready("Hello.")
    stage.created()
    stage.delta(500)
    stage.advance(0.29)
    assert stage.all(avr.AgentAudio) == []
    stage.advance(0.02)
    assert stage.all(avr.AgentAudio) != []


def test_nothing_is_waited_for_where_the_caller_is_through_already() -> None:
    stage = LineStage.on_line(greeting=True)
    stage.caller_frame()
    stage.model_ready("Hello.")
    stage.created()
    stage.delta(500)
    order = stage.order
    assert order.index("Answer") + 1 == order.index("AgentAudio")
    assert order.count("Answer") == 1


def test_a_caller_who_speaks_first_is_answered_when_the_model_is_ready() -> None:
    stage = LineStage.on_line()
    stage.advance(1)
    assert "Answer" not in stage.order
    stage.model_ready()
    assert "Answer" in stage.order


def test_no_model_no_answer_no_apology() -> None:
    stage = LineStage.on_line(
        greeting=True, apology=bytes(32_000), fallback=("100", "demo")
    )
    stage.advance(1)
    stage.model_failed("no model", "It is away.")
    assert stage.end is not None
    assert stage.end.code == 1011
    assert "Answer" not in stage.order
    assert stage.all(avr.AgentAudio) == []


def test_a_model_that_greets_nobody_is_given_up_unanswered() -> None:
    stage = LineStage.on_line(greeting=True, apology=bytes(32_000), reconnect=False)
    stage.model_ready("Hello.")
    stage.model_lost()
    assert stage.end is not None
    assert "Answer" not in stage.order


def test_who_was_answered_hears_the_apology() -> None:
    stage = LineStage.talking(apology=bytes(32_000))
    stage.model_failed()
    assert stage.all(avr.AgentAudio) != []


def test_the_hold_sound_is_not_played_to_who_hears_ringing() -> None:
    sound = bytes(3200)
    stage = LineStage.on_line(greeting=True, hold_sound=sound, hold_sound_always=True)
    stage.advance(10)
    assert stage.all(avr.AgentAudio) == []


def test_avr_cores_calls_are_answered() -> None:
    stage = Stage.ready()
    stage.answer(100)
    assert stage.all(avr.Answer) == []
