"""A model that can't be had: the caller hears so, and a human takes over if there is one."""

from typing import Any

import orjson
import pytest

from trio_sts.conversation.commands import EndCall, LeaveModel, Reconnect, RunTool
from trio_sts.conversation.config import Rules
from trio_sts.wire.avr import AgentAudio, DtmfDigit
from trio_sts.wire.realtime.requests import AppendAudio

from .stage import QUIET, Stage

APOLOGY_MS = 1000


def apology() -> bytes:
    """PCM16 at 8 kHz that AVR Core's judge knows as the item "apology"."""
    model = Stage().core.audio_of("apology", APOLOGY_MS)
    return model[: len(model) // 3]


def dialling(**rules: object) -> Stage:
    given: dict[str, Any] = {**QUIET, "greeting": False, "apology": apology(), **rules}
    stage = Stage(Rules(**given))
    stage.core.audio_of("apology", 20)
    stage.init()
    return stage


def in_mid_call(**rules: object) -> Stage:
    stage = dialling(**rules)
    stage.model_ready()
    stage.core.audio_of("i1", 20)
    return stage


FALLBACK = {"fallback": ("600", "from-agents")}


def test_the_apology_is_heard_whole_before_the_call_ends() -> None:
    stage = dialling()
    stage.model_failed("no model", "The assistant cannot be reached.")
    assert len(stage.all(LeaveModel)) == 1
    stage.advance(1.0)
    assert not stage.over()
    stage.advance(0.1)
    assert stage.end == EndCall(1011, "no model", "The assistant cannot be reached.")
    assert stage.core.received_ms["apology"] == APOLOGY_MS
    assert stage.core.silent


def test_without_one_the_call_ends_at_once() -> None:
    stage = dialling(apology=b"")
    stage.model_failed("no model", "It is away.")
    assert stage.end == EndCall(1011, "no model", "It is away.")


def test_what_waits_of_the_agent_is_heard_before_it() -> None:
    stage = in_mid_call()
    stage.created()
    stage.delta(2000)
    stage.model_failed("no model", "It is away.")
    stage.advance(3.0)
    assert not stage.over()
    stage.advance(0.2)
    assert stage.over()
    heard = [stage.core.received_ms[item] for item in ("i1", "apology")]
    # With what the resampler held back of it.
    assert heard == [2020, APOLOGY_MS]


@pytest.mark.parametrize("ok", [True, False])
def test_a_fallback_takes_the_caller_over_after_the_apology(ok: bool) -> None:
    stage = dialling(**FALLBACK)
    stage.model_failed()
    assert stage.all(RunTool) == []
    stage.advance(1.1)
    (run,) = stage.all(RunTool)
    assert (run.name, run.own) == ("avr_transfer", True)
    assert orjson.loads(run.arguments) == {
        "transfer_extension": "600",
        "transfer_context": "from-agents",
    }
    stage.tool_finished(run.call_id, ok=ok)
    if ok:
        assert stage.conversation.end_reason == "transferred"
        stage.advance(10.1)
        assert stage.end == EndCall(1000, "transferred")
    else:
        assert stage.end is not None
        assert stage.end.code == 1011


def test_a_fallback_without_an_apology_is_tried_at_once() -> None:
    stage = dialling(apology=b"", **FALLBACK)
    stage.model_failed()
    assert len(stage.all(RunTool)) == 1


def test_a_fallback_that_never_answers_does_not_hold_the_line() -> None:
    stage = dialling(**FALLBACK)
    stage.model_failed()
    stage.advance(22)
    assert stage.end is not None
    assert stage.end.code == 1011


def dead_air(stage: Stage) -> None:
    stage.keys("1#")
    stage.advance(16.5)
    stage.model_ready()
    stage.advance(9)


def fatal(stage: Stage) -> None:
    stage.error("insufficient_quota")


def fails_four_times(stage: Stage) -> None:
    stage.keys("1#")
    for n in range(4):
        stage.created(f"r{n}")
        stage.failed(f"r{n}")
        stage.advance(4.1)


def drops(stage: Stage) -> None:
    for _ in range(4):
        stage.model_lost()
        if stage.all(LeaveModel):
            break
        stage.model_ready()


def another_format(stage: Stage) -> None:
    stage.model_failed("wrong format", "It does not speak our format.")


@pytest.mark.parametrize(
    "way", [dead_air, fatal, fails_four_times, drops, another_format]
)
@pytest.mark.parametrize("fallback", [True, False])
def test_every_way_of_losing_the_model_is_told_aloud(
    way: object, fallback: bool
) -> None:
    stage = in_mid_call(**(FALLBACK if fallback else {}))
    assert callable(way)
    way(stage)
    stage.advance(1.5)
    assert stage.core.received_ms["apology"] == APOLOGY_MS
    if fallback:
        (run,) = stage.all(RunTool)
        assert run.name == "avr_transfer"
    else:
        assert stage.end is not None
        assert stage.end.code == 1011


def test_nothing_goes_to_a_model_that_was_given_up() -> None:
    stage = in_mid_call()
    stage.error("insufficient_quota")
    stage.mark()
    stage.talk(0.3)
    stage.keys("1#")
    stage.model_lost()
    stage.speech_started()
    stage.created("late")
    stage.delta(500, "late", "late")
    stage.model_failed()
    assert stage.all(AppendAudio) == []
    assert stage.all(Reconnect) == []
    assert stage.creates == 0
    stage.advance(5)
    assert stage.over()
    assert stage.core.received_ms["late"] == 0


def test_a_caller_who_presses_keys_meanwhile_still_hears_it() -> None:
    stage = in_mid_call()
    stage.error("insufficient_quota")
    stage.advance(0.3)
    stage.caller(DtmfDigit("1"))
    stage.advance(2)
    assert stage.core.received_ms["apology"] == APOLOGY_MS


def test_a_goodbye_that_succeeded_needs_no_apology() -> None:
    stage = in_mid_call()
    stage.created()
    stage.delta(500)
    stage.function_call("bye", "avr_hangup")
    stage.done("r1")
    stage.advance(2)
    stage.tool_finished("bye")
    stage.mark()
    stage.model_failed()
    assert stage.all(AgentAudio) == []
    assert stage.end == EndCall(1000, "hung up by the agent")
