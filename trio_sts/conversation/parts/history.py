"""What was said, by item and in conversation order.

Transcripts arrive in any order and are sent in that of the conversation, the agent's
cut to what the caller heard. What was sent is kept, bounded, so that a new session can
be given it.
"""

from collections import deque
from collections.abc import Mapping
from typing import Literal

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE, NEVER

# What a new session is given at most.
KEPT_ENTRIES = 200
KEPT_BYTES = 64 * 1024
# A transcription that has not come by then does not hold back what follows.
TRANSCRIPTION_PATIENCE_S = 10.0

# 15 characters in a second, until so much speech was heard.
_MS_PER_CHAR = 1000 / 15
_PACE_MS = 3_000.0

Kind = Literal["user", "agent", "keys", "call", "output"]


@define(eq=False)
class Entry:
    """One thing said or done.

    ``text`` is the words, the digits, a call's arguments or its output; ``name`` is the
    tool's. ``heard_ms`` is set for the agent's items once they are closed.
    """

    kind: Kind
    item_id: str
    text: str = field(default="", repr=False)
    name: str = ""
    heard_ms: float | None = None
    closed: bool = False
    # The agent's text is whole: no more deltas come.
    final: bool = False
    # The agent's words by audio part, of those parts whose words are whole.
    parts: dict[int, str] = field(factory=dict[int, str], repr=False)
    # When it stops holding back what follows.
    expires_at: float = NEVER
    # The item by which the session knows it, and the text that it was told.
    told_as: str = ""
    told: str = field(default="", repr=False)


