"""Function calls and call control: what runs, when, and what the model is told."""

from typing import Literal

from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Item

from .goodbye import IN_PROGRESS, STILL_TALKING, Kind, Stage
from .remote import note_item
from .state import State

Parting = Literal["hung up by the agent", "transferred"]
_PARTINGS: dict[Kind, Parting] = {
    "hangup": "hung up by the agent",
    "transfer": "transferred",
}


def output_item_added(state: State, event: events.OutputItemAdded, _: float) -> None:
    """An item of the response begins: a message to be tracked, or a call's name."""
    if event.item.type == "function_call":
        state.calls.named(event.item)
    elif event.item.type == "message":
        state.playout.expect(event.item.id, _parent_id(state, event))
        state.history.agent_item(event.item.id)


def arguments_done(state: State, event: events.ArgumentsDone, now: float) -> None:
    """The first of the three announcements of a call."""
    if event.response_id in state.quarantine:
        # Cancelled: it is acted on only if its response lists it as completed.
        return
    _announce(state, event, now)


def item_listed(state: State, item: Item, response_id: str, now: float) -> None:
    """The other two announcements: a function call item that is completed."""
    if item.type == "function_call" and item.status in {"completed", None}:
        call_id, arguments = item.call_id or "", item.arguments or ""
        done = events.ArgumentsDone(response_id, item.id, call_id, item.name, arguments)
        _announce(state, done, now)


def output_item_done(state: State, event: events.OutputItemDone, now: float) -> None:
    """An item of the response is complete."""
    response_id = _parent_id(state, event)
    if response_id and response_id not in state.quarantine:
        item_listed(state, event.item, response_id, now)
    if event.item.type == "message":
        state.playout.finish(event.item.id)
    note_item(state, event.item)


def tool_finished(
    state: State, call_id: str, output: str, now: float, *, ok: bool
) -> None:
    """A tool has answered; ``ok`` says whether it did what it was asked."""
    owes_answer = True
    if state.goodbye.running(call_id):
        kind = state.goodbye.kind
        state.out.note("info", "call control", kind=kind, ok=ok)
        if state.goodbye.finished(now, ok=ok):
            owes_answer = False
            state.parting = _PARTINGS[kind]
            state.sequencer.drop_want()
    give_output(state, call_id, output, now, owes_answer=owes_answer)


def give_output(
    state: State, call_id: str, output: str, now: float, *, owes_answer: bool = True
) -> None:
    """Settle a call's output; it is sent when its response is done."""
    call = state.calls.finished(call_id, output, owes_answer=owes_answer)
    if call is not None:
        state.tool_answered_at = now
        state.history.answered(call_id, output)
        if owes_answer:
            state.patience.owe()


def speak_over_goodbye(state: State, now: float) -> None:
    """The caller talks while a hangup or transfer waits."""
    cancelled = state.goodbye.speech_started(now)
    if cancelled is not None:
        state.out.note("info", "goodbye cancelled", why="the caller is talking")
        give_output(state, cancelled.call_id, STILL_TALKING, now)


def send_outputs(state: State) -> None:
    """Send what may be sent; one response is wanted when all calls have answered."""
    if not state.ready:
        return
    outputs, wanted = state.calls.due()
    for output in outputs:
        state.out.model(output)
    if wanted and state.goodbye.stage is not Stage.LEAVING:
        state.sequencer.want()
        state.patience.owe()


def see_goodbye_through(state: State, now: float) -> None:
    """Run a waiting hangup or transfer when its time has come; end the call after it."""
    goodbye = state.goodbye
    if goodbye.stage is Stage.NONE:
        return
    given_up = goodbye.given_up(now)
    if given_up is not None:
        state.out.note("info", "transfer cancelled", why="the caller is talking")
        give_output(state, given_up.call_id, STILL_TALKING, now)
    audible = state.playout.audible(now)
    goodbye.look_again_at(state.playout.drained_at, now)
    if goodbye.stage is Stage.WAITING and goodbye.call is not None:
        parent_done = state.calls.parent_done(goodbye.call.response_id)
        call = goodbye.proceed(now, heard=parent_done and not audible)
        if call is not None:
            state.out.run_tool(call.call_id, call.name, call.arguments)
    if goodbye.over(now):
        state.out.end(1000, state.parting or "over")


def _announce(state: State, event: events.ArgumentsDone, now: float) -> None:
    call = state.calls.announced(event)
    if call is None:
        return
    state.patience.satisfied()
    state.tally.tools += 1
    state.history.called(call.call_id, call.name, call.arguments)
    kind = _control_kind(state, call.name)
    if kind is None:
        state.out.run_tool(call.call_id, call.name, call.arguments)
    elif not state.goodbye.start(kind, call, now):
        give_output(state, call.call_id, IN_PROGRESS, now, owes_answer=False)
    elif state.caller_speaking:
        speak_over_goodbye(state, now)


def _parent_id(
    state: State, event: events.OutputItemAdded | events.OutputItemDone
) -> str:
    """The response of an item; some endpoints leave it out."""
    return event.response_id or state.sequencer.active or ""


def _control_kind(state: State, name: str) -> Kind | None:
    if name == state.rules.hangup_tool:
        return "hangup"
    if name == state.rules.transfer_tool:
        return "transfer"
    return None
