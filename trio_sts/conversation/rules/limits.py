"""What ends a call: faulty messages, no ``init``, the longest call, a silent caller."""

from trio_sts.conversation.inputs import BadEvent
from trio_sts.conversation.parts.opening import INIT_TIMEOUT_S
from trio_sts.conversation.state import State
from trio_sts.errors import BadMessage
from trio_sts.wire import avr

from . import restoring

_MOST_BAD_MESSAGES = 100
_MOST_BAD_EVENTS = 10
_TYPE_CHARS = 60


def bad_message(state: State, fault: BadMessage, _: float) -> None:
    """A faulty message of AVR Core's: answered with an error, the hundredth ends the call."""
    if state.counters.count("bad_messages") >= _MOST_BAD_MESSAGES:
        state.out.end(1008, "too many bad messages", "Too many faulty messages.")
    else:
        state.out.caller(avr.Failure(str(fault)))


def bad_event(state: State, _: BadEvent, now: float) -> None:
    """A faulty event of the model's: ten are a model leg that is given up."""
    state.out.note("warning", "malformed model event")
    if state.counters.count("bad_events") % _MOST_BAD_EVENTS == 0:
        restoring.drop_session(state, now)


def unknown_type(state: State, message: avr.UnknownFromCore, _: float) -> None:
    """A message type of a newer AVR Core's: logged once."""
    if state.counters.is_new_type(message.type):
        state.out.note("info", "unknown message type", type=message.type[:_TYPE_CHARS])


def enforce_at(state: State, _: float) -> float:
    """When `enforce` has something to do."""
    opening = state.opening
    if not opening.begun:
        return opening.started_at + INIT_TIMEOUT_S
    longest_at = opening.started_at + state.rules.max_call_s
    if state.calls.pending:
        return longest_at
    quiet_since = max(
        opening.started_at,
        state.caller_silence.broken_at,
        state.ear.last_speech_at,
        state.playout.drained_at,
        state.calls.answered_at,
    )
    return min(longest_at, quiet_since + state.rules.idle_s)


def enforce(state: State, now: float) -> None:
    """End the call: a limit is reached."""
    if not state.opening.begun:
        told = f"No init message came within {INIT_TIMEOUT_S:g} s."
        state.out.end(1008, "no init", told)
    elif now >= state.opening.started_at + state.rules.max_call_s:
        state.out.end(1000, "longest call reached")
    else:
        state.out.end(1000, "no caller audio")