@define
class History:
    """The entries of a call: first those still open, then the kept ones.

    Written by: responses, barge_in, keypad, tools, outputs, transcripts; restoring when
    a session is gone.
    """

    caller_transcripts: bool = True
    _open: deque[Entry] = field(factory=deque[Entry])
    _kept: deque[Entry] = field(factory=deque[Entry])
    _kept_bytes: int = 0
    # Of what was heard to its end: how fast the agent speaks.
    _heard_chars: float = 0
    _heard_ms: float = 0
    _by_item: dict[str, Entry] = field(factory=dict[str, Entry])

    @property
    def kept(self) -> tuple[Entry, ...]:
        """What a new session is to be given, oldest first."""
        late = (e for e in self._open if (e.text or e.closed) and e not in self._kept)
        return (*self._kept, *late)

    @property
    def deadline(self) -> float:
        """When `take` has something to give."""
        if not self._open:
            return NEVER
        first = self._open[0]
        if first.closed or len(self._open) > KEPT_ENTRIES:
            return AT_ONCE
        return first.expires_at

    def caller_turn(self, item_id: str, now: float) -> None:
        """The caller's turn has its place; its words come later, if at all."""
        entry = self._find(item_id) or self._append(Entry("user", item_id))
        if self.caller_transcripts:
            # Some endpoints show the item when the turn begins, and again at its end.
            entry.expires_at = now + TRANSCRIPTION_PATIENCE_S
        else:
            entry.closed = True

    def caller_said(self, item_id: str, text: str) -> None:
        """The caller's words; empty if they could not be transcribed."""
        entry = self._find(item_id) or self._append(Entry("user", item_id))
        if entry.kind == "user" and not entry.text:
            entry.text = text.strip()
            if entry.closed and entry.text and entry not in self._open:
                self._kept_bytes += len(entry.text.encode())
                self._open.append(entry)
            entry.closed = True

    def agent_item(self, item_id: str) -> Entry:
        """An item of the agent's, known from now on."""
        return self._find(item_id) or self._append(Entry("agent", item_id))

    def agent_says(self, item_id: str, delta: str) -> None:
        """More of the agent's words; transcripts are ahead of the audio."""
        entry = self.agent_item(item_id)
        if not (entry.final or entry.closed):
            begins_part = entry.parts and entry.text == _joined(entry.parts)
            entry.text += f" {delta}" if begins_part else delta

    def agent_said_part(self, item_id: str, part: int, text: str) -> None:
        """All of the agent's words in one audio part of an item."""
        entry = self.agent_item(item_id)
        if not (entry.final or entry.closed):
            entry.parts[part] = text
            entry.text = _joined(entry.parts)

    def agent_said(self, item_id: str, text: str) -> None:
        """All of the agent's words."""
        entry = self.agent_item(item_id)
        if not (entry.final or entry.closed):
            entry.text = text
            entry.final = True

    def freeze(self, item_id: str) -> None:
        """No more of this item is played than what has come so far."""
        self.agent_item(item_id).final = True

    def heard(self, item_id: str, heard_ms: float) -> None:
        """The caller has heard an item to its end."""
        entry = self.agent_item(item_id)
        if not entry.closed:
            entry.heard_ms = heard_ms
            entry.closed = True
            self._heard_chars += len(entry.text)
            self._heard_ms += heard_ms

    def cut(self, item_id: str, heard_ms: float, received_ms: float) -> None:
        """The caller has heard an item to ``heard_ms`` of ``received_ms`` only."""
        entry = self.agent_item(item_id)
        if not entry.closed:
            share = heard_ms / received_ms if received_ms else 0.0
            entry.text = first_words(entry.text, share)
            self.heard(item_id, heard_ms)

    def keys(self, digits: str) -> None:
        """The caller pressed keys."""
        self._append(Entry("keys", "", digits, closed=True))

    def called(self, call_id: str, name: str, arguments: str) -> None:
        """The model called a tool."""
        self._append(Entry("call", call_id, arguments, name, closed=True))

    def answered(self, call_id: str, output: str) -> None:
        """A tool's output was sent."""
        self._append(Entry("output", call_id, output, closed=True))

    def unfinished(self) -> list[str]:
        """The agent's items that are not heard to their end."""
        return [e.item_id for e in self._open if e.kind == "agent" and not e.closed]

    def cut_to_audio(self, item_id: str, came_ms: float) -> None:
        """No more audio of an item comes than what has: the words end there too.

        How many words that is follows from how fast the agent has spoken so far.

        Args:
            item_id: The agent's.
            came_ms: Milliseconds of its audio; infinity if that is whole.
        """
        entry = self.agent_item(item_id)
        ms_per_char = _MS_PER_CHAR
        if self._heard_chars and self._heard_ms > _PACE_MS:
            ms_per_char = self._heard_ms / self._heard_chars
        whole_ms = len(entry.text) * ms_per_char
        entry.text = first_words(entry.text, came_ms / whole_ms if whole_ms else 1)

    def resent(self, item_id: str) -> None:
        """A turn without words yet is sent again as audio: it gets another place."""
        entry = self._find(item_id)
        if entry is None or entry.text:
            return
        del self._by_item[item_id]
        if entry in self._open:
            self._open.remove(entry)
        if entry in self._kept:
            self._kept.remove(entry)

    def words_until(self, now: float) -> float:
        """Until when words of the caller may still come; not at all if in the past."""
        return max((e.expires_at for e in self._open if _awaits(e, now)), default=now)

    def find(self, item_id: str) -> Entry | None:
        """The entry of an item, if it is remembered."""
        return self._find(item_id)

    def leave_session(self, mark: str) -> None:
        """The session is gone: ids of its items are marked, words still due are lost."""
        for entry in [*self._kept, *self._open]:
            entry.told_as = entry.told = ""
        for entry in self._by_item.values():
            entry.item_id += mark
            entry.final = True
            entry.closed |= entry.kind == "user"
        self._by_item = {entry.item_id: entry for entry in self._by_item.values()}

    def take(self, now: float) -> list[Entry]:
        """The entries that are closed and have none open before them, once each."""
        taken: list[Entry] = []
        while self._open:
            entry = self._open[0]
            waits = not entry.closed and now < entry.expires_at
            if waits and len(self._open) <= KEPT_ENTRIES:
                break
            self._open.popleft()
            if entry.kind == "agent" and not entry.closed:
                entry.text = ""
            entry.closed = True
            taken.append(entry)
            self._keep(entry)
        return taken

    def take_rest(self) -> list[Entry]:
        """The call is over: what is left, as far as it got."""
        return self.take(NEVER)

    def _find(self, item_id: str) -> Entry | None:
        return self._by_item.get(item_id)

    def _append(self, entry: Entry) -> Entry:
        self._open.append(entry)
        if entry.item_id and entry.kind in {"user", "agent"}:
            self._by_item[entry.item_id] = entry
        return entry

    def _keep(self, entry: Entry) -> None:
        if entry in self._kept:
            return
        self._kept.append(entry)
        self._kept_bytes += len(entry.text.encode())
        while len(self._kept) > KEPT_ENTRIES or self._kept_bytes > KEPT_BYTES:
            old = self._kept.popleft()
            self._kept_bytes -= len(old.text.encode())
            self._by_item.pop(old.item_id, None)


def _awaits(entry: Entry, now: float) -> bool:
    return entry.kind == "user" and not entry.closed and now < entry.expires_at < NEVER


def _joined(parts: Mapping[int, str]) -> str:
    return " ".join(parts[number] for number in sorted(parts))


def first_words(text: str, share: float) -> str:
    """The first ``share`` (0 to 1) of a text, whole words only."""
    if share >= 1:
        return text
    end = int(len(text) * max(share, 0.0))
    if end < len(text) and not text[end].isspace():
        end = max(text.rfind(" ", 0, end), 0)
    return text[:end].rstrip()
