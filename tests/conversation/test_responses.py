"""One place decides when a response is asked for."""

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.wire.realtime.events import InputTimeout
from trio_sts.wire.realtime.requests import CreateFunctionOutput, CreateResponse

from .stage import Stage, called

ACTIVE = "conversation_already_has_active_response"


def after_a_tool() -> Stage:
    """A tool is running whose parent is done."""
    stage = Stage.ready()
    stage.call_tool()
    stage.mark()
    return stage


def test_outputs_are_followed_by_one_create() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    assert stage.kinds() == ["CreateFunctionOutput", "CreateResponse"]
    stage.advance(5)
    assert stage.creates == 1


def test_a_response_that_was_active_when_the_outputs_went_out_does_not_count() -> None:
    stage = after_a_tool()
    stage.created("vad")
    stage.tool_finished()
    assert stage.kinds() == ["CreateFunctionOutput"]
    stage.done("vad")
    assert stage.creates == 1


def test_a_response_created_after_the_outputs_satisfies_the_want() -> None:
    stage = after_a_tool()
    stage.speech_started()
    stage.tool_finished()
    stage.speech_stopped()
    stage.answer(100, "i1", "vad")
    stage.advance(5)
    assert stage.creates == 0


def test_an_active_response_is_waited_for_and_asked_again() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    stage.error(ACTIVE)
    stage.advance(1)
    assert stage.creates == 1
    stage.done("unseen")
    assert stage.creates == 2


def test_a_refusal_while_nothing_was_asked_asks_for_nothing() -> None:
    stage = Stage.ready()
    stage.error(ACTIVE)
    stage.done("unseen")
    assert stage.creates == 0


def test_a_refusal_after_the_vads_response_came_leaves_the_want_as_it_was() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    stage.created("vad")
    stage.error(ACTIVE)
    stage.delta(100, "i1", "vad")
    assert stage.creates == 1
    stage.done("vad")
    assert stage.creates == 2


def test_a_refusal_before_the_vads_response_is_seen_leaves_the_want_too() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    stage.error(message="Conversation already has an active response in progress: x.")
    stage.created("vad")
    stage.delta(100, "i1", "vad")
    assert stage.creates == 1
    stage.done("vad")
    assert stage.creates == 2


def test_a_want_that_came_after_an_unanswered_create_is_asked_for_too() -> None:
    stage = after_a_tool()
    stage.call_tool("c2", response="vad")
    stage.tool_finished()
    stage.tool_finished("c2")
    assert stage.creates == 1
    stage.answer(100, "i2", "r2")
    assert stage.creates == 2
    stage.answer(100, "i3", "r3")
    assert stage.creates == 2


def test_it_holds_from_speech_started_until_a_second_after_speech_stopped() -> None:
    stage = after_a_tool()
    stage.talk(0.1)
    stage.speech_started()
    stage.tool_finished()
    stage.talk(3)
    assert stage.creates == 0
    stage.speech_stopped()
    stage.advance(0.99)
    assert stage.creates == 0
    stage.advance(0.02)
    assert stage.creates == 1


def test_our_own_response_does_not_end_the_hold() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    stage.speech_started()
    stage.created("ours")
    stage.function_call("c2", "look_up", "ours")
    stage.done("ours", "cancelled", called("c2"))
    stage.tool_finished("c2")
    assert stage.creates == 1
    stage.speech_stopped()
    stage.advance(1)
    assert stage.creates == 2


def test_response_done_answers_a_create_whose_created_was_not_seen() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    stage.done("r2", "completed", called("c2"))
    stage.tool_finished("c2")
    assert stage.creates == 2


def test_the_vads_idle_timeout_makes_the_model_owe_a_turn() -> None:
    stage = Stage.ready()
    stage.model(InputTimeout())
    stage.advance(8)
    assert stage.creates == 1


def test_a_failed_response_is_asked_for_again_after_1_2_and_4_seconds() -> None:
    stage = Stage.ready()
    stage.created("r0")
    stage.failed("r0")
    for n, delay_s in enumerate((1, 2, 4)):
        stage.mark()
        stage.advance(delay_s - 0.01)
        assert stage.creates == 0
        stage.advance(0.02)
        assert stage.creates == 1
        stage.created(f"retry{n}")
        assert not stage.over()
        stage.failed(f"retry{n}")
    assert stage.end is not None
    assert stage.end.code == 1011
    assert stage.end.failure


