"""A turn that the model owes and does not answer: ask again, another session, the end.

Any event of the active response is a sign of life and starts the first clock anew; a
second clock bounds how long a response without audio may take.
"""

from typing import Final

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.parts.owed_turn import Remedy
from trio_sts.conversation.state import State
from trio_sts.wire.realtime import events

from . import asking, asks, giving_up, restoring

# Of the session or of the caller, and not of a response.
_OF_NO_RESPONSE: Final = (
    events.SessionUpdated,
    events.ErrorEvent,
    events.SpeechStarted,
    events.SpeechStopped,
    events.InputCommitted,
    events.InputTimeout,
    events.TranscriptionCompleted,
    events.TranscriptionFailed,
    events.RateLimitsUpdated,
)


def model_event(state: State, event: events.ServerEvent, _: float) -> None:
    """Any event: the session is not deaf; one of the active response is a sign of life."""
    state.ear.answered()
    if state.owed_turn.by_ear:
        state.owed_turn.settle()
    active = state.sequencer.active
    if active is not None and _is_of(event, active):
        state.owed_turn.sign_of_life()


def watch_at(state: State, now: float) -> float:
    """When `watch` has something to do."""
    owed_turn = state.owed_turn
    if not owed_turn.owed:
        return _deaf_at(state)
    if _is_excused(state, now):
        return _excuse_ends_at(state, now) if owed_turn.clocks_stand else now
    return owed_turn.deadline if owed_turn.clocks_run else now


def watch(state: State, now: float) -> None:
    """Run the clocks of dead air, and take the next step when one of them is up."""
    owed_turn = state.owed_turn
    if not owed_turn.owed and now >= _deaf_at(state):
        owed_turn.owe_deaf(state.ear.unanswered_at)
    if not owed_turn.owed:
        return
    owed_turn.watch(now, excused=_is_excused(state, now))
    remedy = owed_turn.take_remedy(now)
    if remedy is not None:
        climb(state, now, remedy, why="dead air")


def climb(state: State, now: float, remedy: Remedy, *, why: str) -> None:
    """Take one step of the ladder."""
    state.counters.count("nudges")
    after_s = state.rules.dead_air_s
    state.out.note("warning", why, step=remedy.name.lower(), after_s=after_s)
    match remedy:
        case Remedy.ASK_AGAIN:
            _ask_again(state, now)
        case Remedy.OTHER_SESSION if state.rules.reconnect:
            restoring.replace_session(state, now)
        case _:
            told = "The assistant has stopped answering."
            giving_up.give_up(state, now, "model silent", told)


def _is_of(event: events.ServerEvent, active: str) -> bool:
    if isinstance(event, _OF_NO_RESPONSE):
        return False
    if isinstance(event, events.ResponseCreated | events.ResponseDone):
        return event.response.id == active
    response_id = getattr(event, "response_id", None)
    if isinstance(event, events.UnknownEvent):
        # Some endpoints leave the id out of what is no part of the protocol.
        unnamed = not response_id and event.type.startswith("response.")
        return unnamed or response_id == active
    return not response_id or response_id == active


def _deaf_at(state: State) -> float:
    """When the caller has been heard by us, and the model shows no sign of it."""
    pending = state.goodbye.under_way or state.calls.pending or state.mcp.pending
    if not state.connection.ready or state.caller_speech.active or pending:
        return NEVER
    return state.ear.unanswered_at


def _is_excused(state: State, now: float) -> bool:
    return (
        not state.connection.ready
        or now < state.caller_speech.excuses_until(state.ear.speaks_until)
        or state.sequencer.waiting_for_retry(now)
        or state.goodbye.under_way
        or state.keypad.busy
        or state.calls.pending
        or state.mcp.pending
        or state.mcp.may_be_answered
        or state.playout.audible(now)
    )


def _excuse_ends_at(state: State, now: float) -> float:
    """When an excuse ends by time alone, and by no other rule."""
    ends_at = state.caller_speech.excuses_until(state.ear.speaks_until)
    return min(ends_at if ends_at > now else NEVER, state.sequencer.retry_at(now))


def _ask_again(state: State, now: float) -> None:
    active = state.sequencer.active
    cut_off = active is not None and state.playout.received_of(active) > 0
    if active is not None:
        asking.cancel(state, active, now)
    state.sequencer.ask_anew(asks.GO_ON if cut_off else None)
    asking.send_if_due(state, now)
    state.owed_turn.watch(now, excused=False)
