"""How long the caller waited: what each kind of wait is measured from."""

import pytest

from trio_sts.conversation.config import Rules
from trio_sts.conversation.parts.latencies import Waits

from .stage import QUIET, Stage, called, spoken


def waits(kind: Waits) -> list[float]:
    assert kind.count == len(kind.seconds)
    return [round(each, 3) for each in kind.seconds]


def test_a_greeting_is_waited_for_from_the_opening_of_the_leg_on() -> None:
    stage = Stage(Rules(**QUIET))
    stage.advance(0.25)
    stage.init()
    stage.advance(1)
    stage.model_ready()
    stage.advance(0.5)
    stage.answer(1000, "i1", "r1")
    latencies = stage.conversation.latencies
    assert waits(latencies.greeting) == [1.75]
    assert waits(latencies.turn) == []


def test_the_greeting_is_measured_once() -> None:
    stage = Stage(Rules(**QUIET))
    stage.init()
    stage.model_ready()
    stage.answer(1000, "i1", "r1")
    stage.advance(5)
    stage.model_lost()
    stage.model_ready()
    stage.answer(1000, "i2", "r2")
    assert stage.conversation.latencies.greeting.count == 1


def test_an_answer_that_fails_does_not_end_the_wait() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.speech_stopped()
    stage.created("r1")
    stage.advance(1)
    stage.failed("r1")
    stage.advance(3)
    stage.answer(500, "i2", "r2")
    assert stage.conversation.latencies.turn.count == 1
    assert stage.conversation.latencies.turn.worst_s == pytest.approx(4)


def test_keys_are_a_turn() -> None:
    stage = Stage.ready()
    stage.keys("12#")
    stage.advance(0.75)
    stage.answer(500, "i1", "r1")
    assert waits(stage.conversation.latencies.turn) == [0.75]


def test_an_answer_that_needed_tools_is_waited_for_from_the_caller_s_turn_on() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.speech_stopped()
    stage.advance(0.5)
    stage.call_tool("c1")
    stage.advance(2)
    stage.tool_finished("c1")
    stage.advance(0.25)
    stage.answer(500, "i2", "r2")
    assert waits(stage.conversation.latencies.tool) == [2.75]
    assert stage.conversation.latencies.turn.count == 0


def test_words_before_the_tools_are_an_answer_and_the_wait_begins_after_them() -> None:
    stage = Stage.ready()
    stage.speech_started()
    stage.speech_stopped()
    stage.advance(0.5)
    stage.created("r1")
    stage.delta(1000, "i1", "r1")
    stage.function_call("c1")
    stage.done("r1", "completed", spoken("i1", "One moment"), called("c1"))
    # A second of speech, and 60 ms on its way to the ear.
    stage.advance(4)
    stage.tool_finished("c1")
    stage.answer(500, "i2", "r2")
    latencies = stage.conversation.latencies
    assert waits(latencies.turn) == [0.5]
    assert latencies.tool.worst_s == pytest.approx(4 - 1.06, abs=0.03)


def test_a_tool_without_a_turn_before_it_is_measured_from_the_start_of_the_call() -> (
    None
):
    stage = Stage.ready()
    stage.advance(1)
    stage.call_tool("c1")
    stage.tool_finished("c1")
    stage.advance(1)
    stage.answer(500, "i2", "r2")
    assert waits(stage.conversation.latencies.tool) == [2]


def test_what_is_kept_for_the_median_is_bounded() -> None:
    kept = Waits()
    for number in range(5000):
        kept.add(number / 1000)
    assert (len(kept.seconds), kept.count, kept.worst_s) == (4096, 5000, 4.999)
