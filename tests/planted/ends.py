# It reaches into the parts: that is what planting is.
# pyright: basic, reportPrivateUsage=false, reportArgumentType=false
"""Faults of the caller's side and of the end without a model."""

from collections.abc import Callable
from typing import Any

from attrs import evolve

from trio_sts.conversation import reactions, session
from trio_sts.conversation.parts.keypad import Keypad
from trio_sts.conversation.parts.sequencer import Ask, Sequencer
from trio_sts.conversation.rules import giving_up, hearing
from trio_sts.wire import avr

from .fault import Fault, fault

_taken: Any = hearing.caller_audio
_wanted: Any = Sequencer.want
_keys_at: Any = Keypad.deadline


def _pass_with(name: str, run: Callable[[Any, float], None]) -> Any:
    """The rules of each pass, one of them replaced."""
    steps = reactions.PASS
    return tuple(evolve(s, run=run) if s.name == name else s for s in steps)


def _no_human(state: Any, _: float) -> None:
    giving_up._end(state)


def _keys_wait_for_the_session(part: Any, *, ready: bool, response_active: bool) -> Any:
    at = _keys_at(part, ready=ready, response_active=response_active)
    return at if ready else float("inf")


def _empty_too(state: Any, message: avr.CallerAudio, now: float) -> None:
    _taken(state, avr.CallerAudio(message.pcm or bytes(320)), now)


def _all_drops_are_floods(state: Any, message: avr.CallerAudio, now: float) -> None:
    ready, state.connection.ready = state.connection.ready, True
    _taken(state, message, now)
    state.connection.ready = ready


def _by_the_newest(part: Any, ask: Any = None, *, not_before: float = 0) -> None:
    """A want without words of its own takes those of the one before away."""
    _wanted(part, ask or Ask(), not_before=not_before)


def _audio_taken(name: str, by: Any) -> Fault:
    """A fault of taking the caller's audio, which the bulk of it does directly."""
    in_table = (reactions.EVENTS, avr.CallerAudio, (by,))
    return Fault(name, (in_table, (hearing, "caller_audio", by)))


FAULTS: tuple[Fault, ...] = (
    fault(
        "nobody is handed to a human",
        session,
        "PASS",
        _pass_with("giving up", _no_human),
    ),
    fault(
        "early keys lose their pauses", Keypad, "deadline", _keys_wait_for_the_session
    ),
    fault("a key loses the welcome", Sequencer, "want", _by_the_newest),
    _audio_taken("empty audio fills the ring", _empty_too),
    _audio_taken(
        "audio that a missing model cannot take is a flood", _all_drops_are_floods
    ),
)
