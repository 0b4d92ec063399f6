"""Remote tool servers, which the model talks to by itself: what the log is told.

Arguments and outputs of their tools, and what an error says in words, are the caller's
and the operator's business; the log gets the server's label, the tool and the kind of
error.
"""

import re
from collections.abc import Mapping

from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item

_ITEMS = frozenset({"mcp_call", "mcp_list_tools"})
# As OpenAI names kinds of errors, and as tools are named.
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LABEL_CHARS = 64
_CALL = "response.mcp_call."
_RUNS = "response.mcp_call.in_progress"


def progress(state: State, event: events.McpProgress, _: float) -> None:
    """A list of tools is being read, or a tool runs: its silence is excused."""
    if event.type == _RUNS:
        state.mcp.started(event.item_id)
    elif event.type.startswith(_CALL):
        state.mcp.ended(event.item_id)
    if event.type.endswith("failed"):
        state.out.note("warning", "mcp", type=event.type)
    else:
        state.out.note("info", "mcp", type=event.type)


def item_done(
    state: State, event: events.ItemDone | events.OutputItemDone, _: float
) -> None:
    """Log how a remote server was used; an item is announced twice and logged once."""
    item = event.item
    if item.type in _ITEMS and state.mcp.is_new(item.id):
        _note(state, item)


def _note(state: State, item: Item) -> None:
    label = "".join(filter(str.isprintable, item.server_label or ""))[:_LABEL_CHARS]
    fields = {"type": item.type, "server": label}
    if item.type == "mcp_call":
        fields["tool"] = _name(item.name)
    if not item.error:
        state.out.note("info", "mcp item", **fields)
        return
    error = item.error
    kind = error.get("type") if isinstance(error, Mapping) else None
    state.out.note("warning", "mcp item", **fields, error=_name(kind))


def _name(value: object) -> str:
    named = isinstance(value, str) and _NAME.fullmatch(value)
    return str(value) if named else "other"
