"""The caller speaks while the agent does."""

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import AppendAudio, CancelResponse, DeleteItem

from .stage import Stage, spoken


def talking(**rules: object) -> Stage:
    """The agent is in the middle of a long answer, heard for a while."""
    stage = Stage.ready(**rules)
    stage.created()
    stage.announce()
    stage.delta(3000)
    stage.advance(1)
    stage.mark()
    return stage


def without_silence(stage: Stage) -> list[str]:
    return [kind for kind in stage.kinds() if kind != AppendAudio.__name__]


def test_one_pass_tells_avr_core_and_then_the_model() -> None:
    stage = talking()
    stage.speech_started()
    assert without_silence(stage) == ["Interruption", "TruncateItem"]


def test_the_audible_item_is_truncated_at_what_was_heard() -> None:
    stage = talking()
    stage.speech_started()
    assert stage.truncated == [("i1", 940)]


@pytest.mark.parametrize("delay_ms", [0, 60, 250])
def test_what_was_heard_agrees_with_avr_core(delay_ms: int) -> None:
    stage = Stage.ready(playout_delay_ms=delay_ms)
    stage.answer(2000)
    stage.advance(0.777)
    stage.speech_started()
    [(_, heard_ms)] = stage.truncated
    played_ms = stage.core.started_ms["i1"]
    assert played_ms - 20 - delay_ms <= heard_ms <= played_ms + max(20 - delay_ms, 0)


def test_the_heard_time_is_clamped_to_what_was_received() -> None:
    stage = Stage.ready(playout_delay_ms=0)
    stage.delta(1003)
    stage.audio_done()
    stage.delta(500, "i2")
    stage.advance(1.0145)
    stage.speech_started()
    assert stage.truncated == [("i2", 0)]


def test_items_behind_the_audible_one_are_truncated_at_0() -> None:
    stage = talking()
    stage.delta(500, "i2")
    stage.delta(500, "i3")
    stage.speech_started()
    assert stage.truncated == [("i1", 940), ("i2", 0), ("i3", 0)]


def test_an_item_without_audio_is_deleted() -> None:
    stage = talking()
    stage.announce("i2")
    stage.speech_started()
    assert [delete.item_id for delete in stage.all(DeleteItem)] == ["i2"]
    assert stage.truncated == [("i1", 940)]


def test_nothing_is_sent_for_an_item_that_was_fully_heard() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(500, "i1")
    stage.delta(500, "i2")
    stage.done()
    stage.advance(0.8)
    stage.speech_started()
    assert [item for item, _ in stage.truncated] == ["i2"]


def test_an_item_of_which_only_padding_is_left_was_fully_heard() -> None:
    stage = Stage.ready(audio_format="pcmu", playout_delay_ms=0)
    stage.answer(505)
    stage.advance(0.51)
    stage.mark()
    stage.speech_started()
    assert without_silence(stage) == ["Interruption"]


def test_an_item_heard_at_the_very_moment_of_a_barge_in_keeps_its_words() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.created()
    stage.words("the first one")
    stage.delta(200)
    stage.words("the second one", "i2")
    stage.delta(400, "i2")
    stage.done()
    stage.advance(0.22)
    stage.stall(0.06)
    stage.speech_started()
    stage.advance(0.1)
    assert stage.said[0] == ("agent", "the first one")


def test_with_nothing_audible_nothing_is_told() -> None:
    stage = Stage.ready()
    stage.answer(500)
    stage.advance(2)
    stage.mark()
    stage.speech_started()
    assert without_silence(stage) == []


def test_the_way_to_the_ear_counts_as_audible() -> None:
    stage = Stage.ready(playout_delay_ms=200)
    stage.answer(500)
    stage.advance(0.6)
    stage.mark()
    stage.speech_started()
    assert without_silence(stage) == ["Interruption", "TruncateItem"]
    [(_, heard_ms)] = stage.truncated
    assert heard_ms == 400


