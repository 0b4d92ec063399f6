"""Barge-ins that no speech_started announces, items of several parts, and overflow."""

from typing import Any

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.wire.avr import Interruption
from trio_sts.wire.realtime.requests import TruncateItem

from .stage import Stage, spoken


def speaking(ms: float = 3000, **rules: object) -> Stage:
    """An answer whose response is done is audible."""
    stage = Stage.ready(**rules)
    stage.answer(ms)
    stage.advance(1)
    stage.mark()
    return stage


@pytest.mark.parametrize("by", ["committed", "created"])
def test_a_turn_or_a_response_of_the_vads_is_a_barge_in(by: str) -> None:
    stage = speaking()
    if by == "committed":
        stage.committed("u1")
    else:
        stage.created("r2")
    assert len(stage.all(Interruption)) == 1
    assert stage.truncated == [("i1", 940)]
    if by == "committed":
        stage.created("r2")
    stage.delta(500, "i2", "r2")
    stage.done("r2")
    stage.advance(2)
    assert stage.core.received_ms["i2"] >= 500
    assert len(stage.all(Interruption)) == 1


def test_an_answer_that_is_still_coming_is_not_heard_any_more() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(3000)
    stage.advance(1)
    stage.committed("u1")
    before_ms = stage.core.received_ms["i1"]
    stage.delta(1000)
    stage.advance(1)
    stage.delta(1000)
    stage.done("r1", "cancelled", spoken("i1", "one two three"))
    stage.advance(5)
    assert stage.core.received_ms["i1"] == before_ms


def test_a_turn_that_was_announced_is_one_barge_in() -> None:
    stage = speaking()
    stage.speech_started()
    stage.speech_stopped()
    stage.committed("u1")
    stage.created("r2")
    stage.delta(500, "i2", "r2")
    stage.advance(1)
    assert len(stage.all(Interruption)) == 1
    assert stage.core.received_ms["i2"] >= 500


@pytest.mark.parametrize("commit_first", [True, False])
def test_the_commit_of_an_announced_turn_cuts_no_quick_answer(
    commit_first: bool,
) -> None:
    stage = Stage.ready()
    stage.speech_started()
    if commit_first:
        stage.committed("u1")
        stage.speech_stopped()
    else:
        stage.speech_stopped()
        stage.created("r1")
        stage.delta(500, "i1", "r1")
        stage.advance(0.1)
        stage.committed("u1")
    if commit_first:
        stage.created("r1")
        stage.delta(500, "i1", "r1")
    stage.advance(2)
    assert stage.all(Interruption) == []
    assert stage.core.received_ms["i1"] == 500


def test_our_own_ask_is_no_barge_in() -> None:
    stage = speaking(3000)
    stage.call_tool("c1", response="r2")
    assert len(stage.all(Interruption)) == 1
    stage = Stage.ready()
    stage.created()
    stage.delta(3000)
    stage.function_call("c1")
    stage.done("r1", "completed", spoken("i1"))
    stage.tool_finished("c1")
    assert stage.creates == 1
    stage.created("r2")
    stage.delta(500, "i2", "r2")
    stage.advance(5)
    assert stage.all(Interruption) == []


def test_where_barge_in_is_off_the_answers_follow_each_other() -> None:
    stage = speaking(barge_in=False)
    stage.committed("u1")
    stage.created("r2")
    stage.delta(500, "i2", "r2")
    stage.advance(5)
    assert stage.all(Interruption) == []
    assert stage.core.received_ms["i2"] >= 500


def test_the_worst_latency_counts_the_answer_to_the_last_turn_alone() -> None:
    stage = speaking(5000, barge_in=False)
    stage.speech_started()
    stage.speech_stopped()
    stage.advance(1)
    assert stage.conversation.latencies.turn.count == 0


def test_it_is_told_in_the_log() -> None:
    stage = speaking()
    stage.committed("u1")
    (note,) = [n for n in stage.all(Note) if n.event == "barge-in"]
    assert dict(note.fields) == {"by": "committed turn"}


