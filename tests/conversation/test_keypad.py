"""Keys that the caller presses become one message."""

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.wire.realtime.requests import CancelResponse, CreateMessage

from .stage import Stage


def messages(stage: Stage) -> list[str]:
    return [message.text for message in stage.all(CreateMessage)]


def pressed(digits: str) -> list[str]:
    return [f"[The caller pressed these keys: {digits}]"]


def test_the_first_key_cancels_before_it_truncates() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(3000)
    stage.advance(1)
    stage.mark()
    stage.keys("1")
    assert stage.kinds() == ["Interruption", "CancelResponse", "TruncateItem"]
    [cancel] = stage.all(CancelResponse)
    assert cancel.response_id == "r1"
    stage.mark()
    stage.keys("23")
    assert stage.kinds() == []


def test_the_first_key_cancels_once_what_the_model_interrupted_itself() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(3000)
    stage.speech_started()
    stage.keys("1")
    assert stage.all(CancelResponse) == []


def test_a_hash_sends_the_keys_and_one_create() -> None:
    stage = Stage.ready()
    stage.keys("123")
    assert stage.kinds() == []
    stage.keys("#")
    assert messages(stage) == pressed("123")
    assert stage.creates == 1
    stage.advance(5)
    assert stage.creates == 1


def test_a_pause_sends_the_keys() -> None:
    stage = Stage.ready()
    stage.keys("1")
    stage.advance(1)
    stage.keys("2")
    stage.advance(1.4)
    assert messages(stage) == []
    stage.advance(0.2)
    assert messages(stage) == pressed("12")


def test_32_keys_are_sent_at_once() -> None:
    stage = Stage.ready()
    stage.keys("5" * 31)
    assert messages(stage) == []
    stage.keys("5")
    assert messages(stage) == pressed("5" * 32)


def test_a_lone_hash_is_sent_as_a_hash() -> None:
    stage = Stage.ready()
    stage.keys("#")
    assert messages(stage) == pressed("#")


def test_the_keys_wait_for_the_end_of_the_cancelled_response() -> None:
    stage = Stage.ready()
    stage.created()
    stage.keys("1#")
    stage.advance(0.5)
    assert messages(stage) == []
    stage.done("r1", "cancelled")
    assert messages(stage) == pressed("1")
    assert stage.creates == 1


def test_they_wait_for_it_2_s_at_most() -> None:
    stage = Stage.ready()
    stage.created()
    stage.keys("1#")
    stage.advance(1.9)
    assert messages(stage) == []
    stage.advance(0.2)
    assert messages(stage) == pressed("1")


def test_the_vads_response_meanwhile_is_cancelled() -> None:
    stage = Stage.ready()
    stage.keys("1")
    stage.speech_started()
    stage.speech_stopped()
    stage.created("vad")
    assert [cancel.response_id for cancel in stage.all(CancelResponse)] == ["vad"]
    stage.delta(300, "i9", "vad")
    assert stage.core.received_ms == {}
    stage.done("vad", "cancelled")
    stage.keys("#")
    assert messages(stage) == pressed("1")
    assert stage.creates == 1


def test_a_response_that_was_just_asked_for_is_cancelled_as_it_comes() -> None:
    stage = Stage.ready()
    stage.call_tool()
    stage.tool_finished()
    stage.keys("1#")
    assert messages(stage) == []
    stage.created("r2")
    assert [cancel.response_id for cancel in stage.all(CancelResponse)] == ["r2"]
    stage.done("r2", "cancelled")
    assert messages(stage) == pressed("1")
    assert stage.creates == 2


def test_keys_before_the_model_is_ready_wait_for_it() -> None:
    stage = Stage()
    stage.init()
    stage.keys("12#")
    stage.advance(5)
    assert messages(stage) == []
    stage.model_ready()
    assert messages(stage) == pressed("12")
    assert stage.creates == 1


@pytest.mark.parametrize("burst", ["#" * 1000, ("1" * 32) * 50])
def test_no_more_than_a_few_messages_wait(burst: str) -> None:
    stage = Stage.ready()
    stage.created()
    stage.keys(burst)
    stage.done("r1", "cancelled")
    assert len(messages(stage)) <= 8


def test_digits_are_masked_where_they_are_told() -> None:
    stage = Stage.ready()
    stage.keys("4711#")
    assert stage.said == [("user", "****")]
    assert all("4711" not in repr(note) for note in stage.all(Note))
    assert "4711" not in repr(stage.all(CreateMessage))
    assert stage.conversation.counters.keys == 5


def test_the_vads_response_is_not_heard_though_its_created_was_not_seen() -> None:
    stage = Stage.ready()
    stage.keys("1")
    stage.delta(300, "i9", "vad")
    assert [cancel.response_id for cancel in stage.all(CancelResponse)] == ["vad"]
    assert stage.core.received_ms == {}
