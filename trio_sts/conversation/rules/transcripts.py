"""Utterances, closed when they were heard, are sent in the conversation's order."""

from typing import Literal

from trio_sts.conversation.parts.history import Entry
from trio_sts.conversation.state import State
from trio_sts.wire import avr
from trio_sts.wire.realtime import events


def record_heard(state: State, item_id: str) -> None:
    """Cut an item's words to what was heard of all its audio parts."""
    if item_id:
        heard_ms, received_ms = state.playout.heard_of(item_id)
        state.history.cut(item_id, heard_ms, received_ms)


def agent_delta(state: State, event: events.TranscriptDelta, _: float) -> None:
    """More of the agent's words."""
    state.playout.expect(event.item_id, event.response_id, event.content_index)
    state.history.agent_says(event.item_id, event.delta)


def agent_done(state: State, event: events.TranscriptDone, _: float) -> None:
    """All of the agent's words in one audio part; the end of the response has the rest."""
    state.playout.expect(event.item_id, event.response_id, event.content_index)
    state.history.agent_said_part(event.item_id, event.content_index, event.transcript)


def input_committed(state: State, event: events.InputCommitted, now: float) -> None:
    """The caller's turn has its place in the conversation."""
    state.history.caller_turn(event.item_id, now)


def item_added(state: State, event: events.ItemAdded, now: float) -> None:
    """An item has its place; ours (text) are known already."""
    typed = any(part.type == "input_text" for part in event.item.content)
    if event.item.role == "user" and not typed:
        state.history.caller_turn(event.item.id, now)


def caller_words(state: State, event: events.TranscriptionCompleted, _: float) -> None:
    """The caller's words; partial ones, of another status, are left out."""
    if event.status in {None, "completed"}:
        state.history.caller_said(event.item_id, event.transcript)
        if event.transcript.strip():
            state.replay.transcribed(event.item_id)
        state.counters.add_transcription(event.usage or {})


def no_caller_words(state: State, event: events.TranscriptionFailed, _: float) -> None:
    """The caller's words will never come."""
    state.history.caller_said(event.item_id, "")
    state.out.note("info", "transcription failed", code=event.error.code)


def send_finished_at(state: State, _: float) -> float:
    """When `send_finished` has something to do."""
    return state.history.deadline


def send_finished(state: State, now: float) -> None:
    """Send the utterances that are closed and have none open before them."""
    _send(state, state.history.take(now))


def send_rest(state: State) -> None:
    """Send what is left at the end of the call, as far as it got."""
    _send(state, state.history.take_rest())


def _send(state: State, entries: list[Entry]) -> None:
    """Send utterances to AVR Core, and everything to the call's record."""
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
                _send_utterance(state, "agent", entry.text, heard_ms=entry.heard_ms)
            case "keys":
                _send_utterance(state, "user", "*" * len(entry.text))
            case _:
                _send_utterance(state, "user", entry.text)


def _send_utterance(
    state: State,
    role: Literal["user", "agent"],
    text: str,
    *,
    heard_ms: float | None = None,
) -> None:
    if text.strip():
        state.out.caller(avr.Transcript(role, text))
        state.out.record("utterance", role=role, text=text, heard_ms=heard_ms)
