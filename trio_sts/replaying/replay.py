"""Runs the core again on a call's inputs, and compares what it asks for."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
from attrs import define, field, frozen

from trio_sts.audio.framing import FRAME_MS, frame_bytes
from trio_sts.audio.voice_activity import BATCH_MS
from trio_sts.conversation.commands import Command
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Input, ModelReady
from trio_sts.conversation.moments import NEVER
from trio_sts.conversation.session import Conversation
from trio_sts.record.encode import Crash
from trio_sts.record.masking import Masker
from trio_sts.record.passes import Digest, Unfolded, written_commands, written_due

_BATCH_FRAMES: Final = BATCH_MS // FRAME_MS


@define(eq=False)
class RecordedEar:
    """The verdicts of the call's own detector, at the same places of the stream."""

    rate_hz: int
    _verdicts: deque[int] = field(factory=deque[int], repr=False)
    _waiting_bytes: int = 0

    def tell(self, vad: str) -> None:
        """More verdicts, as they stand in the file."""
        self._verdicts.extend(map(int, vad))

    @property
    def waiting_ms(self) -> float:
        """How much of the stream was taken and not judged yet."""
        return self._waiting_bytes * FRAME_MS / frame_bytes(self.rate_hz)

    def feed(self, pcm: bytes) -> bytes:
        """Judge as much as the detector did; beyond what is told it is silence."""
        batch_bytes = _BATCH_FRAMES * frame_bytes(self.rate_hz)
        whole, self._waiting_bytes = divmod(self._waiting_bytes + len(pcm), batch_bytes)
        frames = whole * _BATCH_FRAMES
        verdicts = self._verdicts
        return bytes(verdicts.popleft() if verdicts else 0 for _ in range(frames))


@frozen
class Pass:
    """One pass of the core, run again.

    Attributes:
        at: Its time.
        input: What the core was given, its audio as silence.
        commands: What it asks for now.
        out: That, as it is written.
        recorded: What it asked for then.
        due: The rule whose time had come before it; empty if none's had.
        late_s: How long that was before; a clock that is asked for comes within
            milliseconds, so a rule that waits longer was not due in the call itself.
        failure: What the core has raised; empty if it has not failed.
    """

    at: float
    input: Input
    commands: list[Command] = field(repr=False)
    out: Any
    recorded: Any
    due: str = ""
    late_s: float = 0.0
    failure: str = ""

    @property
    def same(self) -> bool:
        """Whether it asks for the same as then."""
        return bool(self.out == self.recorded)


@define(eq=False)
class Replay:
    """A conversation that is held again, line by line.

    Attributes:
        core: The conversation, as far as it was run.
        differs: Whether a digest was another one than the file's.
        waits: After a line: when the clock is to come next, and for which rule.
    """

    core: Conversation
    _ear: RecordedEar
    _masker: Masker
    differs: bool = False
    waits: list[Any] = field(factory=list[Any])
    _unfolded: Unfolded = field(factory=Unfolded)
    _digest: Digest = field(factory=Digest)

    @classmethod
    def begin(
        cls, rules: Rules, started_at: float, fallback_uuid: str, *, keeps_text: bool
    ) -> "Replay":
        """A call, as its file's first line tells it."""
        ear = RecordedEar(rules.caller_rate_hz)
        core = Conversation(
            rules, now=started_at, fallback_uuid=fallback_uuid, detector=ear
        )
        return cls(core, ear, Masker.of_file(keeps_text=keeps_text))

    def run(self, line: Mapping[str, Any], *, until: float = NEVER) -> Iterator[Pass]:
        """Run the passes of one line, but none after ``until``.

        Raises:
            ValueError: The line is none of this format.
        """
        times, column, recorded = line["t"], line["in"], line["out"]
        self._ear.tell(line["vad"])
        asked: list[Any] = []
        given = self._unfolded.inputs(column)
        for now, input_, then in zip(times, given, recorded, strict=True):
            if now > until:
                return
            late_s = max(now - self.core.deadline, 0.0)
            due = self.core.due_rule if self.core.deadline <= now else ""
            commands, crash = self._take(input_, now)
            if isinstance(input_, ModelReady):
                self._masker.patterns = input_.permitted.transfer_to
            out = written_commands(self._masker, [*commands, *crash])
            asked.append(out)
            failure = crash[0].error if crash else ""
            yield Pass(now, input_, commands, out, then, due, late_s, failure)
        awaited = written_due(self.core.deadline, self.core.due_rule)
        self.waits = orjson.loads(awaited)
        if self._digest.after(orjson.dumps(asked), awaited) != line["digest"]:
            self.differs = True

    def _take(self, input_: Input, now: float) -> tuple[list[Command], list[Crash]]:
        try:
            return self.core.take(input_, now), []
        # A fault of the program is one of the things that are looked for.
        except Exception as exc:  # noqa: BLE001
            return [], [Crash(type(exc).__name__)]
