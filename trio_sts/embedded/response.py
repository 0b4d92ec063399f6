"""One response: the events that announce it, fill it and end it, in their order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import trio
from attrs import define, field

from .content import Part, SpokenWord
from .events import base64, event, refused
from .faults import Order
from .items import Conversation, Item, new_id

Post = Callable[[dict[str, Any]], None]
Reason = Literal["turn_detected", "client_cancelled"]
ContentType = Literal["output_audio", "output_text"]


@define(eq=False, kw_only=True)
class Response:
    """A response; everything but its maker is synchronous.

    Attributes:
        wish: What ``response.create`` asked for this response only.
        scope: Its maker works in it; cancelled when the response is.
        over: Its ``response.done`` was sent: whatever its maker does now is too late.
        faults: How it goes wrong.
        context: What it answers to.
        apart: It is in no conversation: out of band.
    """

    _post: Post = field(alias="post")
    _conversation: Conversation = field(alias="conversation", repr=False)
    config: Mapping[str, Any]
    wish: Mapping[str, Any] = field(factory=dict[str, Any])
    id: str = field(factory=lambda: new_id("resp"))
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    over: bool = False
    faults: Mapping[str, Order] = field(factory=dict[str, Order])
    context: Sequence[Item] = field(factory=list[Item], repr=False)
    apart: bool = False
    input_tokens: tuple[int, int, int, int] = (0, 0, 0, 0)
    _output: list[Item] = field(factory=list[Item])
    _item: Item | None = None
    _part: Part | None = None

    @property
    def modalities(self) -> list[str]:
        """``["audio"]`` or ``["text"]``."""
        modalities: list[str] = self.asked("output_modalities")
        return modalities

    @property
    def max_tokens(self) -> int | None:
        """The limit of its output."""
        limit = self.asked("max_output_tokens")
        return None if limit == "inf" else int(limit)

    def asked(self, name: str) -> Any:
        """A field of this response: its own, or the session's."""
        return self.wish.get(name, self.config[name])

    @property
    def audio_output(self) -> dict[str, Any]:
        """Format, voice and speed of its audio."""
        asked = self.wish.get("audio", {}).get("output", {})
        own = {name: value for name, value in asked.items() if value is not None}
        if isinstance(own.get("voice"), dict):
            own["voice"] = own["voice"]["id"]
        return {**self.config["audio"]["output"], **own}

    def holds(self, item: Item) -> bool:
        """Whether an item is part of its output."""
        return item in self._output

    def created(self) -> None:
        """It begins."""
        self._post(event("response.created", response=self._as_dict("in_progress")))

    def message(self, kind: ContentType) -> Item:
        """A message begins, with its first part."""
        item = Item(type="message", role="assistant", status="in_progress")
        self._added(item)
        self.begin_part(kind)
        return item

    def begin_part(self, kind: ContentType) -> None:
        """A part of the message begins, spoken or written."""
        item = self._open()
        self._part = Part(type=kind)
        item.parts.append(self._part)
        self._post(self._about_part("response.content_part.added"))

    def words(self, words: Sequence[SpokenWord]) -> None:
        """What the part's transcript may be cut at."""
        self._open_part().words = words

    def audio(self, piece: bytes, end_ms: int) -> None:
        """A piece of the part's audio; ``end_ms`` is its length so far."""
        part = self._open_part()
        if not part.truncated:
            part.audio_ms = end_ms
        self._post(self._at_part("response.output_audio.delta", delta=base64(piece)))

    def text(self, piece: str) -> None:
        """A piece of the part's text or transcript."""
        part = self._open_part()
        if not part.truncated:
            part.said += piece
        kind = "output_audio_transcript" if part.spoken else "output_text"
        self._post(self._at_part(f"response.{kind}.delta", delta=piece))

    def end_part(self) -> None:
        """The part of the message ends."""
        part = self._open_part()
        if part.spoken:
            self._post(self._at_part("response.output_audio.done"))
            kind = "response.output_audio_transcript.done"
            self._post(self._at_part(kind, transcript=part.said))
        else:
            self._post(self._at_part("response.output_text.done", text=part.said))
        self._post(self._about_part("response.content_part.done"))
        self._part = None

    def message_done(
        self, status: Literal["completed", "incomplete"] = "completed"
    ) -> None:
        """The message ends, and its part with it."""
        if self._part is not None:
            self.end_part()
        self._open().status = status
        self._done()

    def begin_call(self, name: str, call_id: str) -> None:
        """A function call begins, without its arguments."""
        self._added(
            Item(
                type="function_call",
                status="in_progress",
                call_id=call_id,
                name=name,
                arguments="",
            )
        )

    def arguments(self, piece: str) -> None:
        """A piece of the call's arguments."""
        item = self._open()
        item.arguments = (item.arguments or "") + piece
        kind = "response.function_call_arguments.delta"
        self._post(self._at(kind, item, call_id=item.call_id, delta=piece))

    def call_done(self) -> None:
        """The call has all its arguments."""
        item = self._open()
        item.status = "completed"
        self._post(
            self._at(
                "response.function_call_arguments.done",
                item,
                call_id=item.call_id,
                name=item.name,
                arguments=item.arguments,
            )
        )
        self._done()

    def call_cut(self) -> None:
        """The call ends before it has all its arguments."""
        self._open().status = "incomplete"
        self._done()

    def begin_remote_call(self, server_label: str, name: str, arguments: str) -> Item:
        """A call of an MCP server's tool begins; `remote_call_done` ends it."""
        item = Item(
            type="mcp_call",
            id=new_id("mcp"),
            server_label=server_label,
            name=name,
            arguments=arguments,
        )
        self._added(item)
        self._item = None
        kind = "response.mcp_call_arguments"
        self._post(self._at(f"{kind}.delta", item, delta=arguments))
        self._post(self._at(f"{kind}.done", item, arguments=arguments))
        self._post_remote("in_progress", item)
        return item

    def remote_call_done(self, item: Item) -> None:
        """It was answered: its item has an output or an error."""
        self._post_remote("completed" if item.error is None else "failed", item)
        self._item = item
        self._done()

    def _post_remote(self, what: str, item: Item) -> None:
        index = self._output.index(item)
        kind = f"response.mcp_call.{what}"
        self._post(event(kind, item_id=item.id, output_index=index))

    def cancel(self, reason: Reason) -> None:
        """End it now, in the middle of whatever it does."""
        self.close()
        self.done("cancelled", {"type": "cancelled", "reason": reason})
        self.scope.cancel(reason=reason)

    def close(self) -> None:
        """End what is open in the middle of it."""
        if self._item is None:
            return
        if self._item.type == "message":
            self.message_done("incomplete")
        else:
            self.call_cut()

    def failed(self, kind: str, code: str, message: str) -> None:
        """End it with an error of the service."""
        error = {"type": kind, "code": code, "message": message}
        self.done("failed", {"type": "failed", "error": error})

    def done(self, status: str, details: Mapping[str, Any] | None = None) -> None:
        """It ends."""
        self.over = True
        self._post(event("response.done", response=self._as_dict(status, details)))

    def abandon(self, error: Mapping[str, Any]) -> None:
        """End it with an ``error`` event and nothing else."""
        self.over = True
        self._post(refused(error))

    def _open(self) -> Item:
        if self._item is None:
            raise RuntimeError("no item is open")
        return self._item

    def _open_part(self) -> Part:
        if self._part is None:
            raise RuntimeError("no part is open")
        return self._part

    def _added(self, item: Item) -> None:
        self._item = item
        self._output.append(item)
        self._post(self._about_item("response.output_item.added", item))
        if not self.apart:
            previous_id = self._conversation.add(item)
            kind, shown = "conversation.item.added", item.as_dict()
            self._post(event(kind, previous_item_id=previous_id, item=shown))

    def _done(self) -> None:
        item = self._open()
        self._item = None
        if not self.apart:
            kind = "conversation.item.done"
            self._post(event(kind, previous_item_id=None, item=item.as_dict()))
        self._post(self._about_item("response.output_item.done", item))

    def _about_item(self, kind: str, item: Item) -> dict[str, Any]:
        index, shown = self._output.index(item), item.as_dict()
        return event(kind, response_id=self.id, output_index=index, item=shown)

    def _at(self, kind: str, item: Item, **fields: Any) -> dict[str, Any]:
        return event(
            kind,
            response_id=self.id,
            item_id=item.id,
            output_index=self._output.index(item),
            **fields,
        )

    def _at_part(self, kind: str, **fields: Any) -> dict[str, Any]:
        item = self._open()
        index = item.parts.index(self._open_part())
        return self._at(kind, item, content_index=index, **fields)

    def _about_part(self, kind: str) -> dict[str, Any]:
        part = self._open_part()
        shown = {"type": "audio" if part.spoken else "text"}
        shown["transcript" if part.spoken else "text"] = part.said
        return self._at_part(kind, part=shown)

    def _as_dict(
        self, status: str, details: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        output = self.audio_output
        return {
            "object": "realtime.response",
            "id": self.id,
            "conversation_id": None if self.apart else self._conversation.id,
            "status": status,
            "status_details": details,
            "output": [item.as_dict() for item in self._output],
            "output_modalities": self.modalities,
            "max_output_tokens": self.asked("max_output_tokens"),
            "audio": {"output": {"format": output["format"], "voice": output["voice"]}},
            "metadata": self.wish.get("metadata"),
            "usage": None if status == "in_progress" else self._usage(),
        }

    def _usage(self) -> dict[str, Any]:
        """Tokens; a response that gave nothing is not charged for."""
        spent = [item.tokens for item in self._output]
        text, audio = sum(t for t, _ in spent), sum(a for _, a in spent)
        used = self.input_tokens if self._output else (0, 0, 0, 0)
        in_text, in_audio, cached_text, cached_audio = used
        return {
            "total_tokens": in_text + in_audio + text + audio,
            "input_tokens": in_text + in_audio,
            "output_tokens": text + audio,
            "input_token_details": {
                "text_tokens": in_text,
                "audio_tokens": in_audio,
                "image_tokens": 0,
                "cached_tokens": cached_text + cached_audio,
                "cached_tokens_details": {
                    "text_tokens": cached_text,
                    "audio_tokens": cached_audio,
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }
