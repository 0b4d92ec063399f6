"""Remote tool servers, which the endpoint calls by itself: their results are spoken.

Arguments and outputs of their tools, and what an error says in words, are the caller's
and the operator's business; the log gets the server's label, the tool and the kind of
error.
"""

import re
from collections.abc import Mapping

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item
from trio_sts.wire.realtime.requests import RefuseApproval

from . import rounds

_ITEMS = frozenset({"mcp_call", "mcp_list_tools"})
# As OpenAI names kinds of errors, and as tools are named.
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LABEL_CHARS = 64
_CALL = "response.mcp_call."
_ENDED = frozenset({"response.mcp_call.completed", "response.mcp_call.failed"})
_NOBODY_APPROVES = "Nobody on this telephone call can approve it."


def progress(state: State, event: events.McpProgress, now: float) -> None:
    """A list of tools is being read, or a tool runs: its silence is excused."""
    if event.type in _ENDED:
        _ended(state, event.item_id, now)
    elif event.type.startswith(_CALL) and state.mcp.started(event.item_id, now):
        state.owed_turn.owe()
    if event.type.startswith(_CALL + "arguments"):
        # The model writes them in many small pieces.
        return
    if event.type.endswith("failed"):
        state.out.note("warning", "mcp", type=event.type)
    else:
        state.out.note("info", "mcp", type=event.type)


def item_done(
    state: State, event: events.ItemDone | events.OutputItemDone, now: float
) -> None:
    """How a remote server was used; an item is announced twice and logged once."""
    _done(state, event.item, now)


def item_listed(state: State, item: Item, now: float) -> None:
    """The end of a response lists its items: it may be all that is told of one.

    A remote tool may go on after the response that called it.
    """
    still_runs = state.mcp.runs(item.id) and item.output is None and not item.error
    if not still_runs:
        _done(state, item, now)


def _done(state: State, item: Item, now: float) -> None:
    if item.type == "mcp_approval_request" and state.mcp.is_new(item.id):
        _refuse(state, item, now)
    if item.type not in _ITEMS or not item.id:
        return
    if item.type == "mcp_call":
        _ended(state, item.id, now)
    if state.mcp.is_new(item.id):
        _note(state, item)


def ask_at(state: State, _: float) -> float:
    """When `ask` has something to do."""
    return state.mcp.deadline if state.connection.ready else NEVER


def ask(state: State, now: float) -> None:
    """No response has followed a result by itself: one is asked for."""
    if state.mcp.take(now) and not state.goodbye.is_leaving:
        rounds.want_answer(state, now)


def _ended(state: State, item_id: str, now: float) -> None:
    active = state.sequencer.active is not None
    if state.mcp.ended(item_id, now, response_active=active):
        state.owed_turn.owe()


def _refuse(state: State, item: Item, now: float) -> None:
    state.out.note("warning", "mcp approval refused", tool=_name(item.name))
    if item.id:
        state.out.model(RefuseApproval(item.id, _NOBODY_APPROVES))
        _ended(state, item.id, now)


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
