"""The conversation as the model knows it: items, cut to what was heard."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import trio
from attrs import define, field

from .refusal import Refusal

_CHARACTERS_PER_TOKEN = 4
_USER_MS_PER_TOKEN = 100
_AGENT_MS_PER_TOKEN = 50


def new_id(prefix: str) -> str:
    """An id as the Realtime API's: a prefix and what nobody can guess."""
    return f"{prefix}_{uuid4().hex[:20]}"


@define(eq=False)
class SpokenWord:
    """A word of an agent's item: where its text ends and when it is half said."""

    end: int
    middle_ms: float


@define(eq=False, kw_only=True)
class Item:
    """One item of the conversation.

    Attributes:
        said: The text of a message: written, recognised, or spoken so far.
        audio_ms: How much audio it holds; 0 for text.
        words: For an agent's spoken item, what ``said`` may be cut at.
        heard: Set when ``said`` is known; a spoken turn is recognised in a thread.
        truncated: What comes late is no part of it any more.
    """

    type: str
    id: str = field(factory=lambda: new_id("item"))
    role: str | None = None
    status: str = "completed"
    content_type: str = "input_text"
    said: str = field(default="", repr=False)
    audio_ms: int = 0
    words: Sequence[SpokenWord] = field(default=(), repr=False)
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = field(default=None, repr=False)
    output: str | None = field(default=None, repr=False)
    heard: trio.Event | None = None
    truncated: bool = False

    @property
    def counts(self) -> bool:
        """Whether it says anything: not an answer that nobody heard."""
        return self.role != "assistant" or bool(self.said)

    @property
    def tokens(self) -> tuple[int, int]:
        """How many text and audio tokens it is."""
        if self.audio_ms:
            per_token = (
                _AGENT_MS_PER_TOKEN if self.role == "assistant" else _USER_MS_PER_TOKEN
            )
            return (0, -(-self.audio_ms // per_token))
        text = self.said + (self.arguments or "") + (self.output or "")
        return (text_tokens(text), 0)

    def as_dict(self) -> dict[str, Any]:
        """The item as events show it: no audio in it."""
        shown: dict[str, Any] = {"id": self.id, "type": self.type}
        shown["object"] = "realtime.item"
        if self.type == "message":
            content = [self._content()] if self.status != "in_progress" else []
            shown |= {"status": self.status, "role": self.role, "content": content}
        elif self.type == "function_call":
            shown |= {
                "status": self.status,
                "name": self.name,
                "call_id": self.call_id,
                "arguments": self.arguments,
            }
        else:
            shown |= {"call_id": self.call_id, "output": self.output}
        return shown

    def _content(self) -> dict[str, Any]:
        if self.content_type.endswith("text"):
            return {"type": self.content_type, "text": self.said}
        known = self.heard is None or self.heard.is_set()
        return {
            "type": self.content_type,
            "transcript": self.said if known else None,
        }

    def truncate(self, audio_end_ms: int) -> None:
        """Forget what was not heard: words that were not half said are not kept.

        Raises:
            Refusal: It holds no agent's audio, or less than that.
        """
        if self.content_type != "output_audio" or not self.audio_ms:
            raise Refusal(
                "unsupported_content_type",
                "Only model output audio messages can be truncated",
            )
        if audio_end_ms > self.audio_ms:
            raise Refusal(
                "invalid_value",
                f"Audio content of {self.audio_ms}ms is already shorter than "
                f"{audio_end_ms}ms",
                "audio_end_ms",
            )
        kept = [word.end for word in self.words if word.middle_ms <= audio_end_ms]
        self.said = self.said[: kept[-1]] if kept else ""
        self.audio_ms = audio_end_ms
        self.truncated = True


def text_tokens(text: str) -> int:
    """A rule of thumb for English: four characters are one token."""
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


@define
class Conversation:
    """The items of one session, oldest first."""

    items: list[Item] = field(factory=list[Item])

    def find(self, item_id: object) -> Item | None:
        """The item of this id."""
        return next((item for item in self.items if item.id == item_id), None)

    def add(self, item: Item, previous_id: str | None = None) -> str | None:
        """Add an item: at the end, after another one, or after ``"root"`` in front.

        Returns:
            The id of the item before it.

        Raises:
            Refusal: There is no such previous item, or the id is taken.
        """
        if self.find(item.id) is not None:
            raise Refusal(
                "item_create_duplicate_item_id",
                f"An item with the id '{item.id}' already exists.",
                "item.id",
            )
        at = len(self.items)
        if previous_id == "root":
            at = 0
        elif previous_id is not None:
            previous = self.find(previous_id)
            if previous is None:
                raise Refusal(
                    "item_create_invalid_previous_item_id",
                    f"Previous item with id '{previous_id}' was not found.",
                    "previous_item_id",
                )
            at = self.items.index(previous) + 1
        self.items.insert(at, item)
        return self.items[at - 1].id if at else None

    def delete(self, item: Item) -> None:
        """Forget an item."""
        self.items.remove(item)

    def transcript(self) -> list[tuple[str, str]]:
        """Who said what, as the model knows it: role and words, oldest first."""
        return [
            (item.role, item.said)
            for item in self.items
            if item.type == "message" and item.role and item.said
        ]
