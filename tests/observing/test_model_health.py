"""Calls that fail in a row because of the model."""

import pytest
from structlog.testing import capture_logs

from trio_sts.conversation.commands import EndCall, Note
from trio_sts.conversation.config import Rules
from trio_sts.conversation.session import Conversation
from trio_sts.observing.model_health import ModelHealth
from trio_sts.observing.observer import Observed
from trio_sts.observing.verdicts import Verdict, VerdictOfCall

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
    call = looking_on(health, core)
    for note in notes:
        call.asked(note, now)
    call.ended(None, ending, now)


def looking_on(health: ModelHealth, core: Conversation) -> VerdictOfCall:
    return VerdictOfCall(health.take, Observed("id", {}, 0.0, core, lambda _: None))


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
        call = looking_on(health, core)
        call.asked(begins("greeting"), 1.0)
        assert health.is_failing
        call.asked(begins("turn"), 2.0)
    assert (states, health.is_failing) == ([True, False], False)
    assert logs[-1]["event"] == "model works again"


def fed(*verdicts: tuple[str, str, float]) -> ModelHealth:
    health = ModelHealth()
    for kind, why, now in verdicts:
        health.take(Verdict(kind, why), now)  # type: ignore[arg-type]
    return health


def test_five_failures_keep_callers_away_for_a_minute_after_the_last() -> None:
    health = fed(*[("failed", "no model", float(second)) for second in range(4)])
    assert health.unready(3.0) is None
    health.take(Verdict("failed", "no model"), 4.0)
    assert health.unready(63.9) == ("the model is failing: 5 calls in a row (no model)")
    # A call may try, and probes are told why it may fail.
    assert health.unready(64.0) is None
    assert health.warning is not None
    health.take(Verdict("failed", "no model"), 70.0)
    assert health.unready(129.0) is not None
    health.take(Verdict("worked"), 130.0)
    assert health.unready(130.0) is None
    assert health.warning is None


def test_a_refused_key_keeps_callers_away_until_it_is_taken() -> None:
    with capture_logs() as logs:
        health = fed(("key refused", "http_401", 0.0), ("key refused", "http_401", 1.0))
    assert [line["event"] for line in logs] == ["key refused"]
    assert health.unready(60.9) == "the endpoint refuses the key"
    assert health.unready(61.0) is None
    assert health.warning == "the endpoint refuses the key"
    health.take(Verdict("key taken"), 62.0)
    assert health.warning is None


@pytest.mark.parametrize(
    ("kind", "result", "refused"),
    [
        ("dial", "http_401", True),
        ("dial", "http_403", True),
        ("session", "invalid_api_key", True),
        ("dial", "http_429", False),
        ("session", "the model did not answer in time", False),
        ("tool", "http_401", False),
    ],
)
def test_what_is_about_the_key(kind: str, result: str, refused: bool) -> None:
    health = ModelHealth()
    call = looking_on(health, Conversation(Rules(), now=0.0, fallback_uuid="id"))
    call.noted(kind, {"result": result}, 0.0)
    assert health.key_refused is refused
    call.noted("dial", {"result": "connected"}, 1.0)
    assert health.key_refused is refused
    call.noted("session", {"result": "set up"}, 1.0)
    assert not health.key_refused
