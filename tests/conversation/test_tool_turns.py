"""Function calls that say little: ids used again, half calls, silent tools, loops."""

import pytest

from trio_sts.conversation.commands import Note, RunTool
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item
from trio_sts.wire.realtime.requests import CreateFunctionOutput, CreateResponse

from .stage import Stage, called


def announced(
    stage: Stage, arguments: str, call_id: str = "c1", response: str = "r1"
) -> None:
    stage.model(
        events.ArgumentsDone(response, f"item_{call_id}", call_id, "look_up", arguments)
    )


def listed(
    arguments: str, status: str | None = "completed", call_id: str = "c1"
) -> Item:
    return Item(
        f"item_{call_id}",
        "function_call",
        status=status,
        call_id=call_id,
        name="look_up",
        arguments=arguments,
    )


def ran(stage: Stage) -> list[tuple[str, str]]:
    return [(run.call_id, run.arguments) for run in stage.all(RunTool)]


def answered(stage: Stage) -> list[str]:
    return [output.call_id for output in stage.all(CreateFunctionOutput)]


def test_one_id_for_ever_is_another_call_in_each_response() -> None:
    stage = Stage.ready()
    for n in range(1, 6):
        stage.call_tool("call_1", response=f"r{n}")
        run = stage.all(RunTool)[-1]
        stage.tool_finished(run.call_id, f'"{n}"')
    assert len({run.call_id for run in stage.all(RunTool)}) == 5
    assert answered(stage) == ["call_1"] * 5
    outputs = [out.output for out in stage.all(CreateFunctionOutput)]
    assert outputs == ['"1"', '"2"', '"3"', '"4"', '"5"']
    assert stage.creates == 5


@pytest.mark.parametrize(
    "arguments", ["", "   ", '{"city": "Pi', "[1]", "null", '"x"', '{"a": 1} {']
)
def test_a_half_call_waits_for_the_end_of_its_item(arguments: str) -> None:
    stage = Stage.ready()
    stage.created()
    announced(stage, arguments)
    assert ran(stage) == []
    stage.model(events.OutputItemDone(listed('{"city": "Pisa"}'), "r1"))
    assert ran(stage) == [("c1", '{"city": "Pisa"}')]


@pytest.mark.parametrize("by", ["item", "response"])
def test_empty_arguments_of_a_whole_item_are_a_call(by: str) -> None:
    stage = Stage.ready()
    stage.created()
    announced(stage, "")
    if by == "item":
        stage.model(events.OutputItemDone(listed(""), "r1"))
    else:
        stage.done("r1", "completed", listed(""))
    assert ran(stage) == [("c1", "")]


@pytest.mark.parametrize("status", ["completed", "incomplete", "cancelled", "failed"])
def test_an_incomplete_item_does_not_run(status: str) -> None:
    stage = Stage.ready()
    stage.created()
    announced(stage, '{"city": "Pi')
    stage.model(events.OutputItemDone(listed('{"city": "Pi', "incomplete"), "r1"))
    stage.done("r1", status, listed('{"city": "Pi', "incomplete"))
    assert ran(stage) == []


def test_a_turn_of_half_calls_alone_has_come_to_nothing() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.created()
    announced(stage, "")
    stage.mark()
    stage.done("r1", "completed", listed("", "incomplete"))
    assert stage.creates == 1


def test_a_whole_call_runs_at_its_arguments_and_once() -> None:
    stage = Stage.ready()
    stage.created()
    announced(stage, "{}")
    assert ran(stage) == [("c1", "{}")]
    stage.model(events.OutputItemDone(listed("{}"), "r1"))
    stage.done("r1", "completed", listed("{}"))
    assert len(ran(stage)) == 1


def test_a_silent_tool_is_told_and_nothing_is_asked_for() -> None:
    stage = Stage.ready()
    stage.keys("1#")
    stage.call_tool()
    stage.mark()
    stage.tool_finished(silent=True)
    assert answered(stage) == ["c1"]
    stage.advance(60)
    assert stage.creates == 0
    assert stage.conversation.counters.nudges == 0


def test_one_that_speaks_beside_a_silent_one_is_answered() -> None:
    stage = Stage.ready()
    stage.created()
    stage.function_call("c1")
    stage.function_call("c2")
    stage.done("r1", "completed", called("c1"), called("c2"))
    stage.tool_finished("c1")
    stage.tool_finished("c2", silent=True)
    assert answered(stage) == ["c1", "c2"]
    assert stage.creates == 1


def test_a_silent_caller_is_still_asked_after_a_silent_tool() -> None:
    stage = Stage.ready(silence_prompt_s=20)
    stage.call_tool()
    stage.tool_finished(silent=True)
    stage.advance(20.1)
    assert stage.creates == 1


def rounds(stage: Stage, number: int, *, first: int = 1) -> None:
    for n in range(first, first + number):
        stage.call_tool(f"c{n}", ("look_up", "book")[n % 2], f"r{n}")
        stage.tool_finished(f"c{n}")


def test_after_8_rounds_without_a_word_the_next_may_not_call() -> None:
    stage = Stage.ready()
    rounds(stage, 7)
    assert all(c.tool_choice is None for c in stage.all(CreateResponse))
    rounds(stage, 1, first=8)
    assert stage.all(CreateResponse)[-1].tool_choice == "none"
    (note,) = [n for n in stage.all(Note) if n.event == "tools without a word"]
    assert note.level == "warning"
    assert note.fields["tools"] == ["book", "look_up"]


def test_what_an_endless_loop_calls_all_the_same_stays_forbidden() -> None:
    stage = Stage.ready()
    rounds(stage, 12)
    choices = [create.tool_choice for create in stage.all(CreateResponse)]
    assert choices == [None] * 7 + ["none"] * 5


def test_a_word_to_the_caller_counts_the_rounds_anew() -> None:
    stage = Stage.ready()
    rounds(stage, 7)
    stage.created("r8")
    stage.delta(200, "i8", "r8")
    stage.function_call("c8", response="r8")
    stage.advance(0.5)
    stage.done("r8", "completed", called("c8"))
    stage.tool_finished("c8")
    assert all(c.tool_choice is None for c in stage.all(CreateResponse))


def test_a_mute_answer_to_the_forbidding_ask_is_asked_for_in_the_same_way() -> None:
    stage = Stage.ready()
    rounds(stage, 8)
    stage.created("r9")
    stage.done("r9")
    assert stage.all(CreateResponse)[-1].tool_choice == "none"
