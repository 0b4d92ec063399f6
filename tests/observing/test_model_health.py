"""Calls that fail in a row because of the model."""

import pytest
from structlog.testing import capture_logs

from trio_sts.conversation.commands import EndCall, Note
from trio_sts.conversation.config import Rules
from trio_sts.conversation.session import Conversation
from trio_sts.observing.model_health import ModelHealth
from trio_sts.observing.observer import Observed

SILENT = EndCall(1011, "model silent")
HUNG_UP = EndCall(1000, "caller hung up")


def held(
    health: ModelHealth,
    ending: EndCall,
    *notes: Note,
    heard: bool = False,
    now: float = 0.0,
) -> None:
    """One call, from its beginning to its end."""
    core = Conversation(Rules(), now=0.0, fallback_uuid="id")
    if heard:
        core.counters.agent_audio(bytes(320))
    call = health.observe(Observed("id", {}, 0.0, core, lambda _: None))
    for note in notes:
        call.asked(note, now)
    call.ended(None, ending, now)


def begins(kind: str) -> Note:
    return Note("debug", "agent begins", {"kind": kind, "after_s": 0.3})


def test_five_in_a_row_are_an_error_and_a_warning_for_probes() -> None:
    states: list[bool] = []
    health = ModelHealth(states.append)
    with capture_logs() as logs:
        for _ in range(4):
            held(health, SILENT, begins("greeting"), heard=True)
        assert (logs, states, health.warning) == ([], [], None)
        held(health, SILENT)
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("model failing", "error")
    ]
    assert states == [True]
    assert health.warning == "the model is failing: 5 calls in a row (model silent)"


def test_it_is_told_once_a_minute() -> None:
    health = ModelHealth()
    with capture_logs() as logs:
        for second in range(65):
            held(health, SILENT, now=float(second))
    assert len(logs) == 2


@pytest.mark.parametrize("ending", [HUNG_UP, EndCall(1000, "transferred")])
def test_a_call_that_was_saved_has_failed_all_the_same(ending: EndCall) -> None:
    health = ModelHealth()
    given_up = Note("warning", "model given up", {"why": "no model"})
    held(health, ending, given_up, heard=True)
    assert (health.in_a_row, health.why) == (1, "no model")


def test_a_good_call_ends_it_and_one_in_which_nobody_was_heard_does_not() -> None:
    health = ModelHealth()
    for _ in range(4):
        held(health, SILENT)
    held(health, HUNG_UP)
    held(health, EndCall(1008, "no init"))
    held(health, EndCall(1011, "crashed"), heard=True)
    assert health.in_a_row == 4
    held(health, HUNG_UP, heard=True)
    assert health.in_a_row == 0


def test_while_it_fails_an_answer_is_enough_and_a_greeting_is_not() -> None:
    states: list[bool] = []
    health = ModelHealth(states.append)
    with capture_logs() as logs:
        for _ in range(5):
            held(health, SILENT)
        core = Conversation(Rules(), now=0.0, fallback_uuid="id")
        call = health.observe(Observed("id", {}, 0.0, core, lambda _: None))
        call.asked(begins("greeting"), 1.0)
        assert health.is_failing
        call.asked(begins("turn"), 2.0)
    assert (states, health.is_failing) == ([True, False], False)
    assert logs[-1]["event"] == "model works again"
