"""Hangup and transfer: they wait until all is heard, run, and end the call.

The steps: the response that made the call is done, the other calls of it have answered,
a hangup with nothing said before it has its farewell, all is heard, the grace is over;
then avr-ami is asked.
"""

from typing import Final

from trio_sts.conversation.inputs import ToolFinished
from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.parts.goodbye import Kind
from trio_sts.conversation.parts.toolcalls import ToolCall
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.requests import CreateMessage

from . import asks, outputs

_STILL_TALKING: Final = (
    '{"error": "The caller is still talking. Listen, answer, and try again later."}'
)
_IN_PROGRESS: Final = '{"result": "This is already being done."}'
_NOT_TRANSFERRED: Final = (
    "The transfer has not happened: the caller is still on the line with you and is "
    "talking. Tell them so, and go on."
)
_NOT_ENDED: Final = (
    "The call has neither ended nor been transferred: the caller is still on the line "
    "with you and is talking. Tell them so, and go on."
)
# Of a hangup that no function call asked for.
OWN_KEY: Final = "hangup"


def start(state: State, kind: Kind, call: ToolCall, now: float) -> None:
    """Wait with a call, unless another one is under way already."""
    if not state.goodbye.start(kind, call.key, call.name, call.arguments, now):
        outputs.settle(state, call.key, _IN_PROGRESS, now, owes_answer=False)
    elif state.caller_speech.active:
        interrupt(state, now)


def hang_up(state: State, now: float, outcome: str) -> None:
    """Hang up without a function call of the model's, after a spoken goodbye."""
    tool = state.rules.hangup_tool
    if state.goodbye.start("hangup", OWN_KEY, tool, "{}", now):
        state.goodbye.named_outcome(outcome)
        state.goodbye.farewell(now)
        state.sequencer.want(asks.SILENT_GOODBYE)


def interrupt(state: State, now: float) -> None:
    """The caller talks or presses a key while a hangup or transfer waits."""
    cancelled = state.goodbye.speech_started(now)
    if cancelled is not None:
        _cancel(state, "hangup cancelled", cancelled, now)


def speech_started(state: State, _: events.SpeechStarted, now: float) -> None:
    """The caller talks."""
    interrupt(state, now)


def speech_stopped(state: State, _: events.SpeechStopped, now: float) -> None:
    """The caller is silent again."""
    state.goodbye.speech_stopped(now)


def go_on_at(state: State, now: float) -> float:
    """When `go_on` has something to do."""
    goodbye = state.goodbye
    if not goodbye.under_way:
        return NEVER
    answered = goodbye.is_answered(state.ear.last_speech_at)
    if answered or goodbye.has_failed(_last_sign_at(state)):
        return now
    if goodbye.waits and _may_ask_farewell(state):
        return now
    return goodbye.deadline(
        now,
        _drained_at(state),
        ready=_is_ready(state, now),
        others_pending=not state.calls.others_answered(goodbye.key),
    )


def go_on(state: State, now: float) -> None:
    """Run a waiting hangup or transfer when its time has come; end the call after it."""
    goodbye = state.goodbye
    if goodbye.is_answered(state.ear.last_speech_at):
        interrupt(state, now)
    given_up = goodbye.drop_transfer(now)
    if given_up is not None:
        _cancel(state, "transfer cancelled", given_up, now)
    if goodbye.waits and _may_ask_farewell(state):
        goodbye.farewell(now)
        is_hangup = goodbye.kind == "hangup"
        state.sequencer.want(asks.FAREWELL if is_hangup else asks.PARTING)
    others_pending = not state.calls.others_answered(goodbye.key)
    ready = _is_ready(state, now)
    if goodbye.run_if_due(
        now, _drained_at(state), ready=ready, others_pending=others_pending
    ):
        state.sequencer.drop_want()
        own = goodbye.key == OWN_KEY
        state.out.run_tool(goodbye.key, goodbye.name, goodbye.arguments, own=own)
    if goodbye.has_failed(_last_sign_at(state)):
        _go_back(state)
    elif goodbye.is_over(now):
        state.out.end(1000, goodbye.outcome or "over")


def tool_finished(state: State, event: ToolFinished, now: float) -> None:
    """Avr-ami has answered, or has not."""
    if not state.goodbye.is_running(event.key):
        return
    kind = state.goodbye.kind
    state.out.note("info", "call control", kind=kind, ok=event.ok)
    state.goodbye.finished(now, ok=event.ok)
    if state.goodbye.is_leaving:
        state.sequencer.drop_want()
        state.owed_turn.settle()


def _go_back(state: State) -> None:
    """The caller is heard long after the transfer: the call goes on."""
    state.goodbye.abandon()
    state.out.note("warning", "transfer has not happened", why="the caller is heard")
    if state.connection.ready:
        transfers = state.goodbye.kind == "transfer"
        told = _NOT_TRANSFERRED if transfers else _NOT_ENDED
        state.out.model(CreateMessage("system", told))
    state.sequencer.want()
    state.owed_turn.owe()


def _cancel(state: State, event: str, key: str, now: float) -> None:
    state.out.note("info", event, why="the caller is talking")
    outputs.settle(state, key, _STILL_TALKING, now)


def _last_sign_at(state: State) -> float:
    """When the caller last spoke, by our ear or the model's, or pressed a key."""
    return max(state.ear.last_speech_at, state.caller_silence.broken_at)


def _drained_at(state: State) -> float:
    """When the caller has heard all that there is; never while some of it waits here."""
    playout = state.playout
    return NEVER if playout.queued_ms else playout.drained_at


def _needs_farewell(state: State) -> bool:
    """Whether a hangup is due and nothing was audible since the caller's last turn.

    A transfer takes the caller to somebody who speaks.
    """
    goodbye = state.goodbye
    if not state.rules.farewell or goodbye.farewell_asked:
        return False
    if goodbye.kind == "transfer":
        return False
    return not (state.owed_turn.answered or state.playout.queued_ms)


def _may_ask_farewell(state: State) -> bool:
    ready = state.connection.ready and _others_are_done(state)
    return ready and _needs_farewell(state)


def _others_are_done(state: State) -> bool:
    key = state.goodbye.key
    return state.calls.parent_done(key) and state.calls.others_answered(key)


def _is_ready(state: State, now: float) -> bool:
    """Whether only playing and the grace are waited for."""
    if not state.connection.ready and _needs_farewell(state):
        # Another session is awaited, and can say it.
        return False
    active = state.sequencer.active is not None
    awaited = state.goodbye.farewell_awaited(now, response_active=active)
    return _others_are_done(state) and not awaited
