"""What was said in a call, as the conventions write messages; only where that is wanted."""

from typing import Any, Final

import orjson
from attrs import define, field

from trio_sts.conversation.commands import Record

from . import names

# Backends cut long attributes, and some refuse them.
_MOST_CHARS: Final = 32 * 1024


@define
class Messages:
    """The words of both sides, bounded."""

    _said: dict[str, list[dict[str, Any]]] = field(
        factory=lambda: {"user": [], "assistant": []}
    )
    _chars: int = 0

    def add(self, record: Record) -> None:
        """An entry of the transcript; what is no speech is left out."""
        text = record.fields.get("text")
        if record.kind != "utterance" or not isinstance(text, str):
            return
        self._chars += len(text)
        if self._chars > _MOST_CHARS:
            return
        role = "assistant" if record.fields.get("role") == "agent" else "user"
        part = {"type": "text", "content": text}
        self._said[role].append({"role": role, "parts": [part]})

    def attributes(self) -> dict[str, str]:
        """Of the call's span: JSON, each side by itself."""
        sides = {names.INPUT_MESSAGES: "user", names.OUTPUT_MESSAGES: "assistant"}
        return {
            name: orjson.dumps(self._said[side]).decode()
            for name, side in sides.items()
            if self._said[side]
        }
