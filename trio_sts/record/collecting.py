"""What is gathered while a call goes on, for the `FinishedCall` at its end."""

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from attrs import define, field

from trio_sts import __version__
from trio_sts.conversation.commands import EndCall
from trio_sts.conversation.parts.counters import Counters
from trio_sts.conversation.parts.latencies import Latencies

from .finished_call import MOST_TOOLS, Files, FinishedCall, ToolRun, figures
from .prices import cost

_TOOL_NAME_CHARS = 64
# A transcript of hours of talk; what is longer is cut, and said to be.
_MOST_CHARS = 256 * 1024
# The names of a number in a call's metadata: AVR Core's own.
_CALLER, _CALLED = "from", "to"


@define(eq=False)
class Collected:
    """What a call leaves beside its counters.

    Attributes:
        metadata: The call's, cleaned.
        begun_at: When the caller leg opened, by the clock on the wall.
        keeps_words: Whether somebody wants the transcript at the end.
        transcript: Its entries so far, with the time of day.
        whole: Whether none is missing, as one is that would make it too long.
        kept: Whether the call may be handed on; a call may want that nothing is kept.
    """

    metadata: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    begun_at: datetime = field(factory=lambda: datetime.now(UTC))
    keeps_words: bool = False
    transcript: list[dict[str, Any]] = field(factory=list[dict[str, Any]], repr=False)
    whole: bool = True
    kept: bool = True
    _chars: int = 0
    _tools: list[ToolRun] = field(factory=list[ToolRun])

    @property
    def numbers(self) -> dict[str, str]:
        """Who called and who was called, as far as the metadata says."""
        named = {"caller": _CALLER, "called": _CALLED}
        given = {
            key: self.metadata.get(name, "").strip() for key, name in named.items()
        }
        return {key: number for key, number in given.items() if number}

    def tool_ran(
        self,
        name: str,
        duration_s: float,
        outcome: Literal["ok", "failed", "cancelled"],
    ) -> None:
        """A tool has answered, or was cancelled."""
        if len(self._tools) < MOST_TOOLS:
            # The model chose it: a database may not take every character.
            shown = "".join(
                char if char.isprintable() else "?" for char in name[:_TOOL_NAME_CHARS]
            )
            self._tools.append(ToolRun(shown, round(duration_s * 1000), outcome))

    def entry(self, kind: str, fields: Mapping[str, Any]) -> None:
        """One entry of the transcript."""
        if not (self.keeps_words and self.whole):
            return
        self._chars += sum(len(v) for v in fields.values() if isinstance(v, str))
        if self._chars > _MOST_CHARS:
            self.whole = False
            return
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.transcript.append({"time": time, "kind": kind, **fields})

    def discard(self) -> None:
        """Nothing of this call is to be kept."""
        self.kept = self.keeps_words = False
        self.transcript.clear()

    def finish(
        self,
        counters: Counters,
        latencies: Latencies,
        ending: EndCall,
        *,
        uuid: str,
        duration_s: float,
        model: str,
        paid_for: bool,
        transcriber: str | None,
        files: Files | None = None,
    ) -> FinishedCall:
        """The call is over.

        Args:
            counters: The core's.
            latencies: The core's.
            ending: How it ended.
            uuid: Its id.
            duration_s: How long it was, by a clock that never jumps.
            model: What it was held with.
            paid_for: Whether that costs anything: the built-in model does not.
            transcriber: What wrote down the caller's words.
            files: What else is kept of it.
        """
        return FinishedCall(
            uuid=uuid,
            begun_at=self.begun_at,
            ended_at=datetime.now(UTC),
            duration_s=round(duration_s, 3),
            outcome=ending.outcome,
            close_code=ending.code,
            caller=self.numbers.get("caller"),
            called=self.numbers.get("called"),
            model=model,
            tools=tuple(self._tools),
            cost=cost(counters, model if paid_for else None, transcriber),
            files=files or Files(),
            host=socket.gethostname(),
            version=__version__,
            **figures(counters, latencies),
        )
