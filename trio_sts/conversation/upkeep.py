"""What every pass of the core ends with, in this order, and when the next one is due."""

from typing import Literal

from trio_sts.wire import avr
from trio_sts.wire.realtime.requests import AppendAudio, CancelResponse

from . import actions, turns
from .goodbye import Stage
from .history import Entry
from .patience import Remedy
from .state import Greeting, State

# No `init` within this time ends the connection.
INIT_PATIENCE_S = 10.0
# A protected greeting withholds the caller's audio no longer than this.
PROTECTION_S = 20.0
NEVER = float("inf")


def upkeep(state: State, now: float) -> None:
    """Do all that is due."""
    _play(state, now)
    listen(state, now)
    turns.send_keys(state, now)
    actions.see_goodbye_through(state, now)
    actions.send_outputs(state)
    ask_for_response(state, now)
    _mind_dead_air(state, now)
    tell_transcripts(state, state.history.take(now))
    _mind_limits(state, now)


def deadline(state: State) -> float:
    """The time of the next `upkeep`, should nothing come in before."""
    if state.out.ended:
        return NEVER
    return min(
        state.playout.deadline,
        state.intake.deadline,
        state.keypad.deadline if state.ready else NEVER,
        state.goodbye.deadline,
        state.sequencer.deadline if _may_ask(state) else NEVER,
        state.patience.deadline,
        state.history.deadline,
        state.protected_until,
        _limits_at(state),
    )


def ask_for_response(state: State, now: float) -> None:
    """Send the ``response.create`` that is due, if one is."""
    if _may_ask(state):
        create = state.sequencer.next(now)
        if create is not None:
            state.out.model(create)
            state.patience.asked()


def tell_transcripts(state: State, entries: list[Entry]) -> None:
    """Send finished utterances to AVR Core and to the call's record."""
    for entry in entries:
        match entry.kind:
            case "call":
                state.out.record(
                    "tool_call",
                    call_id=entry.item_id,
                    name=entry.name,
                    arguments=entry.text,
                )
            case "output":
                state.out.record("tool_output", call_id=entry.item_id, text=entry.text)
            case "agent":
                _tell(state, "agent", entry.text, heard_ms=entry.heard_ms)
            case "keys":
                _tell(state, "user", "*" * len(entry.text))
            case _:
                _tell(state, "user", entry.text)


def _may_ask(state: State) -> bool:
    return state.ready and state.goodbye.stage is not Stage.LEAVING


def _tell(
    state: State,
    role: Literal["user", "agent"],
    text: str,
    *,
    heard_ms: float | None = None,
) -> None:
    if text.strip():
        state.out.caller(avr.Transcript(role, text))
        state.out.record("utterance", role=role, text=text, heard_ms=heard_ms)


def _play(state: State, now: float) -> None:
    playout = state.playout
    turns.settle(state, now)
    if now >= playout.deadline:
        for batch in playout.feed(now):
            state.out.caller(avr.AgentAudio(batch))
            state.tally.agent_audio_ms += len(batch) / 16
            state.tally.agent_answers(now)


def listen(state: State, now: float) -> None:
    """Send on what may be sent of the caller's audio, and mend its gaps."""
    intake = state.intake
    if intake.withheld and _greeting_heard(state, now):
        state.protected_until = NEVER
        intake.catch_up(now)
    heard = intake.take(now)
    if heard:
        state.out.model(AppendAudio(heard))
    silence = intake.mend(now, model_hears_speech=state.caller_speaking)
    if silence:
        state.out.model(AppendAudio(silence))


def _greeting_heard(state: State, now: float) -> bool:
    if now >= state.protected_until:
        state.greeting = Greeting.OVER
    elif state.greeting is Greeting.SPEAKING:
        done = state.greeting_response_id in state.done_responses
        if done and not state.playout.audible(now):
            state.greeting = Greeting.OVER
    return state.greeting is Greeting.OVER


def _mind_dead_air(state: State, now: float) -> None:
    if not state.patience.owed:
        return
    excused = (
        not state.ready
        or state.caller_speaking
        or state.sequencer.waiting_for_retry(now)
        or state.goodbye.stage is not Stage.NONE
        or state.keypad.busy
        or state.calls.pending
        or bool(state.remote_calls)
        or state.playout.audible(now)
    )
    state.patience.watch(now, excused=excused)
    remedy = state.patience.due(now)
    if remedy is Remedy.NUDGE:
        _nudge(state, now)
    elif remedy is Remedy.GIVE_UP:
        state.out.end(1011, "model silent", "The assistant has stopped answering.")


def _nudge(state: State, now: float) -> None:
    active = state.sequencer.active
    state.tally.nudges += 1
    state.out.note("warning", "model silent", after_s=state.rules.dead_air_s)
    if active is not None:
        state.quarantine.add(active)
        state.out.model(CancelResponse(active, event_id=f"cancel_{active}"))
    state.sequencer.nudge()
    ask_for_response(state, now)
    state.patience.watch(now, excused=False)


def _mind_limits(state: State, now: float) -> None:
    if now < _limits_at(state):
        return
    if not state.begun:
        told = f"No init message came within {INIT_PATIENCE_S:g} s."
        state.out.end(1008, "no init", told)
    elif now >= state.started_at + state.rules.max_call_s:
        state.out.end(1000, "longest call reached")
    else:
        state.out.end(1000, "no caller audio")


def _limits_at(state: State) -> float:
    if not state.begun:
        return state.started_at + INIT_PATIENCE_S
    longest_at = state.started_at + state.rules.max_call_s
    if state.calls.pending:
        return longest_at
    quiet_since = max(
        state.started_at,
        state.intake.heard_at,
        state.playout.drained_at,
        state.tool_answered_at,
    )
    return min(longest_at, quiet_since + state.rules.idle_s)
