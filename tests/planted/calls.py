# It reaches into the parts: that is what planting is.
# pyright: basic, reportPrivateUsage=false, reportArgumentType=false
"""Faults of function calls, remote tools, hangups and transfers."""

from typing import Any

from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.parts.goodbye import Goodbye, Stage
from trio_sts.conversation.parts.mcp import McpCalls
from trio_sts.conversation.parts.toolcalls import ToolCalls
from trio_sts.conversation.rules import giving_up, goodbye, mcp, tools

from .fault import fault, never, nothing

_announced: Any = ToolCalls.announced
_finished: Any = ToolCalls.finished
_run_at: Any = Goodbye._run_at


def _once_per_conversation(calls: Any, event: Any, *, final: bool) -> Any:
    known = any(call.call_id == event.call_id for call in calls._seen.values())
    return None if known else _announced(calls, event, final=final)


def _half_calls_run(calls: Any, event: Any, *, final: bool) -> Any:
    return _announced(calls, event, final=True)


def _silent_is_not_known(
    calls: Any, key: str, output: str, now: float, *, owes_answer: bool = True
) -> Any:
    return _finished(calls, key, output, now)


def _bounded_by_playing_time(part: Any, drained_at: float, **given: Any) -> float:
    whole: float = _run_at(part, drained_at, **given)
    return min(whole, float(part._started_at + part.timeout_s))


def _without_grace(part: Any, drained_at: float, **given: Any) -> float:
    part.grace_ms = 0
    return float(_run_at(part, drained_at, **given))


def _known_by_name_alone(state: Any, call: Any, now: float) -> None:
    kind = state.rules.call_control.get(call.name)
    if kind is None or not call.name.startswith("avr_"):
        state.out.run_tool(call.key, call.name, call.arguments)
    else:
        goodbye.start(state, kind, call, now)


def _once_it_was_answered(part: Any) -> str | None:
    return part._outcome if part.stage is Stage.LEAVING else None


def _cancelled_each_time(part: Any, now: float) -> str | None:
    return part._drop() if part.waits and part.kind == "hangup" else None


def _waits_on(part: Any, now: float) -> None:
    if now >= part._talking_limit:
        part._talking_limit = NEVER


def _forgets_results(part: Any, now: float) -> bool:
    if now >= part.deadline:
        part.response_follows()
    return False


def _fails_all_the_same(state: Any, _: float, outcome: str, reason: str) -> None:
    state.out.end(1011, outcome, reason)


FAULTS = (
    fault("an id is one call for ever", ToolCalls, "announced", _once_per_conversation),
    fault("half calls run", ToolCalls, "announced", _half_calls_run),
    fault(
        "tools go round without a word",
        ToolCalls,
        "one_more_silent_round",
        lambda _: [],
    ),
    fault("a silent tool is talked about", ToolCalls, "finished", _silent_is_not_known),
    fault("a remote result is never asked about", McpCalls, "take", _forgets_results),
    fault("a remote tool excuses nothing", McpCalls, "started", never),
    fault("an approval is left open", mcp, "_refuse", nothing),
    fault(
        "a goodbye is bounded by its playing time",
        Goodbye,
        "_run_at",
        _bounded_by_playing_time,
    ),
    fault("the way to the ear takes no time", Goodbye, "_run_at", _without_grace),
    fault(
        "a hangup does not wait for the other calls",
        ToolCalls,
        "others_answered",
        lambda *_: True,
    ),
    fault(
        "a hangup has no farewell", Goodbye, "farewell_asked", property(lambda _: True)
    ),
    fault("a caller who goes on is hung up on", Goodbye, "speech_started", nothing),
    fault(
        "a hangup is cancelled without end",
        Goodbye,
        "speech_started",
        _cancelled_each_time,
    ),
    fault(
        "a transfer waits for a caller who does not stop",
        Goodbye,
        "drop_transfer",
        _waits_on,
    ),
    fault(
        "call control is known by two names alone",
        tools,
        "_act_on",
        _known_by_name_alone,
    ),
    fault("a transfer's success is believed", Goodbye, "has_failed", never),
    fault(
        "what Asterisk ends before avr-ami answers was the caller",
        Goodbye,
        "outcome",
        property(_once_it_was_answered),
    ),
    fault(
        "a fatal error after the hangup is a failure",
        giving_up,
        "give_up",
        _fails_all_the_same,
    ),
)
