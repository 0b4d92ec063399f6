"""The answer protocol of function calls."""

import pytest

from trio_sts.conversation.commands import RunTool
from trio_sts.wire.realtime.events import OutputItemAdded, OutputItemDone
from trio_sts.wire.realtime.requests import CreateFunctionOutput

from .stage import Stage, called


def runs(stage: Stage) -> list[tuple[str, str]]:
    return [(run.call_id, run.name) for run in stage.all(RunTool)]


def outputs(stage: Stage) -> list[tuple[str, str]]:
    return [(out.call_id, out.output) for out in stage.all(CreateFunctionOutput)]


def test_three_announcements_act_once() -> None:
    stage = Stage.ready()
    stage.created()
    stage.model(OutputItemAdded(called("c1", status="in_progress"), "r1"))
    assert runs(stage) == []
    stage.function_call()
    assert runs(stage) == [("c1", "look_up")]
    stage.model(OutputItemDone(called("c1"), "r1"))
    stage.done("r1", "completed", called("c1"))
    assert runs(stage) == [("c1", "look_up")]


def test_the_name_may_come_with_the_item_only() -> None:
    stage = Stage.ready()
    stage.model(OutputItemAdded(called("c1", status="in_progress"), "r1"))
    stage.function_call("c1", name=None)
    assert runs(stage) == [("c1", "look_up")]


def test_a_call_without_a_name_waits_for_the_announcement_that_has_one() -> None:
    stage = Stage.ready()
    stage.function_call("c1", name=None)
    assert runs(stage) == []
    stage.done("r1", "completed", called("c1"))
    assert runs(stage) == [("c1", "look_up")]


def test_a_call_without_an_id_is_no_call() -> None:
    stage = Stage.ready()
    stage.function_call("")
    assert runs(stage) == []


def test_the_output_waits_for_the_parents_end() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call()
    stage.tool_finished()
    assert outputs(stage) == []
    stage.done("r1", "completed", called("c1"))
    assert outputs(stage) == [("c1", '"found"')]
    assert stage.creates == 1


def test_parallel_calls_are_answered_by_one_create() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call("c1")
    stage.function_call("c2")
    stage.done("r1", "completed", called("c1"), called("c2"))
    stage.tool_finished("c2", "2")
    assert outputs(stage) == [("c2", "2")]
    assert stage.creates == 0
    stage.tool_finished("c1", "1")
    assert outputs(stage) == [("c2", "2"), ("c1", "1")]
    assert stage.creates == 1


def test_a_failed_tool_is_answered_like_any_other() -> None:
    stage = Stage.ready()
    stage.call_tool()
    stage.tool_finished("c1", '{"error": "no"}', ok=False)
    assert outputs(stage) == [("c1", '{"error": "no"}')]
    assert stage.creates == 1


def test_the_call_of_a_cancelled_parent_gets_no_output() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call()
    stage.done("r1", "cancelled", called("c1", status="incomplete"))
    stage.tool_finished()
    assert outputs(stage) == []
    assert stage.creates == 0


def test_a_completed_call_of_a_cancelled_parent_gets_its_output() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call()
    stage.tool_finished()
    stage.done("r1", "cancelled", called("c1"))
    assert outputs(stage) == [("c1", '"found"')]
    assert stage.creates == 1


def test_after_a_barge_in_only_a_completed_call_is_acted_on() -> None:
    stage = Stage.ready()
    stage.created()
    stage.speech_started()
    stage.function_call("c1")
    stage.model(OutputItemDone(called("c1"), "r1"))
    assert runs(stage) == []
    stage.done("r1", "completed", called("c1"))
    assert runs(stage) == [("c1", "look_up")]


def test_a_call_announced_after_its_parents_end_is_answered() -> None:
    stage = Stage.ready()
    stage.created()
    stage.done("r1", "completed")
    stage.function_call()
    stage.tool_finished()
    assert outputs(stage) == [("c1", '"found"')]
    assert stage.creates == 1


def test_a_call_announced_after_its_parent_was_cancelled_is_dropped() -> None:
    stage = Stage.ready()
    stage.created()
    stage.done("r1", "cancelled")
    stage.function_call()
    assert runs(stage) == []


@pytest.mark.parametrize("active", [True, False])
def test_an_item_that_does_not_name_its_response_is_answered(active: bool) -> None:
    stage = Stage.ready()
    if active:
        stage.created()
    stage.model(OutputItemDone(called("c1")))
    stage.done("r1", "completed", called("c1"))
    assert runs(stage) == [("c1", "look_up")]
    stage.tool_finished()
    assert outputs(stage) == [("c1", '"found"')]


def test_an_outcome_of_an_unknown_call_is_ignored() -> None:
    stage = Stage.ready()
    stage.tool_finished("never-made")
    assert stage.kinds() == []


def test_an_outcome_after_the_end_is_ignored() -> None:
    stage = Stage.ready()
    stage.call_tool()
    stage.error("invalid_api_key")
    stage.mark()
    stage.tool_finished()
    assert stage.all(object) == []


def test_an_id_that_is_used_again_in_another_response_is_another_call() -> None:
    stage = Stage.ready()
    for n in range(3):
        stage.call_tool("call_0", response=f"r{n}")
    ran = [run.call_id for run in stage.all(RunTool)]
    assert ran == ["call_0", "call_0_2", "call_0_3"]
    for n, key in enumerate(ran):
        stage.tool_finished(key, f'"{n}"')
    assert outputs(stage) == [("call_0", f'"{n}"') for n in range(3)]


def test_the_oldest_announcements_are_forgotten() -> None:
    stage = Stage.ready()
    for n in range(4097):
        stage.call_tool(f"c{n}", response=f"r{n}")
        stage.tool_finished(f"c{n}", silent=True)
    assert not stage.over()
    stage.mark()
    stage.function_call("c4096", response="r4096")
    stage.function_call("c1", response="r1")
    assert runs(stage) == []
    stage.function_call("c0", response="r0")
    assert runs(stage) == [("c0", "look_up")]


def test_a_response_that_does_not_end_before_64_others_is_given_up() -> None:
    stage = Stage.ready()
    for n in range(65):
        stage.function_call(f"c{n}", response=f"r{n}")
        stage.tool_finished(f"c{n}", silent=True)
    for n in range(65):
        stage.done(f"r{n}", "completed", called(f"c{n}"))
    assert [call_id for call_id, _ in outputs(stage)] == [f"c{n}" for n in range(1, 65)]
