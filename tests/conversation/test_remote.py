"""Remote tool servers: what the log is told of them, and what it is not."""

import pytest

from trio_sts.conversation.commands import Note
from trio_sts.wire.realtime.events import ItemDone, McpProgress, OutputItemDone
from trio_sts.wire.realtime.items import Item

from .stage import Stage

CALL = Item(
    "m1",
    "mcp_call",
    name="look_up",
    arguments='{"customer": "Ada"}',
    output="owes 12 pounds",
    server_label="crm",
)
FAILED = Item(
    "m2",
    "mcp_call",
    name="look_up",
    arguments='{"customer": "Ada"}',
    server_label="crm",
    error={"type": "http_error", "code": 401, "message": "Bearer abc is unknown"},
)


def notes(stage: Stage) -> list[tuple[str, dict[str, object]]]:
    return [(each.level, dict(each.fields)) for each in stage.all(Note)]


def test_a_remote_call_is_logged_once_with_its_server_and_tool() -> None:
    stage = Stage.ready()
    stage.model(ItemDone(CALL))
    stage.model(OutputItemDone(CALL, "r1"))
    assert notes(stage) == [
        ("info", {"type": "mcp_call", "server": "crm", "tool": "look_up"})
    ]


def test_a_failure_is_a_warning_with_the_kind_of_error_alone() -> None:
    stage = Stage.ready()
    stage.model(OutputItemDone(FAILED, "r1"))
    stage.model(ItemDone(FAILED))
    call = {"type": "mcp_call", "server": "crm", "tool": "look_up"}
    assert notes(stage) == [("warning", {**call, "error": "http_error"})]


@pytest.mark.parametrize(
    "error",
    ["Bearer abc", {"message": "Bearer abc"}, {"type": "Bearer abc"}, {"type": [1]}],
)
def test_an_error_without_a_kind_is_told_without_its_words(error: object) -> None:
    stage = Stage.ready()
    item = Item("m3", "mcp_list_tools", server_label="crm", error=error)  # type: ignore[arg-type]  # whatever a peer sends
    stage.model(ItemDone(item))
    fields = {"type": "mcp_list_tools", "server": "crm", "error": "other"}
    assert notes(stage) == [("warning", fields)]


def test_a_label_and_a_name_are_bounded_and_printable() -> None:
    stage = Stage.ready()
    item = Item("m4", "mcp_call", name="a b\n", server_label="l\n" * 100)
    stage.model(ItemDone(item))
    fields = {"type": "mcp_call", "server": "l" * 64, "tool": "other"}
    assert notes(stage) == [("info", fields)]


def test_progress_is_logged_and_other_items_are_not() -> None:
    stage = Stage.ready()
    stage.model(McpProgress("response.mcp_call.in_progress", "m1"))
    stage.model(McpProgress("mcp_list_tools.failed", "m2"))
    stage.model(ItemDone(Item("i1", "message", error="odd")))
    assert notes(stage) == [
        ("info", {"type": "response.mcp_call.in_progress"}),
        ("warning", {"type": "mcp_list_tools.failed"}),
    ]


def test_a_remote_call_that_its_response_does_not_list_is_no_empty_answer() -> None:
    stage = Stage.ready()
    stage.created()
    stage.model(McpProgress("response.mcp_call.in_progress", "m1"))
    stage.done()
    assert stage.creates == 0
    stage.model(McpProgress("response.mcp_call.completed", "m1"))
    stage.advance(0.9)
    assert stage.creates == 0
    stage.advance(0.2)
    assert stage.creates == 1
