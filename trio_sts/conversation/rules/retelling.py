"""What a session is told of the conversation before it, and what is corrected in that.

What the caller said and heard goes as text, tool calls with their outputs. What the
caller still hears of the agent is told as far as its audio came; if that is cut off, the
session is told again what was heard of it.
"""

from trio_sts.conversation.parts.history import Entry
from trio_sts.conversation.parts.keypad import keys_message
from trio_sts.conversation.state import State
from trio_sts.wire.realtime.requests import (
    CreateFunctionCall,
    CreateFunctionOutput,
    CreateMessage,
    DeleteItem,
)

_INAUDIBLE = "(inaudible)"
# The place before all other items.
_FIRST = "root"

_Told = CreateMessage | CreateFunctionCall | CreateFunctionOutput


def tell(state: State) -> None:
    """Give a new session the history, and the calls that are still to be answered."""
    calls: set[str] = set()
    session = state.connection.sessions
    for number, entry in enumerate(state.history.kept):
        item = _item(state, entry, f"told_{session}_{number}", calls)
        if item is not None:
            entry.told_as, entry.told = item.item_id or "", entry.text
            state.out.model(item)
    for call in state.calls.unanswered():
        # So long ago that the history has lost it.
        if call.key not in calls:
            state.out.model(CreateFunctionCall(call.key, call.name, call.arguments))


def correct(state: State, item_id: str) -> None:
    """Tell a session what was heard of an item that it was told more of."""
    entry = state.history.find(item_id)
    if entry is None or not entry.told_as or entry.told == entry.text:
        return
    before = _FIRST
    for each in state.history.kept:
        if each is entry:
            break
        before = each.told_as or before
    old, entry.told = entry.told_as, entry.text
    entry.told_as = f"{old}_heard" if entry.text.strip() else ""
    state.out.model(DeleteItem(old, event_id=f"delete_{old}"))
    if entry.told_as:
        message = CreateMessage(
            "assistant", entry.text, item_id=entry.told_as, previous_item_id=before
        )
        state.out.model(message)


def _item(state: State, entry: Entry, item_id: str, calls: set[str]) -> _Told | None:
    """What the session is told of an entry; None if it is better told nothing."""
    key = entry.item_id
    if entry.kind == "call":
        if not state.calls.is_retold(key):
            return None
        calls.add(key)
        return CreateFunctionCall(key, entry.name, entry.text, item_id=item_id)
    if entry.kind == "output":
        told = CreateFunctionOutput(key, entry.text, item_id=item_id)
        return told if key in calls else None
    if entry.kind == "agent":
        said = CreateMessage("assistant", entry.text, item_id=item_id)
        return said if entry.text.strip() else None
    if entry.kind == "keys":
        keys = keys_message(entry.text)
        return CreateMessage("user", keys, item_id=item_id, private=True)
    words = entry.text.strip() or _INAUDIBLE
    return CreateMessage("user", words, item_id=item_id)
