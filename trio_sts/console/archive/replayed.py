"""One call as a picture: it is replayed, and what happens is put on lanes over its time."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import define, field

from trio_sts.audio.framing import ms_per_pcm_byte
from trio_sts.conversation import commands, inputs
from trio_sts.replaying.commands_told import tell_command
from trio_sts.replaying.inputs_told import tell_input
from trio_sts.replaying.reading import Unreadable
from trio_sts.replaying.replay import Pass
from trio_sts.replaying.timeline import Entry, Timeline
from trio_sts.replaying.verify import FileReplay, Verdict
from trio_sts.wire import avr

# Longer calls are shown to there.
MOST_REPLAY_S: Final = 20.0
MOST_ENTRIES: Final = 5_000
MOST_ROWS: Final = 2_000
_PASSES_AT_ONCE: Final = 256
# Pauses within words and sentences are no pauses in a picture.
_CALLER_PAUSE_S: Final = 0.4
_AGENT_PAUSE_S: Final = 0.1
_FRAME_S: Final = 0.1
# Notes whose content the page has beside the timeline.
_SHOWN_ELSEWHERE: Final = frozenset({"numbers"})
_LANES: Final = frozenset({"caller", "agent", "model", "tool", "silence", "note"})


@define(eq=False)
class _Voices:
    """When each voice sounded, in seconds of the call."""

    begins: float
    s_per_byte: float
    caller: list[list[float]] = field(factory=list[list[float]])
    agent: list[list[Any]] = field(factory=list[list[Any]])
    _named: int = 0

    def passed(self, passed: Pass, last_speech_at: float) -> None:
        heard_at = last_speech_at - self.begins
        spans = self.caller
        if heard_at >= 0 and (not spans or heard_at > spans[-1][1]):
            if spans and heard_at - spans[-1][1] <= _CALLER_PAUSE_S:
                spans[-1][1] = heard_at
            else:
                spans.append([max(heard_at - _FRAME_S, 0.0), heard_at])
        now = passed.at - self.begins
        for command in passed.commands:
            match command:
                case commands.ToCaller(message=avr.AgentAudio(pcm=pcm)):
                    self._audio(now, len(pcm) * self.s_per_byte)
                case commands.ToCaller(message=avr.Interruption()):
                    self._cut(now)
                case commands.Record(kind="utterance", fields=fields):
                    if fields.get("role") == "agent":
                        self._words(str(fields.get("text", "")))
                case _:
                    pass

    def rounded(self) -> dict[str, Any]:
        return {
            "caller": [[round(a, 3), round(b, 3)] for a, b in self.caller],
            "agent": [[round(a, 3), round(b, 3), text] for a, b, text in self.agent],
        }

    def _audio(self, now: float, seconds: float) -> None:
        spans = self.agent
        if spans and now <= spans[-1][1] + _AGENT_PAUSE_S and not spans[-1][2]:
            spans[-1][1] = max(spans[-1][1], now) + seconds
        else:
            at = max(now, spans[-1][1]) if spans else now
            spans.append([at, at + seconds, ""])

    def _cut(self, now: float) -> None:
        while self.agent and self.agent[-1][0] >= now:
            self.agent.pop()
        if self.agent:
            self.agent[-1][1] = min(self.agent[-1][1], now)

    def _words(self, text: str) -> None:
        """What was heard of an answer stands at its first sound; pauses may follow."""
        for span in self.agent[self._named : self._named + 1]:
            span[2] = text
        self._named = len(self.agent)


@define(eq=False)
class _Picture:
    line: Timeline
    voices: _Voices
    keeps_text: bool
    rows: list[dict[str, Any]] = field(factory=list[dict[str, Any]])
    # Tools that run, by the key of their call.
    _tools: dict[str, tuple[float, str]] = field(factory=dict[str, tuple[float, str]])
    spans: list[dict[str, Any]] = field(factory=list[dict[str, Any]])

    def passed(self, passed: Pass) -> None:
        line = self.line
        line.begin_pass(passed)
        tell_input(line, passed.input)
        for command in passed.commands:
            tell_command(line, command)
            self._asked(command)
        if isinstance(passed.input, inputs.ToolFinished):
            self._answered(passed.input)
        if passed.failure:
            line.add("call", f"this program fails here: {passed.failure}")
        line.end_pass(passed.at)
        self.voices.passed(passed, line.core.state.ear.last_speech_at)

    def _asked(self, command: commands.Command) -> None:
        match command:
            case commands.RunTool(call_id=key, name=name):
                self._tools[key] = self.line.now, name
            case commands.Record(kind=kind, fields=fields):
                self._said(kind, fields)
            case _:
                pass

    def _answered(self, given: inputs.ToolFinished) -> None:
        at, name = self._tools.pop(given.key, (self.line.now, given.key))
        how = "" if given.ok else ", and has failed"
        took_s = self.line.now - at
        self.spans.append(
            {
                "at_s": round(at, 3),
                "until_s": round(self.line.now, 3),
                "lane": "tool",
                "kind": "run",
                "text": f"{name} runs for {took_s:.2f} s{how}",
            }
        )

    def _said(self, kind: str, fields: Mapping[str, Any]) -> None:
        at_s, text = self.line.now, str(fields.get("text", ""))
        match kind:
            case "utterance" if fields.get("role") == "agent":
                role = "agent"
                at_s -= (fields.get("heard_ms") or 0) / 1000
            case "utterance":
                role = "caller" if text.strip("*") else "key"
            case "tool_call":
                role, text = "tool", f"{fields.get('name')} {fields.get('arguments')}"
            case "tool_output":
                role, text = "tool", f"→ {text}"
            case _:
                return
        if len(self.rows) < MOST_ROWS:
            row = {"n": len(self.rows) + 1, "role": role, "text": text, "final": True}
            self.rows.append(row | {"at_s": round(max(at_s, 0.0), 2)})


def tell(path: Path) -> dict[str, Any]:
    """Replay a call file, and tell what a page shows of it.

    Returns:
        ``transcript``, ``timeline``, ``spans``, ``verdict``, and ``problem`` if the file
        cannot be read, or not to its end.
    """
    try:
        replay = FileReplay.open(path)
        head = replay.reader.head
        line = Timeline(replay.replay.core, head.started_at, head.keeps_text)
        rate_hz = replay.replay.core.state.rules.caller_rate_hz
        voices = _Voices(head.started_at, ms_per_pcm_byte(rate_hz) / 1000)
        picture = _Picture(line, voices, head.keeps_text)
        too_long = _run(replay, picture)
    except Unreadable as exc:
        return {"problem": f"The call file cannot be read: {exc}"}
    told = _told(picture, replay.verdict)
    if too_long:
        shown = f"{replay.verdict.until:.0f} s"
        told |= {"problem": f"The call is too long: its first {shown} are shown."}
        told["verdict"] = "cut short"
    return told


def _run(replay: FileReplay, picture: _Picture) -> bool:
    """Replay to the end, or for 20 s; whether that was too short."""
    until = _now() + MOST_REPLAY_S
    for count, each in enumerate(replay.run()):
        if isinstance(each, Pass):
            picture.passed(each)
        elif each.get("note") not in _SHOWN_ELSEWHERE:
            picture.line.noted(each)
        if not count % _PASSES_AT_ONCE and _now() > until:
            return True
    return False


def _told(picture: _Picture, verdict: Verdict) -> dict[str, Any]:
    entries = [_entry(each) for each in picture.line.entries[:MOST_ENTRIES]]
    entries += picture.spans[:MOST_ENTRIES]
    word = "same" if verdict.same else "differs"
    if verdict.same and not verdict.is_whole:
        word = "cut short"
    return {
        "transcript": picture.rows if picture.keeps_text else None,
        "timeline": sorted(entries, key=lambda each: each["at_s"]),
        "spans": picture.voices.rounded(),
        "duration_s": round(verdict.until, 3),
        "verdict": word,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    lane = entry.who if entry.who in _LANES else "note"
    until_s = None if entry.until is None else round(entry.until, 3)
    return {
        "at_s": round(entry.at, 3),
        "until_s": until_s,
        "lane": lane,
        "kind": entry.kind or entry.who,
        "text": entry.what,
    }


def _now() -> float:
    # No loop runs in this process.
    return time.monotonic()  # noqa: TID251
