"""One call that is under way, as *Now* shows it.

What happens is kept when it is told; who speaks, and what was heard so far, is looked up when
somebody looks. Both are bounded, and so is what is written of them.
"""

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import orjson
from attrs import define, field
from typing_extensions import override

from trio_sts.conversation.commands import (
    Begin,
    Command,
    EndCall,
    Note,
    Record,
    RunTool,
)
from trio_sts.conversation.parts.history import first_words
from trio_sts.conversation.session import Conversation
from trio_sts.observing.observer import Observed, Observer
from trio_sts.record.finished_call import FinishedCall
from trio_sts.record.prices import cost
from trio_sts.settings import Settings, transcriber
from trio_sts.wire.realtime.session import SessionConfig

from .json import dumps

MOST_LATENCIES: Final = 50
MOST_TOOLS: Final = 50
MOST_WARNINGS: Final = 20
MOST_ROWS: Final = 100
_MOST_RUNNING: Final = 20
_TEXT_CHARS: Final = 2_000
_TOOL_CHARS: Final = 300
_NAME_CHARS: Final = 64
# Notes that an operator wants to see, though the log has them as information.
_ALSO_WARNS: Final = frozenset(
    {"dead air", "transcription failed", "model restored", "caller silent", "fallback"}
)


@define(eq=False)
class LiveCall(Observer):
    """One call, from its ``init`` to a few seconds after its end.

    Attributes:
        settings: The service's; those of the call once they are known.
        id: Of this call, for the console alone: a peer may use a uuid again.
        begun: Whether ``init`` has come; before that it is nobody's call.
        over_at: When it ended; None while it lives.
        uuid: The call id.
    """

    settings: Settings = field(repr=False)
    _observed: Observed | None = field(repr=False)
    id: str = field(factory=lambda: uuid4().hex)
    begun: bool = False
    over_at: float | None = None
    uuid: str = field(default="", init=False)
    _opened_at: float = field(init=False)
    _started: str = field(init=False)
    _numbers: dict[str, str | None] = field(init=False, repr=False)
    _rows: deque[bytes] = field(factory=lambda: deque[bytes](maxlen=MOST_ROWS))
    _row_count: int = 0
    _latencies: deque[dict[str, Any]] = field(
        factory=lambda: deque[dict[str, Any]](maxlen=MOST_LATENCIES)
    )
    _worst_ms: int | None = None
    _running: dict[str, dict[str, Any]] = field(factory=dict[str, dict[str, Any]])
    _tools: deque[dict[str, Any]] = field(
        factory=lambda: deque[dict[str, Any]](maxlen=MOST_TOOLS)
    )
    _warnings: deque[dict[str, Any]] = field(
        factory=lambda: deque[dict[str, Any]](maxlen=MOST_WARNINGS)
    )
    # What only changes when something is told; None when it has to be written anew.
    _told: bytes | None = None
    _told_rows: int = 0
    _cost_of: int = -1
    _cost_usd: float | None = None
    _last: dict[str, Any] = field(factory=dict[str, Any], repr=False)

    def __attrs_post_init__(self) -> None:
        call = self._seen
        self.uuid = call.fallback_uuid
        self._opened_at = call.started_at
        self._started = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._numbers = {
            "caller": call.metadata.get("from") or None,
            "called": call.metadata.get("to") or None,
        }

    @property
    def _seen(self) -> Observed:
        if self._observed is None:
            raise RuntimeError("the call is over")
        return self._observed

    # What happens.

    @override
    def asked(self, command: Command, now: float) -> None:
        match command:
            case Note(level=level, event=event, fields=fields):
                self._noted(level, event, fields, now)
            case Record(kind=kind, fields=fields):
                self._recorded(kind, fields, now)
            case RunTool(call_id=key, name=name):
                if len(self._running) < _MOST_RUNNING:
                    since_s = self._at(now)
                    self._running[key] = {
                        "name": name[:_NAME_CHARS],
                        "since_s": since_s,
                    }
            case Begin(uuid=uuid):
                self.uuid, self.begun = uuid, True
            case _:
                return
        self._told = None

    @override
    def noted(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        if kind == "tool":
            self._running.pop(fields["key"], None)
            self._tools.append(
                {
                    "name": fields["name"],
                    "ms": round(fields["took_s"] * 1000),
                    "outcome": fields["outcome"],
                    "at_s": self._at(now),
                }
            )
        elif kind == "dial" and fields["result"] != "connected":
            self._warn(f"model not reached: {fields['result']}", now)
        self._told = None

    @override
    def settled(self, settings: Settings, session: SessionConfig, now: float) -> None:
        self.settings = settings
        self._told = None

    @override
    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        self._last = self._looked_up(now) | {
            "state": "over",
            "outcome": ending.outcome,
            "close_code": ending.code,
            "speaking": "nobody",
            "thinking": False,
            # Where *Calls* has it.
            "call_id": None if finished is None else finished.id,
        }
        self._running.clear()
        self._told = None
        self.over_at = now
        # The conversation is let go with the call.
        self._observed = None

    def end(self, ending: EndCall) -> bool:
        """End the call.

        Returns:
            Whether it was still under way.
        """
        if self._observed is None:
            return False
        self._observed.end(ending)
        return True

    def _noted(
        self, level: str, event: str, fields: Mapping[str, Any], now: float
    ) -> None:
        if event == "agent begins":
            wait_ms = round(fields["after_s"] * 1000)
            self._worst_ms = max(self._worst_ms or 0, wait_ms)
            self._latencies.append(
                {"kind": fields["kind"], "ms": wait_ms, "at_s": self._at(now)}
            )
        elif level == "warning" or event in _ALSO_WARNS:
            told = ", ".join(f"{k} {v}" for k, v in fields.items() if v is not None)
            self._warn(f"{event}: {told}" if told else event, now)

    def _warn(self, text: str, now: float) -> None:
        self._warnings.append({"at_s": self._at(now), "text": text[:_TOOL_CHARS]})

    def _recorded(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        at = now
        text = str(fields.get("text", ""))[:_TEXT_CHARS]
        match kind:
            case "utterance" if fields.get("role") == "agent":
                role, at = "agent", now - (fields.get("heard_ms") or 0) / 1000
            case "utterance":
                # Digits are told as so many stars.
                role = "caller" if text.strip("*") else "key"
            case "tool_call":
                role = "tool"
                asked = str(fields.get("arguments", ""))[:_TOOL_CHARS]
                text = f"{str(fields.get('name', ''))[:_NAME_CHARS]} {asked}"
            case "tool_output":
                role, text = "tool", f"→ {text[:_TOOL_CHARS]}"
            case _:
                return
        self._row_count += 1
        self._rows.append(_row(self._row_count, role, text, self._at(at), final=True))

    def _at(self, now: float) -> float:
        return round(now - self._opened_at, 2)

    # What is shown.

    def shown(self, now: float, rows: int = MOST_ROWS) -> tuple[bytes, bytes]:
        """The call as a JSON object, without its age, and the whole of it.

        Args:
            now: The time on Trio's clock.
            rows: How many lines of the transcript, at most.
        """
        looked_up = self._last if self._observed is None else self._looked_up(now)
        if self._told is None or self._told_rows != rows:
            self._told, self._told_rows = self._write_told(rows), rows
        said = b'"transcript":[%b]' % b",".join(self._transcript(now, rows))
        body = b"%b,%b,%b" % (orjson.dumps(looked_up)[1:-1], said, self._told[1:])
        return body, b'{"age_s":%.1f,%b' % (self.age_s(now), body)

    def age_s(self, now: float) -> float:
        """How long it has lasted."""
        return (now if self.over_at is None else self.over_at) - self._opened_at

    def _write_told(self, rows: int) -> bytes:
        return dumps(
            {
                "id": self.id,
                "uuid": self.uuid,
                **self._numbers,
                "started_at": self._started,
                "model": self.settings.model,
                "last_latency_ms": self._latencies[-1]["ms"]
                if self._latencies
                else None,
                "worst_latency_ms": self._worst_ms,
                "latencies": list(self._latencies)[-rows:],
                "tools_running": list(self._running.values()),
                "tools": list(self._tools)[-rows:],
                "warnings": list(self._warnings)[-rows:],
            }
        )

    def _looked_up(self, now: float) -> dict[str, Any]:
        core = self._seen.core
        state, counters = core.state, core.counters
        agent = state.playout.audible(now)
        caller = state.caller_speech.active or state.ear.is_speaking(now)
        tokens = (
            counters.input_audio_tokens
            + counters.input_text_tokens
            + counters.output_audio_tokens
            + counters.output_text_tokens
        )
        return {
            "state": _state(core),
            "speaking": _SPEAKING[agent, caller],
            "thinking": state.owed_turn.owed and not (agent or caller),
            "turns": counters.turns,
            "barge_ins": counters.barge_ins,
            "tokens": tokens,
            "cost_usd": self._cost(core, tokens),
        }

    def _transcript(self, now: float, rows: int) -> list[bytes]:
        """What was said, and what the agent is saying, as far as it was heard."""
        said = [*self._rows]
        if self._observed is not None:
            core, number = self._observed.core, self._row_count
            for item_id in core.state.history.unfinished():
                text, heard_s = _heard_so_far(core, item_id, now)
                if text:
                    number += 1
                    at_s = self._at(now - heard_s)
                    said.append(_row(number, "agent", text, at_s, final=False))
        return said[-rows:]

    def _cost(self, core: Conversation, tokens: int) -> float | None:
        if self.settings.embedded:
            return None
        if tokens != self._cost_of:
            self._cost_of = tokens
            words = transcriber(self.settings)
            told = cost(core.counters, self.settings.model, words)
            self._cost_usd = None if told.usd is None else round(told.usd, 5)
        return self._cost_usd


_SPEAKING: Final = {
    (False, False): "nobody",
    (True, False): "agent",
    (False, True): "caller",
    (True, True): "both",
}


def _state(core: Conversation) -> str:
    state = core.state
    if state.out.ended or state.goodbye.under_way or state.goodbye.is_leaving:
        return "ending"
    if not state.connection.ready and not state.connection.sessions:
        return "connecting"
    return "ready"


def _heard_so_far(core: Conversation, item_id: str, now: float) -> tuple[str, float]:
    """The agent's words as far as they were heard, and for how many seconds.

    How many words that are is told by the share of the audio that was heard.
    """
    entry = core.state.history.find(item_id)
    if entry is None or not entry.text:
        return "", 0.0
    _, received_ms = core.state.playout.heard_of(item_id)
    heard_ms = core.state.playout.heard_at(item_id, now)
    share = heard_ms / received_ms if received_ms else 0.0
    return first_words(entry.text, share)[:_TEXT_CHARS], heard_ms / 1000


def _row(number: int, role: str, text: str, at_s: float, *, final: bool) -> bytes:
    row = {"n": number, "role": role, "text": text, "at_s": at_s, "final": final}
    return dumps(row)
