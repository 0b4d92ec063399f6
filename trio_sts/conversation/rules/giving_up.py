"""The model can't be had: apology, transfer to the fallback, the end of the call."""

from typing import Final

import orjson

from trio_sts.conversation.inputs import ModelFailed, ToolFinished
from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.conversation.parts.apology import Stage
from trio_sts.conversation.state import State

from . import answering

_FALLBACK_KEY: Final = "fallback"


def give_up(state: State, now: float, outcome: str, reason: str) -> None:
    """End the call without a model; after a hangup or transfer it is over anyway.

    A caller who still hears ringing is not answered for an apology.
    """
    if state.goodbye.is_leaving:
        state.out.end(1000, state.goodbye.outcome or "over")
    elif answering.rings(state) or not (state.rules.apology or state.rules.fallback):
        state.out.end(1011, outcome, reason)
    elif not state.apology.under_way:
        _begin(state, now, outcome, reason)


def model_failed(state: State, event: ModelFailed, now: float) -> None:
    """No session could be opened."""
    give_up(state, now, event.outcome, event.reason)


def go_on_at(state: State, now: float) -> float:
    """When `go_on` has something to do."""
    apology, playout = state.apology, state.playout
    if not apology.under_way:
        return NEVER
    if apology.stage is not Stage.SPEAKING or playout.queued_ms:
        return apology.deadline(NEVER)
    return apology.deadline(playout.drained_at if playout.audible(now) else AT_ONCE)


def go_on(state: State, _: float) -> None:
    """The apology was heard, or its time limit is reached."""
    apology, fallback = state.apology, state.rules.fallback
    if apology.stage is Stage.LEAVING:
        state.out.end(1000, apology.outcome)
    elif apology.stage is Stage.SPEAKING and fallback is not None:
        extension, context = fallback
        arguments = {"transfer_extension": extension, "transfer_context": context}
        apology.transfer()
        name = state.rules.transfer_tool
        written = orjson.dumps(arguments).decode()
        state.out.run_tool(_FALLBACK_KEY, name, written, own=True)
    else:
        _end(state)


def tool_finished(state: State, event: ToolFinished, now: float) -> None:
    """The transfer to the fallback was accepted, or was not."""
    if event.key != _FALLBACK_KEY or state.apology.stage is not Stage.TRANSFERRING:
        return
    state.out.note("info", "fallback", ok=event.ok)
    if event.ok:
        state.apology.transferred(now)
    else:
        _end(state)


def _begin(state: State, now: float, outcome: str, reason: str) -> None:
    state.out.note("warning", "model given up", why=outcome)
    state.goodbye.abandon()
    state.sequencer.leave_session()
    state.caller_speech.leave_session()
    state.owed_turn.settle()
    state.connection.left()
    state.intake.stop()
    state.hold_sound.stop()
    if state.rules.apology:
        state.playout.announce(state.rules.apology)
    state.apology.begin(outcome, reason, now, state.playout.queued_ms)
    state.out.leave_model()


def _end(state: State) -> None:
    state.out.end(1011, state.apology.why, state.apology.reason_for_caller)
