"""A call that is over, as one typed object: the log, the store and the webhook read it.

It is JSON on its way to a spool and to the webhook; `as_json` and `from_json` are the two
directions.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from statistics import median
from typing import Any, Literal, Self
from uuid import uuid4

from attrs import evolve, field, frozen
from cattrs import BaseValidationError, Converter

from trio_sts.conversation.parts.counters import Counters
from trio_sts.conversation.parts.latencies import Latencies, Waits

from .prices import Cost

# A call with more tools than this has a program for a caller.
MOST_TOOLS = 1000


@frozen
class Wait:
    """Waits of one kind, in milliseconds; without any, both are None.

    Attributes:
        count: How many there were.
        median_ms: Of the first 4096 of them.
        worst_ms: The longest.
    """

    count: int = 0
    median_ms: int | None = None
    worst_ms: int | None = None

    @classmethod
    def of(cls, waits: Waits) -> Self:
        """What was counted, in whole milliseconds."""
        if not waits.count:
            return cls()
        return cls(
            waits.count,
            round(median(waits.seconds) * 1000),
            round(waits.worst_s * 1000),
        )


@frozen(kw_only=True)
class Tokens:
    """Tokens by kind, as the endpoint counted them; cached ones are part of the input.

    The cached ones are never more than their input, whatever the endpoint said.
    """

    input_audio: int = 0
    input_text: int = 0
    cached_audio: int = 0
    cached_text: int = 0
    output_audio: int = 0
    output_text: int = 0
    transcription_input: int = 0
    transcription_output: int = 0

    @classmethod
    def of(cls, counters: Counters) -> Self:
        """What was counted."""
        return cls(
            input_audio=counters.input_audio_tokens,
            input_text=counters.input_text_tokens,
            cached_audio=min(counters.cached_audio_tokens, counters.input_audio_tokens),
            cached_text=min(counters.cached_text_tokens, counters.input_text_tokens),
            output_audio=counters.output_audio_tokens,
            output_text=counters.output_text_tokens,
            transcription_input=counters.transcription_input_tokens,
            transcription_output=counters.transcription_output_tokens,
        )


@frozen
class ToolRun:
    """One run of a tool: what it was asked and what it answered is not part of it."""

    name: str
    duration_ms: int
    outcome: Literal["ok", "failed", "cancelled"]


@frozen(kw_only=True)
class Files:
    """Where the rest of a call is kept, as absolute paths; None for what is not kept."""

    call: str | None = None
    recording: str | None = None
    transcript: str | None = None


@frozen(kw_only=True)
class FinishedCall:
    """One call that is over.

    Attributes:
        id: Of this record, unique: a peer may use a call's uuid again.
        uuid: The call id that AVR Core gave, or ours.
        begun_at: When the caller leg opened, UTC.
        ended_at: When the call was over, UTC.
        duration_s: By the clock that never jumps.
        outcome: How it ended, in a few words.
        close_code: The caller leg's.
        caller: Who called, as the metadata has it; None if it does not say.
        called: Who was called.
        model: What it was held with.
        turns: How often the caller was heard to stop speaking.
        tools: The runs of tools, the first 1000.
        tool_calls: How many function calls were acted on.
        greeting: The wait for the greeting.
        turn: The waits for answers to the caller.
        tool: The waits for answers that needed tools.
        transcription_s: Audio that was transcribed, where that is what is paid.
        cost: What it costs in list prices.
        host: The machine's name.
        version: The program's.
    """

    id: str = field(factory=lambda: uuid4().hex)
    uuid: str
    begun_at: datetime
    ended_at: datetime
    duration_s: float
    outcome: str
    close_code: int
    caller: str | None = field(default=None, repr=False)
    called: str | None = None
    model: str
    turns: int = 0
    barge_ins: int = 0
    keys: int = 0
    tools: tuple[ToolRun, ...] = ()
    tool_calls: int = 0
    greeting: Wait = Wait()
    turn: Wait = Wait()
    tool: Wait = Wait()
    tokens: Tokens = Tokens()
    transcription_s: float = 0
    cost: Cost = field(factory=Cost)
    caller_audio_s: float = 0
    agent_audio_s: float = 0
    dropped_audio_ms: int = 0
    unfinished_responses: int = 0
    nudges: int = 0
    retries: int = 0
    reconnects: int = 0
    renewals: int = 0
    files: Files = Files()
    host: str = ""
    version: str = ""

    @property
    def worst_ms(self) -> int:
        """The longest wait of the call, of whatever kind; 0 if there was none."""
        return max(each.worst_ms or 0 for each in (self.greeting, self.turn, self.tool))

    def without_caller(self) -> Self:
        """The same, and nobody's number in it."""
        return evolve(self, caller=None)


def figures(counters: Counters, latencies: Latencies) -> dict[str, Any]:
    """The fields of a `FinishedCall` that the core has counted."""
    return {
        "turns": counters.turns,
        "barge_ins": counters.barge_ins,
        "keys": counters.keys,
        "tool_calls": counters.tools,
        "greeting": Wait.of(latencies.greeting),
        "turn": Wait.of(latencies.turn),
        "tool": Wait.of(latencies.tool),
        "tokens": Tokens.of(counters),
        "transcription_s": round(counters.transcription_s, 1),
        "caller_audio_s": round(counters.caller_audio_ms / 1000, 1),
        "agent_audio_s": round(counters.agent_audio_ms / 1000, 1),
        "dropped_audio_ms": round(counters.dropped_audio_ms),
        "unfinished_responses": counters.unfinished_responses,
        "nudges": counters.nudges,
        "retries": counters.retries,
        "reconnects": counters.reconnects,
        "renewals": counters.renewals,
    }


def as_json(call: FinishedCall) -> dict[str, Any]:
    """What JSON can hold: times in ISO 8601, UTC, with milliseconds."""
    fields: dict[str, Any] = _converter.unstructure(call)
    return fields


def from_json(fields: Mapping[str, Any]) -> FinishedCall:
    """The other direction; fields of other versions are ignored, missing ones default.

    Raises:
        ValueError: It is no finished call.
    """
    try:
        return _converter.structure(fields, FinishedCall)
    except (BaseValidationError, ValueError, TypeError, KeyError) as exc:
        raise ValueError("no record of a call") from exc


def _make_converter() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(
        datetime, lambda at: at.astimezone(UTC).isoformat(timespec="milliseconds")
    )
    converter.register_structure_hook(
        datetime, lambda text, _: datetime.fromisoformat(text).astimezone(UTC)
    )
    return converter


_converter = _make_converter()
