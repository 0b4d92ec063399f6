"""Items as different endpoints write them, and what is taken from each."""

from attrs import evolve

from trio_sts.conversation.commands import Note, RunTool
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import ContentPart, Item
from trio_sts.wire.realtime.requests import AppendAudio, CreateMessage

from .stage import Stage


def told_again(stage: Stage) -> list[CreateMessage]:
    """What the next session is told of this one."""
    stage.model_lost()
    stage.mark()
    stage.model_ready()
    return [evolve(told, item_id=None) for told in stage.all(CreateMessage)]


def test_a_call_that_is_only_listed_is_run_with_its_arguments() -> None:
    stage = Stage.ready()
    stage.created()
    arguments = '{"city": "Pisa"}'
    item = Item(
        "item_c1",
        "function_call",
        status="completed",
        call_id="c1",
        name="look_up",
        arguments=arguments,
    )
    stage.done("r1", "completed", item)
    (run,) = stage.all(RunTool)
    assert (run.call_id, run.arguments) == ("c1", arguments)


def test_words_that_are_only_listed_as_text_are_told() -> None:
    stage = Stage.ready()
    stage.created()
    stage.delta(400)
    parts = (
        ContentPart("output_text", text="Good"),
        ContentPart("output_audio", transcript="morning."),
    )
    stage.done(
        "r1", "completed", Item("i1", "message", "assistant", "completed", parts)
    )
    stage.advance(1)
    assert stage.said == [("agent", "Good morning.")]


def test_only_an_item_that_the_caller_spoke_is_a_turn() -> None:
    stage = Stage.ready()
    typed = (ContentPart("input_text", text="typed"),)
    stage.model(events.ItemAdded(Item("a1", "message", "assistant")))
    stage.model(events.ItemAdded(Item("t1", "message", "user", content=typed)))
    assert told_again(stage) == []


def test_an_item_that_the_caller_spoke_is_told_although_its_words_never_came() -> None:
    stage = Stage.ready()
    stage.model(events.ItemAdded(Item("u1", "message", "user")))
    assert told_again(stage) == [CreateMessage("user", "(inaudible)")]


def test_nothing_of_the_caller_is_sent_before_there_is_a_session() -> None:
    stage = Stage()
    stage.init()
    stage.talk(0.2)
    assert stage.all(AppendAudio) == []
    stage.model_ready()
    assert stage.all(AppendAudio) != []


def test_a_new_session_may_use_the_ids_of_a_response_that_was_cancelled() -> None:
    stage = Stage.ready()
    stage.created()
    stage.done("r1", "cancelled")
    stage.model_lost()
    stage.model_ready()
    stage.call_tool("c1", response="r1")
    assert [run.call_id for run in stage.all(RunTool)] == ["c1"]


def test_dead_air_is_told_to_the_operator_with_its_length() -> None:
    stage = Stage.ready(dead_air_s=3)
    stage.speech_started()
    stage.speech_stopped()
    stage.advance(3.1)
    (note,) = [note for note in stage.all(Note) if note.event == "dead air"]
    assert (note.level, dict(note.fields)) == (
        "warning",
        {"step": "ask_again", "after_s": 3},
    )
