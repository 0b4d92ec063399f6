"""Keys around the beginning of a call and of a session."""

import pytest

from trio_sts.conversation.config import Rules
from trio_sts.wire.realtime.requests import CreateMessage, CreateResponse

from .stage import QUIET, Stage


def keys(stage: Stage) -> list[str]:
    return [m.text.rpartition(" ")[2].rstrip("]") for m in stage.all(CreateMessage)]


def test_a_key_before_the_session_loses_no_welcome() -> None:
    stage = Stage(Rules(**QUIET))
    stage.init()
    stage.keys("1")
    stage.advance(0.5)
    stage.model_ready("Welcome at the bakery.")
    stage.advance(2)
    first, *_ = stage.all(CreateResponse)
    assert first.instructions is not None
    assert "Welcome at the bakery." in first.instructions
    stage.answer(500)
    stage.advance(2)
    assert keys(stage) == ["1"]


def test_keys_before_the_session_keep_their_pauses() -> None:
    stage = Stage(Rules(greeting=False, **QUIET))
    stage.init()
    stage.keys("12")
    stage.advance(1.6)
    stage.keys("3#")
    stage.advance(1)
    stage.keys("4")
    stage.advance(1.6)
    stage.model_ready()
    assert keys(stage) == ["12", "3", "4"]
    assert stage.creates == 1


def test_keys_while_the_line_is_down_are_answered_by_the_new_session() -> None:
    stage = Stage.ready()
    stage.model_lost()
    stage.keys("7#")
    stage.advance(3)
    assert keys(stage) == []
    stage.model_ready()
    stage.advance(1.1)
    assert keys(stage) == ["7"]
    assert stage.creates == 1


@pytest.mark.parametrize("more", [0, 5])
def test_32_digits_are_the_most(more: int) -> None:
    stage = Stage.ready()
    stage.keys("1" * (32 + more))
    # Those that follow wait for the end of what the first ones asked for.
    stage.advance(1.6 + 2)
    assert keys(stage) == ["1" * 32] + (["1" * more] if more else [])


def test_a_hash_that_follows_digits_is_no_digit_and_a_lone_one_is() -> None:
    stage = Stage.ready()
    stage.keys("12#")
    stage.answer(200)
    stage.advance(1)
    stage.keys("#")
    assert keys(stage) == ["12", "#"]


def test_a_key_owes_a_turn_though_the_last_one_was_answered() -> None:
    stage = Stage.ready()
    stage.answer(300)
    stage.advance(1)
    stage.mark()
    stage.keys("1#")
    stage.created("r2")
    stage.done("r2")
    assert stage.creates == 2
