"""Function calls of the model: announced three times, acted on once."""

from trio_sts.conversation.inputs import ModelReady
from trio_sts.conversation.parts.toolcalls import ToolCall
from trio_sts.conversation.state import State
from trio_sts.dialplan import may_transfer
from trio_sts.wire.json_object import is_object
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item, Response

from . import goodbye


def model_ready(state: State, event: ModelReady, _: float) -> None:
    """It is known what this call may do."""
    state.permitted = event.permitted


def output_item_added(state: State, event: events.OutputItemAdded, _: float) -> None:
    """A call begins: some endpoints send its name only here."""
    if event.item.type == "function_call":
        state.calls.named(event.item)


def arguments_done(state: State, event: events.ArgumentsDone, now: float) -> None:
    """The first of the three announcements: acted on if the arguments are whole."""
    if event.response_id not in state.quarantine:
        # A cancelled one is acted on only if its response lists it as completed.
        _announce(state, event, now, final=False)


def output_item_done(state: State, event: events.OutputItemDone, now: float) -> None:
    """The second one."""
    response_id = event.response_id or state.sequencer.active or ""
    if response_id and response_id not in state.quarantine:
        item_listed(state, event.item, response_id, now)


def item_listed(
    state: State, item: Item, response_id: str, now: float, *, whole: bool = True
) -> None:
    """The other two announcements: a function call item that is completed.

    Where no status says so, it is if its response is ``whole`` or its arguments are.
    """
    if item.type == "function_call" and item.status in {"completed", None}:
        call_id, arguments = item.call_id or "", item.arguments or ""
        if item.status is None and not (whole or is_object(arguments)):
            return
        done = events.ArgumentsDone(response_id, item.id, call_id, item.name, arguments)
        _announce(state, done, now, final=True)


def response_done(state: State, response: Response) -> None:
    """The response that made calls has ended: those of a cancelled one are dropped."""
    for call in state.calls.response_done(response):
        state.goodbye.drop(call.key)


def _announce(
    state: State, event: events.ArgumentsDone, now: float, *, final: bool
) -> None:
    call = state.calls.announced(event, final=final)
    if call is not None:
        state.counters.count("tools")
        state.history.called(call.key, call.name, call.arguments)
        _act_on(state, call, now)


def _act_on(state: State, call: ToolCall, now: float) -> None:
    kind = state.rules.call_control.get(call.name)
    if kind is None or not _is_permitted(state, call):
        # What will be refused is told at once: there is nothing to say goodbye for.
        state.out.run_tool(call.key, call.name, call.arguments)
    else:
        goodbye.start(state, kind, call, now)


def _is_permitted(state: State, call: ToolCall) -> bool:
    permitted = state.permitted
    if permitted.tools is not None and call.name not in permitted.tools:
        return False
    return call.name != state.rules.transfer_tool or may_transfer(
        call.arguments, permitted.transfer_to
    )
