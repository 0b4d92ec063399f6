"""Responses that fail, with or without their end, and what is not waited for then."""

from typing import Any

import pytest

from trio_sts.conversation.commands import EndCall
from trio_sts.wire.realtime.items import ErrorDetail
from trio_sts.wire.realtime.requests import CreateMessage

from .stage import Stage


def asked(**rules: object) -> Stage:
    stage = Stage.ready(**rules)
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    stage.mark()
    return stage


@pytest.mark.parametrize("said_ms", [0, 400])
@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
def test_an_error_event_alone_ends_the_active_response(
    code: str, said_ms: float
) -> None:
    stage = asked()
    if said_ms:
        stage.delta(said_ms)
    stage.error(code)
    stage.advance(0.95)
    assert stage.creates == 0
    stage.advance(0.1)
    assert stage.creates == 1
    stage.created("r2")
    stage.delta(400, "i2", "r2")
    stage.done("r2")
    stage.advance(60)
    assert stage.creates == 1
    assert not stage.over()


def test_what_still_comes_of_it_is_not_heard_beside_the_next() -> None:
    stage = asked()
    stage.delta(100)
    stage.error("server_error")
    stage.advance(1.1)
    stage.created("r2")
    heard_ms = stage.core.received_ms["i1"]
    stage.delta(400)
    stage.delta(400, "i2", "r2")
    stage.advance(2)
    assert stage.core.received_ms["i1"] == heard_ms
    assert stage.core.received_ms["i2"] >= 400


def test_its_done_is_no_second_failure() -> None:
    stage = asked()
    stage.error("server_error")
    stage.failed()
    stage.advance(1.1)
    assert stage.creates == 1
    assert stage.conversation.counters.retries == 1


def test_errors_that_end_one_after_the_other_end_the_call_in_words() -> None:
    stage = asked()
    for n in range(4):
        assert not stage.over()
        stage.error("server_error")
        stage.advance(4.1)
        stage.created(f"r{n + 2}")
    assert isinstance(stage.end, EndCall)
    assert stage.end.code == 1011
    assert stage.end.failure


@pytest.mark.parametrize(
    ("message", "waits_s"),
    [
        ("Please try again in 1m12s.", 10),
        ("Please try again in 1m12.5s. Visit us.", 10),
        ("Please try again in 6.2s.", 6.2),
        ("Please try again in 350ms.", 0.35),
        ("Please retry after 3 seconds", 3),
        ("Try again in 2s500ms", 2.5),
        ("Please try again in 1h0m0s", 10),
        ("Please wait a little.", 1),
    ],
)
@pytest.mark.parametrize("as_event", [True, False])
def test_the_delay_in_the_words_is_kept_10_s_at_most(
    message: str, waits_s: float, as_event: bool
) -> None:
    stage = asked()
    if as_event:
        stage.error("rate_limit_exceeded", message=message)
    else:
        detail = ErrorDetail(code="rate_limit_exceeded", message=message)
        stage.done("r1", "failed", error=detail)
    stage.advance(waits_s - 0.05)
    assert stage.creates == 0
    stage.advance(0.1)
    assert stage.creates == 1


def test_keys_do_not_wait_for_the_delay_of_an_old_failure() -> None:
    stage = asked()
    detail = ErrorDetail(code="rate_limit_exceeded", message="Try again in 9s.")
    stage.done("r1", "failed", error=detail)
    stage.keys("42#")
    assert [m.text for m in stage.all(CreateMessage)] == [
        "[The caller pressed these keys: 42]"
    ]
    assert stage.creates == 1


def test_speech_does_not_wait_for_it_either() -> None:
    stage = asked()
    detail = ErrorDetail(code="rate_limit_exceeded", message="Try again in 9s.")
    stage.done("r1", "failed", error=detail)
    stage.speech_started()
    stage.advance(0.5)
    stage.speech_stopped()
    stage.created("r2")
    stage.delta(300, "i2", "r2")
    stage.done("r2")
    stage.advance(20)
    assert stage.creates == 0


@pytest.mark.parametrize("first", ["refusal", "created"])
@pytest.mark.parametrize("coded", [True, False])
def test_a_refused_want_stands_in_both_orders(first: str, coded: bool) -> None:
    stage = Stage.ready()
    stage.call_tool()
    stage.tool_finished()
    assert stage.creates == 1
    refusal: dict[str, Any] = {
        "code": "conversation_already_has_active_response" if coded else None,
        "message": "Conversation already has an active response in progress: r2.",
    }
    if first == "refusal":
        stage.error(**refusal)
        stage.created("r2")
    else:
        stage.created("r2")
        stage.error(**refusal)
    stage.delta(300, "i2", "r2")
    assert stage.creates == 1
    stage.done("r2")
    assert stage.creates == 2


def test_a_refused_ask_keeps_its_words() -> None:
    stage = Stage.ready(silence_prompt_s=5)
    stage.advance(5.1)
    stage.error("conversation_already_has_active_response")
    stage.created("r1")
    stage.done("r1", "cancelled")
    asks = [what.instructions for _, what in stage.log if hasattr(what, "tool_choice")]
    assert len(asks) == 2
    assert asks[0] == asks[1]