def test_a_second_speech_started_interrupts_nothing_more() -> None:
    stage = talking()
    stage.speech_started()
    stage.mark()
    stage.speech_started()
    assert without_silence(stage) == []


def test_late_deltas_of_the_interrupted_response_are_dropped() -> None:
    stage = talking()
    stage.speech_started()
    stage.mark()
    stage.delta(500)
    stage.delta(500, "i2")
    stage.done("r1", "cancelled")
    stage.advance(1)
    assert stage.all(avr.AgentAudio) == []


def test_the_next_response_is_heard_after_a_barge_in() -> None:
    stage = talking()
    stage.speech_started()
    stage.done("r1", "cancelled")
    stage.speech_stopped()
    stage.answer(500, "i2", "r2")
    stage.advance(1)
    assert stage.core.finished_ms["i2"] >= 500


def test_a_response_without_audio_yet_is_not_heard_after_the_caller_spoke() -> None:
    stage = Stage.ready()
    stage.created()
    stage.speech_started()
    stage.delta(500)
    assert stage.all(avr.AgentAudio) == []


def test_part_of_a_frame_is_not_played_after_the_caller_spoke() -> None:
    stage = Stage.ready(audio_format="pcmu")
    stage.created()
    stage.delta(10)
    stage.speech_started()
    assert without_silence(stage) == []
    stage.done("r1", "cancelled")
    assert stage.all(avr.AgentAudio) == []


def test_response_done_ends_the_quarantine_without_a_created() -> None:
    stage = Stage.ready()
    stage.done("r1", "cancelled")
    stage.speech_started()
    stage.speech_stopped()
    stage.answer(500, "i2", "r2")
    assert stage.all(avr.AgentAudio)


def test_the_models_own_barge_in_cancels_nothing() -> None:
    stage = talking()
    stage.speech_started()
    assert stage.all(CancelResponse) == []


def test_a_cancel_may_race_the_end_of_the_response() -> None:
    stage = talking()
    stage.keys("1")
    stage.done("r1", "completed", spoken("i1"))
    stage.error("response_cancel_not_active")
    stage.keys("#")
    assert stage.creates == 1
    assert not stage.over()


@pytest.mark.parametrize(
    ("code", "event_id"),
    [
        ("invalid_value", "truncate_i1"),
        ("item_truncate_invalid_item_id", None),
        ("unsupported_content_type", None),
        ("response_cancel_not_active", "cancel_r1"),
        ("input_audio_buffer_commit_empty", None),
        ("item_delete_invalid_item_id", "delete_i1"),
        ("server_error", "truncate_i1"),
        ("model_not_found", "truncate_i1"),
        (None, "cancel_r1"),
    ],
)
def test_an_error_answer_to_a_barge_in_is_a_line_at_debug(
    code: str | None, event_id: str | None
) -> None:
    stage = talking()
    stage.speech_started()
    stage.mark()
    stage.error(code, event_id=event_id)
    stage.advance(3)
    assert [note.level for note in stage.all(Note)] == ["debug"]
    assert stage.creates == 0
    assert not stage.over()


def test_a_truncate_past_the_end_is_a_line_at_debug_without_its_event_id() -> None:
    stage = talking()
    stage.speech_started()
    stage.mark()
    told = "Audio content of 2650ms is already shorter than 9100ms"
    stage.error("invalid_value", message=told)
    assert [note.level for note in stage.all(Note)] == ["debug"]


def test_without_barge_in_the_agent_finishes_what_it_says() -> None:
    stage = talking(barge_in=False)
    stage.speech_started()
    assert without_silence(stage) == []
    stage.delta(500)
    stage.done()
    stage.speech_stopped()
    stage.advance(6)
    assert stage.core.finished_ms["i1"] >= 3500


def test_the_counters_count_barge_ins() -> None:
    stage = talking()
    stage.speech_started()
    assert stage.conversation.counters.barge_ins == 1
