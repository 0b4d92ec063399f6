"""What holds the clock of dead air, and for how long a thought may last."""

from itertools import pairwise

import pytest

from trio_sts.conversation.commands import EndCall, Reconnect
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ContentPart, Item
from trio_sts.wire.realtime.requests import CancelResponse, CreateResponse

from .stage import Stage, called, spoken
from .voice import keep_silent, speak

PART = ContentPart("output_audio")
SIGNS: list[events.ServerEvent] = [
    events.UnknownEvent("response.function_call_arguments.delta", "r1"),
    events.UnknownEvent("response.content_part.added", "r1"),
    events.UnknownEvent("response.output_text.delta", "r1"),
    events.UnknownEvent("response.made_up_in_2027", "r1"),
    events.TranscriptDelta("r1", "i1", "Well"),
    events.TranscriptDone("r1", "i1", "Well."),
    events.OutputItemAdded(spoken("i1", status="in_progress"), "r1"),
    events.OutputItemAdded(called("c1", status="in_progress"), "r1"),
    events.OutputItemDone(Item("i9", "reasoning"), "r1"),
    events.AudioDone("r1", "i1"),
    events.McpProgress("mcp_list_tools.in_progress", "m1"),
]


def thinking(**rules: object) -> Stage:
    """The caller has taken a turn, and a response has begun."""
    stage = Stage.ready(**rules)
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.mark()
    return stage


@pytest.mark.parametrize("sign", SIGNS, ids=repr)
def test_any_event_of_the_active_response_starts_the_clock_anew(
    sign: events.ServerEvent,
) -> None:
    stage = thinking()
    stage.advance(7)
    stage.model(sign)
    stage.advance(7.9)
    assert stage.all(CancelResponse) == []
    stage.advance(0.2)
    assert stage.times(CancelResponse) == [pytest.approx(-0.1, abs=0.01)]


@pytest.mark.parametrize(
    "other",
    [
        events.UnknownEvent("response.content_part.added", "r0"),
        events.RateLimitsUpdated(),
        events.SpeechStopped(),
        events.TranscriptionCompleted("u1", "words"),
        events.TranscriptDelta("r0", "i0", "old"),
    ],
    ids=repr,
)
def test_an_event_of_nothing_or_of_another_response_is_no_sign(
    other: events.ServerEvent,
) -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.created()
    stage.mark()
    stage.advance(7)
    if not isinstance(other, events.SpeechStopped):
        stage.model(other)
        stage.advance(1.1)
        assert len(stage.all(CancelResponse)) == 1


def test_the_beginning_of_a_response_is_one_sign() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.advance(5)
    stage.created()
    stage.mark()
    stage.advance(7.9)
    assert stage.all(CancelResponse) == []
    stage.advance(0.2)
    assert len(stage.all(CancelResponse)) == 1


def test_arguments_that_stream_for_20_s_are_not_cancelled() -> None:
    stage = thinking()
    for _ in range(100):
        stage.advance(0.2)
        stage.model(events.UnknownEvent("response.function_call_arguments.delta", "r1"))
    stage.function_call()
    stage.done("r1", "completed", called("c1"))
    assert stage.all(CancelResponse) == []
    assert stage.creates == 0


@pytest.mark.parametrize("longest_s", [30, 12])
def test_a_thought_may_last_so_long(longest_s: float) -> None:
    stage = thinking(thinking_max_s=longest_s)
    while not stage.all(CancelResponse) and stage.now < 1100:
        stage.advance(0.5)
        stage.model(events.UnknownEvent("response.reasoning.delta", "r1"))
    assert stage.now - 1000 == pytest.approx(longest_s, abs=1.1)
    # It is awaited for 2 s, and then asked for.
    stage.advance(2.1)
    assert stage.creates == 1


def test_the_response_that_is_asked_for_again_may_think_as_long() -> None:
    stage = thinking()
    for _ in range(32):
        stage.advance(1)
        stage.model(events.UnknownEvent("response.reasoning.delta", "r1"))
    stage.done("r1", "cancelled")
    assert stage.creates == 1
    stage.created("r2")
    stage.mark()
    for _ in range(27):
        stage.advance(1)
        stage.model(events.UnknownEvent("response.reasoning.delta", "r2"))
    assert stage.all(CancelResponse) == []
    assert not stage.all(Reconnect)


def test_the_ladder_goes_on_in_the_new_session() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.advance(8.1)
    assert stage.creates == 2
    stage.advance(8)
    assert len(stage.all(Reconnect)) == 1
    stage.model_ready()
    stage.advance(1)
    stage.mark()
    stage.advance(8.1)
    assert isinstance(stage.end, EndCall)
    assert stage.end.outcome == "model silent"


def test_a_drop_between_the_steps_does_not_reset_the_ladder() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.advance(8.1)
    stage.model_lost()
    stage.model_ready()
    stage.advance(1)
    stage.mark()
    stage.advance(8.1)
    assert len(stage.all(Reconnect)) == 1


def test_a_leg_that_is_lost_twice_before_the_next_session_loses_no_turn() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.model_lost()
    stage.model_lost()
    stage.model_ready()
    stage.mark()
    stage.advance(1.1)
    assert stage.creates == 1


def test_audio_alone_resets_the_ladder() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.advance(8.1)
    stage.created()
    stage.delta(200)
    stage.done()
    stage.advance(1)
    stage.mark()
    stage.keys("2#")
    stage.advance(8.1)
    assert stage.all(Reconnect) == []
    assert stage.creates == 2


def test_words_and_new_turns_do_not_reset_the_ladder() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.advance(8.1)
    stage.created()
    stage.words("Nobody hears this.")
    stage.keys("2#")
    stage.done("r1", "cancelled")
    stage.mark()
    stage.advance(8.1)
    assert len(stage.all(Reconnect)) == 1


def test_audio_that_began_and_stalls_is_asked_to_go_on() -> None:
    stage = thinking()
    stage.delta(500)
    stage.advance(8.4)
    assert stage.all(CancelResponse) == []
    stage.advance(0.4)
    assert len(stage.all(CancelResponse)) == 1
    stage.done("r1", "cancelled")
    (create,) = stage.all(CreateResponse)
    assert create.instructions is not None
    assert "cut off" in create.instructions


def test_speech_that_the_vad_never_ends_excuses_nothing_if_nobody_is_heard() -> None:
    stage = Stage.ready()
    stage.speech_started()
    keep_silent(stage, 8.5)
    assert stage.creates == 1


def test_speech_that_the_vad_never_ends_excuses_15_s_while_it_is_heard() -> None:
    stage = Stage.ready()
    stage.speech_started()
    speak(stage, 22)
    assert stage.creates == 0
    speak(stage, 2)
    assert stage.creates == 1


def test_what_is_heard_of_such_speech_stops_the_clock_at_once() -> None:
    stage = Stage.ready()
    stage.speech_started()
    keep_silent(stage, 5)
    speak(stage, 1)
    keep_silent(stage, 7.5)
    assert stage.creates == 0
    keep_silent(stage, 1.5)
    assert stage.creates == 1


def test_nothing_is_asked_twice_at_once_on_the_ladder() -> None:
    stage = thinking()
    stage.advance(14)
    times = stage.times(CreateResponse)
    assert all(b - a >= 2 for a, b in pairwise(times))
