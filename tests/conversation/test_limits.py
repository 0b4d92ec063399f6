"""What bad input gets, and how long a call may last."""

import pytest

from trio_sts.conversation import inputs
from trio_sts.conversation.commands import Begin, EndCall, Note
from trio_sts.conversation.parts.failures import Fatal, Harmless, judge
from trio_sts.conversation.rules.opening import is_usable_uuid
from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime.events import McpProgress, RateLimitsUpdated, SessionUpdated
from trio_sts.wire.realtime.items import ErrorDetail, SessionInfo, Usage

from .stage import Stage


def test_no_init_within_10_s_closes() -> None:
    stage = Stage()
    stage.talk(9.9)
    assert not stage.over()
    stage.advance(0.2)
    assert stage.end == EndCall(1008, "no init", "No init message came within 10 s.")


def test_a_second_init_is_ignored_and_logged_once() -> None:
    stage = Stage.ready()
    stage.init("another")
    stage.init("and another")
    assert stage.kinds() == []
    assert [note.event for note in stage.all(Note)] == ["second init ignored"]


@pytest.mark.parametrize(
    "uuid", [None, 7, "", "a" * 129, "a/b", "a b", "a\n", "é", ["x"], "a\x7f"]
)
def test_an_odd_uuid_is_told_and_the_call_goes_on_with_ours(uuid: object) -> None:
    stage = Stage()
    stage.init(uuid)
    assert stage.kinds() == ["Failure", "Begin"]
    assert stage.all(Begin) == [Begin("fallback")]


@pytest.mark.parametrize("uuid", ["a", "a" * 128, "!~", "7c0f-..%2"])
def test_a_printable_uuid_is_kept(uuid: str) -> None:
    assert is_usable_uuid(uuid)


def test_a_bad_message_is_told_and_the_100th_closes() -> None:
    stage = Stage.ready()
    for _ in range(99):
        stage.caller(BadMessage("not JSON"))
    assert stage.all(avr.Failure) == [avr.Failure("not JSON")] * 99
    assert not stage.over()
    stage.caller(BadMessage("not JSON"))
    assert stage.end is not None
    assert stage.end.code == 1008


def test_10_malformed_model_events_are_a_lost_model() -> None:
    stage = Stage.ready(reconnect=False)
    for _ in range(9):
        stage.model(BadMessage("no type"))
    assert not stage.over()
    stage.model(BadMessage("no type"))
    assert stage.end is not None
    assert (stage.end.code, stage.end.outcome) == (1011, "model lost")
    assert stage.conversation.counters.bad_events == 10


def test_an_unknown_type_is_noted_once() -> None:
    stage = Stage.ready()
    for kind in ("new", "new", "newer", *(f"{n}" for n in range(200))):
        stage.caller(avr.UnknownFromCore(kind))
    assert len(stage.all(Note)) == 100
    assert stage.kinds() == []


def test_an_unknown_model_event_changes_nothing() -> None:
    stage = Stage.ready()
    stage.model(RateLimitsUpdated())
    assert stage.all(object) == []


def test_the_longest_call_ends() -> None:
    stage = Stage.ready(max_call_s=60)
    stage.talk(59.9)
    assert not stage.over()
    stage.advance(0.2)
    assert stage.end == EndCall(1000, "longest call reached")


def test_a_caller_who_sends_nothing_is_left_after_the_idle_time() -> None:
    stage = Stage.ready(idle_s=30)
    stage.keys("#")
    stage.answer(20)
    stage.talk(1)
    stage.advance(29.0)
    assert not stage.over()
    stage.advance(0.2)
    assert stage.end == EndCall(1000, "no caller audio")


def test_the_idle_time_does_not_run_while_the_agent_speaks() -> None:
    stage = Stage.ready(idle_s=5)
    stage.answer(20_000)
    stage.advance(24.9)
    assert not stage.over()
    stage.advance(0.3)
    assert stage.end is not None


def test_the_idle_time_does_not_run_while_a_tool_does() -> None:
    stage = Stage.ready(idle_s=5, max_call_s=100)
    stage.call_tool()
    stage.advance(50)
    assert not stage.over()
    stage.tool_finished()
    assert not stage.over()
    stage.advance(5)
    assert stage.end is not None


@pytest.mark.parametrize("echoed", ["pcmu", "something else"])
def test_a_wrong_format_on_any_update_ends_the_call(echoed: str) -> None:
    stage = Stage.ready()
    stage.model(SessionUpdated(SessionInfo(input_format="pcm", output_format="pcm")))
    stage.model(SessionUpdated(SessionInfo()))
    assert not stage.over()
    stage.model(SessionUpdated(SessionInfo(input_format="pcm", output_format=echoed)))
    assert stage.end is not None
    assert stage.end.code == 1011


def test_a_remote_tool_server_is_noted() -> None:
    stage = Stage.ready()
    stage.model(McpProgress("mcp_list_tools.completed"))
    stage.model(McpProgress("mcp_list_tools.failed"))
    assert [note.level for note in stage.all(Note)] == ["info", "warning"]


def test_nothing_is_commanded_after_the_end() -> None:
    stage = Stage.ready()
    stage.answer(5000)
    stage.error("invalid_api_key")
    stage.mark()
    stage.talk(1)
    stage.keys("1#")
    stage.speech_started()
    stage.call_tool("c1", response="r2")
    stage.model_lost()
    assert stage.all(object) == []
    assert stage.conversation.deadline == float("inf")
    assert stage.conversation.take(inputs.Finish(), stage.now) == []


def test_the_counters_adds_up_tokens_and_latency() -> None:
    stage = Stage.ready()
    usage = Usage(1, 2, 3, 4, 5, 6)
    stage.done("r0", usage=usage)
    stage.done("r1", usage=usage)
    stage.speech_stopped()
    stage.advance(0.75)
    stage.answer(1000, "i2", "r2")
    counters = stage.conversation.counters
    assert (counters.input_text_tokens, counters.output_audio_tokens) == (2, 12)
    assert round(stage.conversation.latencies.turn.worst_s, 3) == 0.75
    assert counters.turns == 1


def test_an_error_is_judged_by_its_type_where_it_has_no_code() -> None:
    assert isinstance(judge(ErrorDetail("insufficient_quota")), Fatal)
    assert judge(ErrorDetail()) == Harmless(expected=False)
