"""The conversation as the model knows it: items, cut to what was heard."""

from typing import Any
from uuid import uuid4

from attrs import define, field

from .content import Part, text_tokens
from .refusal import Refusal


def new_id(prefix: str) -> str:
    """An id as the Realtime API's: a prefix and what nobody can guess."""
    return f"{prefix}_{uuid4().hex[:20]}"


@define(eq=False, kw_only=True)
class Item:
    """One item of the conversation.

    Attributes:
        parts: The content of a message.
        call_id: Of a function call and its output.
        server_label: Of a remote tool's call: the MCP server.
        output: What a function or a remote tool answered.
        error: Why a remote tool did not.
    """

    type: str
    id: str = field(factory=lambda: new_id("item"))
    role: str | None = None
    status: str = "completed"
    parts: list[Part] = field(factory=list[Part])
    call_id: str | None = None
    server_label: str | None = None
    name: str | None = None
    arguments: str | None = field(default=None, repr=False)
    output: str | None = field(default=None, repr=False)
    error: dict[str, Any] | None = None

    @property
    def said(self) -> str:
        """The text of a message: written, recognised, or spoken so far."""
        return " ".join(part.said.strip() for part in self.parts if part.said)

    @property
    def spoken(self) -> str:
        """`said` as far as its audio goes: what an answer was cut off after."""
        return " ".join(part.voiced.strip() for part in self.parts if part.voiced)

    @property
    def audio_ms(self) -> int:
        """How much audio it holds; 0 for text."""
        return sum(part.audio_ms for part in self.parts)

    @property
    def counts(self) -> bool:
        """Whether it says anything: not an answer that nobody heard."""
        return self.role != "assistant" or bool(self.said)

    @property
    def tokens(self) -> tuple[int, int]:
        """How many text and audio tokens it is."""
        spent = [part.tokens for part in self.parts]
        text = text_tokens((self.arguments or "") + (self.output or ""))
        return (text + sum(t for t, _ in spent), sum(a for _, a in spent))

    def part(self, content_index: int) -> Part:
        """The part at this index.

        Raises:
            Refusal: There is none, or the item has no parts at all.
        """
        if self.type != "message":
            raise Refusal(
                "unsupported_content_type",
                "Only model output audio messages can be truncated",
            )
        if content_index >= len(self.parts):
            raise Refusal(
                "invalid_value",
                f"The item has no content part at index {content_index}.",
                "content_index",
            )
        return self.parts[content_index]

    def as_dict(self) -> dict[str, Any]:
        """The item as events show it: no audio in it."""
        shown: dict[str, Any] = {"id": self.id, "type": self.type}
        match self.type:
            case "message":
                whole = self.status != "in_progress"
                content = [part.as_dict() for part in self.parts] if whole else []
                of_type = {"status": self.status, "role": self.role, "content": content}
            case "function_call":
                of_type = self._fields("status", "name", "call_id", "arguments")
            case "function_call_output":
                of_type = self._fields("call_id", "output")
            case "mcp_list_tools":
                return {**shown, "server_label": self.server_label, "tools": []}
            case _:
                names = ("server_label", "name", "arguments", "output", "error")
                return shown | self._fields(*names)
        return {**shown, "object": "realtime.item", **of_type}

    def _fields(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


@define
class Conversation:
    """The items of one session, oldest first."""

    items: list[Item] = field(factory=list[Item])
    id: str = field(factory=lambda: new_id("conv"))

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
