"""Call control that this call may not use is refused at once, and nothing ends."""

import pytest

from trio_sts.conversation.commands import RunTool
from trio_sts.conversation.config import Permitted
from trio_sts.wire.realtime.requests import CreateFunctionOutput

from .stage import Stage, called, spoken

FENCED = Permitted(transfer_to=("100", "2??"))


def asking(name: str, arguments: str, permitted: Permitted) -> Stage:
    """The model says three seconds of goodbye, and asks for call control."""
    stage = Stage.ready()
    stage.model_ready(permitted=permitted)
    stage.created()
    stage.delta(3000)
    stage.function_call("bye", name, arguments=arguments)
    return stage


def runs(stage: Stage) -> list[str]:
    return [run.name for run in stage.all(RunTool)]


@pytest.mark.parametrize(
    ("name", "arguments", "permitted"),
    [
        ("avr_transfer", '{"transfer_extension": "300"}', FENCED),
        ("avr_transfer", '{"transfer_extension": "100"}', Permitted(("avr_hangup",))),
        ("avr_hangup", "{}", Permitted(("avr_transfer",))),
    ],
)
def test_what_is_not_permitted_is_refused_without_a_wait(
    name: str, arguments: str, permitted: Permitted
) -> None:
    stage = asking(name, arguments, permitted)
    assert runs(stage) == [name]
    stage.tool_finished("bye", '{"error": "No."}', ok=False)
    stage.done("r1", "completed", spoken("i1"), called("bye", name))
    assert [told.output for told in stage.all(CreateFunctionOutput)] == [
        '{"error": "No."}'
    ]
    # The call goes on: the model is asked for an answer.
    stage.advance(10)
    assert stage.creates == 1
    assert runs(stage) == [name]
    assert not stage.over()


@pytest.mark.parametrize(
    "permitted", [FENCED, Permitted(), Permitted(("avr_transfer",), ("2??",))]
)
def test_what_is_permitted_waits_until_the_goodbye_was_heard(
    permitted: Permitted,
) -> None:
    arguments = '{"transfer_extension": "200"}'
    stage = asking("avr_transfer", arguments, permitted)
    stage.done("r1", "completed", spoken("i1"), called("bye", "avr_transfer"))
    stage.advance(3.0)
    assert runs(stage) == []
    stage.advance(0.1)
    assert runs(stage) == ["avr_transfer"]


def test_a_refused_transfer_leaves_the_way_free_for_a_permitted_one() -> None:
    stage = asking("avr_transfer", '{"transfer_extension": "300"}', FENCED)
    stage.tool_finished("bye", '{"error": "No."}', ok=False)
    stage.done("r1", "completed", spoken("i1"), called("bye", "avr_transfer"))
    stage.created("r2")
    stage.function_call("c2", "avr_transfer", "r2", '{"transfer_extension": "100"}')
    stage.done("r2", "completed", called("c2", "avr_transfer"))
    stage.advance(3.1)
    assert runs(stage) == ["avr_transfer", "avr_transfer"]
    stage.tool_finished("c2", '"done"')
    stage.advance(10)
    assert stage.over()
