"""Remote tools: what they return is spoken, whenever it comes, and approvals are refused."""

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item
from trio_sts.wire.realtime.requests import CancelResponse, RefuseApproval

from .stage import Stage

RUNS = "response.mcp_call.in_progress"
ENDS = ["response.mcp_call.completed", "response.mcp_call.failed"]


def remote(item: str = "m1", kind: str = "mcp_call") -> Item:
    return Item(item, kind, None, "completed", name="search", server_label="crm")


def progress(stage: Stage, kind: str, item: str = "m1") -> None:
    stage.model(events.McpProgress(kind, item))


def running() -> Stage:
    """The caller has asked for something that a remote tool finds out."""
    stage = Stage.ready()
    stage.speech_started()
    stage.speech_stopped()
    stage.created()
    progress(stage, RUNS)
    stage.mark()
    return stage


@pytest.mark.parametrize("end", ENDS)
def test_a_result_before_the_end_of_its_response_is_asked_about_after_1_s(
    end: str,
) -> None:
    stage = running()
    progress(stage, end)
    stage.advance(3)
    assert stage.creates == 0
    stage.done("r1", "completed", remote())
    stage.advance(0.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1


@pytest.mark.parametrize("end", ENDS)
def test_a_result_after_the_end_of_its_response_is_asked_about_after_1_s(
    end: str,
) -> None:
    stage = running()
    stage.done("r1", "completed", remote())
    stage.advance(20)
    assert stage.creates == 0
    assert stage.conversation.counters.nudges == 0
    progress(stage, end)
    stage.advance(0.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1


def test_a_response_that_follows_by_itself_is_the_answer() -> None:
    stage = running()
    stage.done("r1", "completed", remote())
    progress(stage, ENDS[0])
    stage.advance(0.5)
    stage.answer(500, "i2", "r2")
    stage.advance(30)
    assert stage.creates == 0


def test_one_that_follows_and_is_mute_is_asked_for_again() -> None:
    stage = running()
    stage.done("r1", "completed", remote())
    progress(stage, ENDS[0])
    stage.advance(0.5)
    stage.created("r2")
    stage.done("r2")
    assert stage.creates == 1


def test_a_call_that_is_known_by_its_item_alone_is_asked_about() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.created()
    stage.model(events.OutputItemDone(remote(), "r1"))
    stage.mark()
    stage.done("r1", "completed", remote())
    stage.advance(1.1)
    assert stage.creates == 1


def test_a_call_that_is_known_by_the_end_of_its_response_alone_is_asked_about() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.created()
    stage.mark()
    stage.done("r1", "completed", remote())
    stage.advance(1.1)
    assert stage.creates == 1


def test_a_list_of_tools_is_no_answer_to_the_caller() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.created()
    stage.mark()
    stage.done("r1", "completed", remote("l1", "mcp_list_tools"))
    assert stage.creates == 1


def test_two_calls_are_asked_about_once_both_have_ended() -> None:
    stage = running()
    progress(stage, RUNS, "m2")
    stage.done("r1", "completed", remote(), remote("m2"))
    progress(stage, ENDS[0], "m1")
    stage.advance(5)
    assert stage.creates == 0
    progress(stage, ENDS[1], "m2")
    stage.advance(1.1)
    assert stage.creates == 1


def test_a_result_is_asked_about_though_its_response_was_heard() -> None:
    stage = running()
    stage.delta(500, "i1", "r1")
    stage.done("r1", "completed", remote())
    progress(stage, ENDS[0])
    stage.advance(1.1)
    assert stage.creates == 1


def test_a_slow_one_is_excused_for_two_minutes_and_then_asked_about() -> None:
    stage = running()
    stage.done("r1", "completed", remote())
    # It was not the item's end, which completes the call.
    stage.advance(119)
    assert stage.creates == 0
    stage.advance(1.5)
    assert stage.creates == 1


@pytest.mark.parametrize("item_id", ["a1", ""])
def test_an_approval_request_is_refused_and_logged_and_the_turn_goes_on(
    item_id: str,
) -> None:
    stage = running()
    stage.done("r0", "completed")
    request = remote(item_id, "mcp_approval_request")
    stage.model(events.OutputItemDone(request, "r1"))
    stage.model(events.ItemDone(request))
    refusals = [each.request_id for each in stage.all(RefuseApproval)]
    assert refusals == ([item_id] if item_id else [])
    (note,) = [n for n in stage.all(Note) if n.event == "mcp approval refused"]
    assert note.level == "warning"
    progress(stage, ENDS[1])
    stage.done("r1", "completed", request)
    stage.advance(1.1)
    assert stage.creates == 1


@pytest.mark.parametrize("item_id", ["a1", ""])
def test_an_approval_request_alone_does_not_end_in_silence(item_id: str) -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.created()
    stage.mark()
    stage.done("r1", "completed", remote(item_id, "mcp_approval_request"))
    stage.advance(1.1)
    assert stage.creates == 1


def test_a_response_that_never_ends_after_a_result_is_no_excuse() -> None:
    stage = running()
    progress(stage, ENDS[0])
    stage.advance(7.9)
    assert stage.all(CancelResponse) == []
    stage.advance(2.3)
    assert len(stage.all(CancelResponse)) == 1
    assert stage.creates == 1


def test_a_result_that_is_owed_survives_the_session() -> None:
    stage = running()
    stage.done("r1", "completed", remote())
    stage.model_lost()
    stage.model_ready()
    stage.mark()
    stage.advance(1.1)
    assert stage.creates == 1
