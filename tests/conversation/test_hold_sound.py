"""The sound of a line that is alive: when it begins, and that it is gone when one speaks."""

from typing import Any

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.conversation.config import Rules
from trio_sts.wire.avr import AgentAudio
from trio_sts.wire.realtime import events

from .stage import QUIET, Stage
from .voice import speak

# Of a level that AVR Core's judge takes for an item of its own.
HOLD_MS = 200


def waiting(**rules: object) -> Stage:
    """A call whose model is being dialled."""
    given: dict[str, Any] = {**QUIET, "greeting": False, **rules}
    stage = Stage(Rules(**given))
    stage.init()
    return stage


def with_sound(**rules: object) -> Stage:
    stage = waiting(hold_sound=sound(), **rules)
    stage.core.audio_of("hold", 20)
    return stage


def sound() -> bytes:
    model = Stage().core.audio_of("hold", HOLD_MS)
    # PCM16 at 24 kHz of one level: every third sample is the same at 8 kHz.
    return model[: len(model) // 3]


def ready_with_sound(**rules: object) -> Stage:
    stage = with_sound(**rules)
    stage.model_ready()
    stage.core.audio_of("i1", 20)
    stage.mark()
    return stage


def heard_ms(stage: Stage) -> float:
    return sum(len(a.pcm) for a in stage.all(AgentAudio)) / 16


@pytest.mark.parametrize("ahead_ms", [60])
def test_it_plays_while_the_first_connection_takes_longer_than_2_s(
    ahead_ms: float,
) -> None:
    stage = with_sound()
    stage.advance(1.99)
    assert stage.all(AgentAudio) == []
    stage.advance(3.01)
    assert heard_ms(stage) == pytest.approx(3000, abs=ahead_ms + 21)
    stage.model_ready()
    stage.mark()
    stage.advance(5)
    assert stage.all(AgentAudio) == []


def test_it_plays_while_a_session_is_awaited_in_mid_call() -> None:
    stage = ready_with_sound()
    stage.model_lost()
    stage.advance(2.5)
    assert heard_ms(stage) == pytest.approx(500, abs=81)


def test_no_more_than_60_ms_of_it_wait_in_avr_core() -> None:
    stage = with_sound()
    stage.advance(10)
    assert stage.core.most_queued <= 3
    assert stage.core.gaps == []


@pytest.mark.parametrize("by", ["vad", "ear", "key", "agent"])
def test_it_is_gone_within_100_ms_when_anybody_speaks(by: str) -> None:
    stage = ready_with_sound(hold_sound_always=True)
    stage.call_tool()
    stage.advance(3)
    assert heard_ms(stage) > 1000
    stage.mark()
    if by == "vad":
        stage.speech_started()
    elif by == "ear":
        # Our ear takes some syllables to be sure.
        speak(stage, 0.5)
        stage.mark()
        speak(stage, 0.3)
    elif by == "key":
        stage.keys("1")
    else:
        stage.delta(300)
    after = stage.now
    stage.advance(0.5)
    late = [
        at
        for at, what in stage.log[-200:]
        if isinstance(what, AgentAudio) and at > after and by != "agent"
    ]
    assert late == []
    if by == "agent":
        assert heard_ms(stage) <= 320


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("wait", ["tool", "mcp", "thought"])
def test_it_plays_for_tools_and_thoughts_where_that_is_wanted(
    wait: str, always: bool
) -> None:
    stage = ready_with_sound(hold_sound_always=always)
    stage.keys("1#")
    if wait == "tool":
        stage.call_tool()
    elif wait == "mcp":
        stage.created()
        stage.model(events.McpProgress("response.mcp_call.in_progress", "m1"))
        stage.done()
    else:
        stage.created()
    stage.advance(1.45)
    assert stage.all(AgentAudio) == []
    stage.advance(1.05)
    expected = 1000 if always else 0
    assert heard_ms(stage) == pytest.approx(expected, abs=81 if always else 0)


def test_it_is_no_part_of_what_was_heard_nor_of_a_turn() -> None:
    stage = ready_with_sound(hold_sound_always=True)
    stage.keys("1#")
    stage.created()
    stage.advance(7.9)
    assert heard_ms(stage) > 1000
    # Dead air goes on: nothing of the model's was audible.
    stage.advance(0.2)
    assert stage.conversation.counters.nudges == 1
    stage.speech_started()
    assert stage.truncated == []
    assert stage.conversation.counters.barge_ins == 0
    assert [n for n in stage.all(Note) if n.event == "barge-in"] == []


def test_what_was_heard_of_an_answer_after_it_is_exact() -> None:
    stage = ready_with_sound(hold_sound_always=True)
    stage.call_tool()
    stage.advance(3.003)
    stage.tool_finished()
    stage.created("r2")
    stage.delta(3000, "i1", "r2")
    stage.advance(1)
    stage.speech_started()
    ((item, cut_ms),) = stage.truncated
    assert item == "i1"
    stage.core.play_until(stage.now)
    assert cut_ms == pytest.approx(stage.core.finished_ms["i1"] - 60, abs=41)


def test_without_a_sound_nothing_plays() -> None:
    stage = waiting()
    stage.advance(30)
    assert stage.all(AgentAudio) == []


def test_it_plays_after_6_s_without_a_sign_of_life_and_until_the_answer() -> None:
    stage = ready_with_sound(dead_air_s=8)
    stage.speech_started()
    stage.speech_stopped()
    stage.advance(0.2)
    stage.created()
    stage.advance(5.9)
    stage.model(events.UnknownEvent("response.reasoning.delta", "r1"))
    stage.advance(5.9)
    assert not heard_ms(stage)
    stage.advance(4)
    assert heard_ms(stage) > 3500
    stage.created("r2")
    stage.mark()
    stage.delta(100, "i1", "r2")
    stage.audio_done("i1", "r2")
    stage.advance(1)
    assert heard_ms(stage) == pytest.approx(100, abs=21)
