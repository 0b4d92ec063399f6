"""The greeting: asked for once per call, and protected if the operator wants it."""

from trio_sts.conversation.inputs import ModelReady
from trio_sts.conversation.moments import AT_ONCE, NEVER
from trio_sts.conversation.parts.greeting import Stage
from trio_sts.conversation.state import State

from . import asking, asks
from .asking import now_or_never


def model_ready(state: State, event: ModelReady, _: float) -> None:
    """It is known what to greet with."""
    state.greeting.known(event.welcome_message)


def ask_at(state: State, _: float) -> float:
    """When `ask` has something to do: there is a session, and nobody was greeted."""
    missing = state.greeting.stage is Stage.NONE and state.connection.ready
    return now_or_never(due=state.rules.greeting and missing)


def ask(state: State, now: float) -> None:
    """Greet, before the caller's audio that was kept is sent."""
    state.greeting.ask()
    state.latencies.greeting_asked(state.opening.started_at)
    state.sequencer.want(asks.greeting(state.greeting.welcome_message))
    state.owed_turn.owe()
    if state.rules.greeting_protected:
        state.intake.withhold()
        state.greeting.protect(now)
    asking.send_if_due(state, now)


def let_audio_through_at(state: State, now: float) -> float:
    """When `let_audio_through` has something to do."""
    if not state.intake.withheld:
        return NEVER
    playout = state.playout
    drained_at = NEVER if playout.queued_ms else playout.drained_at
    return state.greeting.heard_at(drained_at if playout.audible(now) else AT_ONCE)


def let_audio_through(state: State, now: float) -> None:
    """The greeting was heard: the caller's audio is not withheld any more."""
    if state.greeting.end_if_heard(now, audible=state.playout.audible(now)):
        state.intake.catch_up(now, model_hears_speech=state.caller_speech.active)
