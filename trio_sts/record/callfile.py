"""The call file: everything that the core was given, and a digest of what it asked for.

JSON Lines in gzip members, one for each write. A line is one of these:

- ``format``: the first: how the call is held, and which program held it;
- ``session``: what its session was asked for, if that was not known by the first line;
- ``t``: passes of the core (`trio_sts.record.passes`);
- ``note``: what the core does not see;
- ``end``: the last one: the summary.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from attrs import define, field

from trio_sts import __version__
from trio_sts.conversation.commands import Command
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Input
from trio_sts.conversation.session import Conversation
from trio_sts.wire.realtime.session import SessionConfig

from .encode import Crash, written_rules
from .masking import Masker, Value, masked_name, own, own_value
from .passes import NotedDetector, Passes
from .session_line import written_session
from .writer import GATHER_S, RecordFile, Writer

FORMAT: Final = 1
SUFFIX: Final = ".call"
# With what the writer waits, a pass is in the file within a second.
FLUSH_AFTER_S: Final = 0.95 - GATHER_S
# The next pass is the first one that waits.
_AT_ONCE: Final = float("-inf")

Took = Callable[[Input, float, Sequence[Command | Crash]], None]


def file_stem(uuid: str, number: str) -> str:
    """What the files of a call are called: a UTC stamp and the call id.

    The caller's number is masked in it.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    return f"{stamp}-{masked_name(uuid, number)}"


@define(eq=False)
class CallFile:
    """The file of one call that is under way.

    Attributes:
        path: Where it is.
        core: The conversation, once it has begun.
    """

    rules: Rules
    started_at: float
    masker: Masker = field(repr=False)
    detector: NotedDetector = field(repr=False)
    _writer: Writer
    _fallback_uuid: str
    _on_waiting: Callable[["CallFile"], None]
    core: Conversation = field(init=False, repr=False)
    path: Path | None = None
    _file: RecordFile | None = None
    _uuid: str = ""
    _opened: datetime = field(factory=lambda: datetime.now(UTC))
    _passes: Passes = field(init=False, repr=False)
    _session: Value = field(default=None, repr=False)
    _has_begun: bool = False
    _is_over: bool = False
    # What is not given to the writer yet, and since when; passes come after the lines.
    _lines: list[bytes] = field(factory=list[bytes], repr=False)
    _waits_since: float = float("inf")

    def __attrs_post_init__(self) -> None:
        self._passes = Passes(self.masker, self._filled, _AT_ONCE)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is kept."""
        return self._is_over

    @property
    def waits_since(self) -> float:
        """Since when something waits to be given to the writer; infinity if nothing does."""
        return self._waits_since

    def begin(self, folder: Path, uuid: str, stem: str) -> None:
        """The call id is known, and so the file's name; it is made with its first line."""
        self._uuid = uuid
        self.path = folder / f"{stem}{SUFFIX}"
        self._file = RecordFile(self.path, uuid)
        if self._waits_since < float("inf"):
            self._on_waiting(self)

    def settled(self, session: SessionConfig, model: str, now: float) -> None:
        """What the session is asked for is known."""
        told = written_session(self.masker, session, model)
        if not self._has_begun:
            self._session = told
        elif not self._is_over:
            self._add_line({"session": told, "at": now}, now)

    @property
    def add(self) -> Took:
        """To be told each pass; ask for it once, for nothing may stand in its way."""
        return self._passes.add

    def _filled(self, now: float) -> None:
        """Passes have come, and it is time to see what becomes of them."""
        if self._is_over:
            self._passes.drop()
        elif self._waits_since > now:
            self._wait(now)
        else:
            self.flush()
            if self._passes.too_many:
                # Who has not begun a call, and sends a lot, is worth no file.
                self._drop()

    def note(self, kind: str, now: float, fields: Mapping[str, Any]) -> None:
        """What the core does not see; its strings are names, and no words."""
        if not self._is_over:
            told = {k: _told(self.masker, v) for k, v in fields.items()}
            self._add_line({"note": own(kind), "at": now, **told}, now)

    def flush(self) -> None:
        """Give what there is to the writer; kept until the call has begun."""
        if self._is_over or self._file is None:
            return
        self._waits_for_nothing()
        if not self._has_begun:
            self._has_begun = True
            self._lines.insert(0, self._first_line())
        self._add_passes()
        if self._lines:
            piece = b"\n".join([*self._lines, b""])
            self._lines = []
            if not self._writer.write(self._file, piece):
                self._drop()

    def close(self, summary: Mapping[str, Any], now: float) -> None:
        """The call is over: the last line is its summary."""
        if self._is_over:
            return
        if self._file is not None:
            self._add_passes()
            told = {k: _told(self.masker, v) for k, v in summary.items()}
            self._add_line({"end": told, "at": now}, now)
            self.flush()
        if self._file is not None and not self._is_over:
            self._writer.close(self._file)
        self._drop()

    def discard(self) -> None:
        """Keep nothing of this call after all."""
        if self._file is not None and self._has_begun and not self._is_over:
            self._writer.remove(self._file)
        self._drop()
        self.path = None

    def _drop(self) -> None:
        self._is_over = True
        self._waits_for_nothing()
        self._lines = []
        self._passes.drop()
        self.detector.drop()

    def _add_passes(self) -> None:
        if len(self._passes):
            core = self.core
            vad = self.detector.take()
            self._lines.append(self._passes.take(vad, core.deadline, core.due_rule))

    def _add_line(self, told: dict[str, Value], now: float) -> None:
        # What has happened before it stands before it.
        self._add_passes()
        self._lines.append(orjson.dumps(told))
        if self._waits_since > now:
            self._wait(now)

    def _waits_for_nothing(self) -> None:
        self._waits_since = float("inf")
        self._passes.full_at = _AT_ONCE

    def _wait(self, now: float) -> None:
        self._waits_since = now
        self._passes.full_at = now + FLUSH_AFTER_S
        if self._file is not None:
            self._on_waiting(self)

    def _first_line(self) -> bytes:
        told: dict[str, Value] = {
            "format": FORMAT,
            "program": own(__version__),
            "call": self.masker.plain(self._uuid),
            "opened": own(self._opened.isoformat(timespec="milliseconds")),
            "started_at": self.started_at,
            "fallback_uuid": self.masker.plain(self._fallback_uuid),
            "text": self.masker.keeps_text,
            "rules": written_rules(self.rules),
            "session": self._session,
        }
        self._session = None
        return orjson.dumps(told)


def _told(masker: Masker, value: Any) -> Value:
    return masker.plain(value) if isinstance(value, str) else own_value(value)
