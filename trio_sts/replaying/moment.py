"""What the core knows at one moment of a call."""

from typing import Any, cast

from attrs import asdict

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.session import Conversation

from .silence import reason


def moment(core: Conversation, now: float, begins: float) -> dict[str, Any]:
    """The state of a conversation, for people and for machines.

    Args:
        core: The conversation.
        now: The time on its clock.
        begins: When the caller leg opened, on the same clock.
    """
    state = core.state
    due_in_s = core.deadline - now
    return {
        "at_s": round(now - begins, 3),
        "if_silent": reason(state, now),
        "model": {
            "connected": state.connection.ready,
            "sessions": state.connection.sessions,
            "active_answer": state.sequencer.active,
            "asked": state.sequencer.asked,
            "to_be_asked": state.sequencer.wanted,
            "owes_an_answer": state.owed_turn.owed,
        },
        "caller": {
            "speaks": state.caller_speech.active,
            "speaks_by_our_ear": state.ear.is_speaking(now),
            "speech_heard_ms": state.ear.speech_ms,
            "gathering_keys": state.keypad.busy,
        },
        "agent": {
            "audible": state.playout.audible(now),
            "waiting_ms": state.playout.queued_ms,
            "hold_sound": now < state.hold_sound.ends_at,
        },
        "tools": [
            {"name": call.name, "call_id": call.call_id, "answered": bool(call.output)}
            for call in state.calls.unanswered()
        ],
        "greeting": state.greeting.stage.name.lower(),
        "goodbye": state.goodbye.stage.name.lower(),
        "renewal": state.renewal.stage.name.lower(),
        "clock": {
            "rule": core.due_rule,
            "due_in_s": round(due_in_s, 3) if due_in_s < NEVER else None,
        },
        "said": [
            {"kind": entry.kind, "text": _text(entry.kind, entry.text)}
            for entry in core.history
        ],
        "counters": {
            name: value
            for name, value in asdict(core.counters).items()
            if not name.startswith("_")
        },
    }


def _text(kind: str, text: str) -> str:
    return "*" * len(text) if kind == "keys" else text


def as_lines(told: dict[str, Any], indent: str = "") -> list[str]:
    """One fact a line; what belongs together is indented."""
    lines: list[str] = []
    for name, value in told.items():
        shown = name.replace("_", " ")
        if isinstance(value, dict):
            inner = cast("dict[str, Any]", value)
            lines += [f"{indent}{shown}:", *as_lines(inner, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{shown}:" if value else f"{indent}{shown}: none")
            for each in cast("list[dict[str, object]]", value):
                facts = ", ".join(f"{k} {_shown(v)}" for k, v in each.items())
                lines.append(f"{indent}  {facts}")
        else:
            lines.append(f"{indent}{shown}: {_shown(value)}")
    return lines


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