def test_the_quarantine_ends_after_2_s_without_a_done() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(3000)
    stage.advance(1)
    stage.keys("1#")
    stage.mark()
    assert stage.creates == 0
    stage.advance(1.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1
    stage.created("r2")
    stage.delta(500, "i2", "r2")
    stage.advance(1)
    assert stage.core.received_ms["i2"] >= 500


@pytest.mark.parametrize("by", ["speech", "committed"])
def test_after_the_vads_barge_in_a_done_that_never_comes_blocks_nothing(
    by: str,
) -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(3000)
    stage.advance(1)
    if by == "speech":
        stage.speech_started()
        stage.advance(0.5)
        stage.speech_stopped()
    else:
        stage.committed("u1")
    stage.advance(0.3)
    stage.created("r2")
    stage.delta(500, "i2", "r2")
    stage.done("r2")
    stage.advance(3)
    assert stage.core.received_ms["i2"] >= 500
    stage.keys("1#")
    assert stage.creates == 1


@pytest.mark.parametrize(
    ("at_s", "cuts"),
    [
        (0.5, [("i1", 0, 440), ("i1", 1, 0)]),
        (1.56, [("i1", 1, 500)]),
        (2.56, [("i1", 2, 500)]),
    ],
)
def test_an_item_of_several_parts_is_truncated_part_by_part(
    at_s: float, cuts: list[tuple[str, int, int]]
) -> None:
    stage = Stage.ready()
    stage.created()
    parts = 3 if at_s > 2 else 2
    for part in range(parts):
        stage.delta(1000, "i1", part=part)
    stage.done("r1", "completed", spoken("i1"))
    stage.advance(at_s)
    stage.speech_started()
    # With what the resampler held back of the parts before.
    told: list[Any] = [
        (cut.item_id, cut.content_index, cut.audio_end_ms)
        for cut in stage.all(TruncateItem)
    ]
    assert told == [
        (item, part, pytest.approx(heard_ms, abs=20 * part + 1))
        for item, part, heard_ms in cuts
    ]


def test_words_of_several_parts_are_cut_by_all_of_them() -> None:
    stage = Stage.ready()
    stage.created()
    for part in range(2):
        stage.delta(1000, "i1", part=part)
    words = "a b c d e f g h i j k l m n o p q r s t"
    stage.words(words)
    stage.done("r1", "completed", spoken("i1", words))
    stage.advance(1.06 + 0.5)
    stage.speech_started()
    stage.finish()
    ((_, told),) = stage.said
    assert told == words[: len(told)]
    assert 0.6 * len(words) < len(told) <= 0.76 * len(words)


@pytest.mark.parametrize("at_s", [0.2, 5])
def test_audio_in_a_second_part_alone_keeps_its_words(at_s: float) -> None:
    stage = Stage.ready()
    stage.created()
    stage.announce()
    stage.delta(1000, "i1", part=1)
    stage.words("one two three")
    stage.advance(at_s)
    stage.done("r1", "completed", spoken("i1", "one two three"))
    stage.advance(2)
    assert stage.said == [("agent", "one two three")]


def test_an_item_is_told_when_all_of_its_parts_were_heard() -> None:
    stage = Stage.ready()
    stage.created()
    for part in range(2):
        stage.delta(1000, "i1", part=part)
    stage.done("r1", "completed", spoken("i1", "one two"))
    stage.advance(1.5)
    assert stage.said == []
    stage.advance(1)
    assert stage.said == [("agent", "one two")]


def test_overflow_truncates_at_what_was_heard() -> None:
    stage = Stage.ready(playout_max_s=3)
    stage.created()
    stage.delta(2000)
    stage.delta(2000)
    stage.advance(1)
    # The bound was passed on arrival; what waits is still played and may be cut.
    stage.speech_started()
    ((item, cut_ms),) = stage.truncated
    assert item == "i1"
    assert cut_ms == pytest.approx(940, abs=1)


def test_what_overflowed_is_told_as_far_as_it_was_heard_in_the_end() -> None:
    stage = Stage.ready(playout_max_s=3)
    stage.created()
    for _ in range(4):
        stage.delta(2000)
    stage.done("r1", "completed", spoken("i1", "one two three four"))
    stage.advance(20)
    ((item, cut_ms),) = stage.truncated
    assert item == "i1"
    assert cut_ms == pytest.approx(stage.core.finished_ms["i1"], abs=21)


@pytest.mark.parametrize("ms", [200, 1000])
def test_many_short_answers_are_bounded_together(ms: float) -> None:
    stage = Stage.ready(playout_max_s=3, barge_in=False)
    most_ms = 0.0
    for n in range(100):
        stage.answer(ms, f"i{n}", f"r{n}")
        state = stage.conversation._state  # pyright: ignore[reportPrivateUsage] # nothing else shows what waits
        most_ms = max(most_ms, state.playout.queued_ms)
        stage.advance(0.02)
    assert most_ms <= 3000 + ms + 20


def test_a_committed_turn_that_was_not_announced_is_owed_an_answer() -> None:
    stage = Stage.ready()
    stage.committed("u1")
    stage.advance(8.1)
    assert stage.creates == 1