def test_a_completed_response_gives_the_retries_back() -> None:
    stage = Stage.ready()
    for n in range(6):
        stage.created(f"bad{n}")
        stage.failed(f"bad{n}")
        stage.advance(1)
        stage.answer(200, f"i{n}", f"good{n}")
    assert not stage.over()


@pytest.mark.parametrize(
    ("message", "delay_s"),
    [
        ("Rate limit reached. Please try again in 2.5s.", 2.5),
        ("Please try again in 300ms.", 0.3),
        ("Retry after 7 s", 7),
        ("Please try again in 59s", 10),
        ("Too many requests", 1),
    ],
)
def test_the_delay_that_the_endpoint_names_is_kept_10_s_at_most(
    message: str, delay_s: float
) -> None:
    stage = Stage.ready()
    stage.created()
    stage.failed(code="rate_limit_exceeded", message=message)
    stage.advance(delay_s - 0.01)
    assert stage.creates == 0
    stage.advance(0.02)
    assert stage.creates == 1


def test_an_unknown_failure_is_retried_too() -> None:
    stage = Stage.ready()
    stage.created()
    stage.done("r1", "failed")
    stage.advance(1)
    assert stage.creates == 1


def test_a_want_during_the_delay_does_not_shorten_it() -> None:
    stage = Stage.ready()
    stage.call_tool()
    stage.created("r2")
    stage.failed("r2", code="rate_limit_exceeded", message="try again in 5s")
    stage.tool_finished()
    stage.advance(4.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1


@pytest.mark.parametrize(
    "code",
    [
        "invalid_api_key",
        "account_deactivated",
        "insufficient_quota",
        "billing_hard_limit_reached",
        "model_not_found",
        "beta_api_shape_disabled",
    ],
)
@pytest.mark.parametrize("as_event", [True, False])
def test_a_fatal_code_ends_the_call_and_says_why(code: str, as_event: bool) -> None:
    stage = Stage.ready()
    if as_event:
        stage.error(code, message="sk-secret")
    else:
        stage.created()
        stage.failed(code=code, message="sk-secret")
    assert stage.end is not None
    assert stage.end.code == 1011
    assert stage.end.failure is not None
    assert stage.end.failure.startswith("The assistant is not available: the ")
    assert "secret" not in stage.end.failure
    assert stage.conversation.deadline == float("inf")


def test_an_error_event_that_answers_a_create_is_retried() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    stage.error("rate_limit_exceeded", message="try again in 2s")
    stage.advance(1.9)
    assert stage.creates == 1
    stage.advance(0.2)
    assert stage.creates == 2


def test_an_error_event_and_the_failed_response_are_one_failure() -> None:
    stage = Stage.ready()
    stage.created()
    stage.error("server_error")
    stage.failed()
    stage.advance(0.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1
    assert stage.conversation.counters.retries == 1


def test_an_error_event_out_of_the_blue_asks_for_nothing() -> None:
    stage = Stage.ready()
    stage.answer(200)
    stage.advance(1)
    stage.error(None, kind="server_error")
    stage.advance(20)
    assert stage.creates == 0
    assert not stage.over()


def test_an_unknown_error_goes_on_with_a_warning() -> None:
    stage = Stage.ready()
    stage.mark()
    stage.error("something_new")
    assert [note.level for note in stage.all(Note)] == ["warning"]
    assert not stage.over()


def test_a_retry_that_is_never_answered_is_nudged() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(200)
    stage.failed()
    stage.advance(1)
    assert stage.creates == 1
    stage.advance(8)
    assert stage.creates == 2


def test_the_outputs_of_a_conversation_are_never_asked_for_twice() -> None:
    stage = after_a_tool()
    stage.tool_finished()
    stage.tool_finished()
    assert len(stage.all(CreateFunctionOutput)) == 1
    assert len(stage.all(CreateResponse)) == 1
