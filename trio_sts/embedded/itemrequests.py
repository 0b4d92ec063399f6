"""The client's requests about items: create, retrieve, delete, truncate."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from .checks import whole
from .events import event
from .items import Conversation, Item, new_id
from .itemschema import item_of
from .refusal import Refusal
from .requests import required

# An hour: as long as a session lasts.
_LONGEST_MS = 3_600_000
_MOST_PARTS = 1000


@frozen
class ItemRequests:
    """Obeys what is asked of one conversation, or raises `Refusal`."""

    _conversation: Conversation
    _post: Callable[[dict[str, Any]], None]
    _decode: Callable[[bytes], bytes]
    _listen: Callable[[Item], None]

    def create(self, asked: Mapping[str, Any]) -> None:
        """``conversation.item.create``."""
        item = item_of(required(asked, "item"), self._conversation, self._decode)
        self.show(item, self._conversation.add(item, asked.get("previous_item_id")))
        self._listen(item)

    def retrieve(self, asked: Mapping[str, Any]) -> None:
        """``conversation.item.retrieve``; the audio itself is not kept."""
        item = self._item(asked, "item_retrieve_invalid_item_id")
        self._post(event("conversation.item.retrieved", item=item.as_dict()))

    def delete(self, asked: Mapping[str, Any]) -> None:
        """``conversation.item.delete``."""
        item = self._item(asked, "item_delete_invalid_item_id")
        self._conversation.delete(item)
        self._post(event("conversation.item.deleted", item_id=item.id))

    def truncate(self, asked: Mapping[str, Any]) -> None:
        """``conversation.item.truncate``."""
        item = self._item(asked, "item_truncate_invalid_item_id")
        audio_end_ms = required(asked, "audio_end_ms")
        whole(0, _LONGEST_MS)(audio_end_ms, "audio_end_ms")
        content_index = required(asked, "content_index")
        whole(0, _MOST_PARTS)(content_index, "content_index")
        item.part(content_index).truncate(audio_end_ms)
        self._post(
            event(
                "conversation.item.truncated",
                item_id=item.id,
                content_index=content_index,
                audio_end_ms=audio_end_ms,
            )
        )

    def list_remote_tools(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """Fail to list the tools of each MCP server that was not asked before."""
        listed = {item.server_label for item in self._conversation.items}
        for tool in tools:
            if tool["type"] != "mcp" or tool["server_label"] in listed:
                continue
            item = Item(
                type="mcp_list_tools",
                id=new_id("mcpl"),
                server_label=tool["server_label"],
            )
            self.show(item, self._conversation.add(item))
            for what in ("in_progress", "failed"):
                self._post(event(f"mcp_list_tools.{what}", item_id=item.id))

    def show(self, item: Item, previous_id: str | None) -> None:
        """Announce an item that is complete."""
        shown = {"previous_item_id": previous_id, "item": item.as_dict()}
        self._post(event("conversation.item.added", **shown))
        self._post(event("conversation.item.done", **shown))

    def _item(self, asked: Mapping[str, Any], code: str) -> Item:
        item_id = required(asked, "item_id")
        item = self._conversation.find(item_id)
        if item is None:
            shown = str(item_id)[:60]
            told = f"Item with item_id '{shown}' was not found."
            raise Refusal(code, told, "item_id")
        return item
