"""Hangup and transfer: they wait until all is heard, run, and end the call."""

from typing import Final

from trio_sts.conversation.inputs import ToolFinished
from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.conversation.parts.goodbye import Kind
from trio_sts.conversation.parts.toolcalls import ToolCall
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events

from . import outputs

_STILL_TALKING: Final = (
    '{"error": "The caller is still talking. Listen, answer, and try again later."}'
)
_IN_PROGRESS: Final = '{"result": "This is already being done."}'


def kind_of(state: State, name: str) -> Kind | None:
    """What a tool does to the call; None for one that lets it go on."""
    if name == state.rules.hangup_tool:
        return "hangup"
    if name == state.rules.transfer_tool:
        return "transfer"
    return None


def start(state: State, kind: Kind, call: ToolCall, now: float) -> None:
    """Wait with a call, unless another one is under way already."""
    if not state.goodbye.start(kind, call.call_id, now):
        outputs.settle(state, call.call_id, _IN_PROGRESS, now, owes_answer=False)
    elif state.caller_speech.active:
        interrupt(state, now)


def interrupt(state: State, now: float) -> None:
    """The caller talks or presses a key while a hangup or transfer waits."""
    cancelled = state.goodbye.speech_started(now)
    if cancelled is not None:
        _cancel(state, "hangup cancelled", cancelled, now)


def speech_started(state: State, _: events.SpeechStarted, now: float) -> None:
    """The caller talks."""
    interrupt(state, now)


def speech_stopped(state: State, _: events.SpeechStopped, __: float) -> None:
    """The caller is silent again."""
    state.goodbye.speech_stopped()


def go_on_at(state: State, now: float) -> float:
    """When `go_on` has something to do."""
    if not state.goodbye.under_way:
        return NEVER
    return state.goodbye.deadline(_heard_at(state, now))


def go_on(state: State, now: float) -> None:
    """Run a waiting hangup or transfer when its time has come; end the call after it."""
    given_up = state.goodbye.drop_transfer(now)
    if given_up is not None:
        _cancel(state, "transfer cancelled", given_up, now)
    call_id = state.goodbye.run_if_due(now, _heard_at(state, now))
    call = state.calls.find(call_id) if call_id is not None else None
    if call is not None:
        state.out.run_tool(call.call_id, call.name, call.arguments)
    if state.goodbye.is_over(now):
        state.out.end(1000, state.goodbye.outcome or "over")


def tool_finished(state: State, event: ToolFinished, now: float) -> None:
    """Avr-ami has answered, or has not."""
    if not state.goodbye.is_running(event.call_id):
        return
    kind = state.goodbye.kind
    state.out.note("info", "call control", kind=kind, ok=event.ok)
    state.goodbye.finished(now, ok=event.ok)
    if state.goodbye.is_leaving:
        state.sequencer.drop_want()


def _cancel(state: State, event: str, call_id: str, now: float) -> None:
    state.out.note("info", event, why="the caller is talking")
    outputs.settle(state, call_id, _STILL_TALKING, now)


def _heard_at(state: State, now: float) -> float:
    """When the caller has heard all of the response that asked for it."""
    playout = state.playout
    if playout.queued_ms or not state.calls.parent_done(state.goodbye.call_id):
        return NEVER
    return playout.drained_at if playout.audible(now) else AT_ONCE
