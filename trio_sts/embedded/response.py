"""One response: the events that announce it, fill it and end it, in their order."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import trio
from attrs import define, field

from .brain.tools import ToolCall
from .events import base64, event
from .items import Conversation, Item, new_id

Post = Callable[[dict[str, Any]], None]
Reason = Literal["turn_detected", "client_cancelled"]
_ARGUMENTS_DELTA = 12


@define(eq=False, kw_only=True)
class Response:
    """A response of the default conversation; everything but its maker is synchronous.

    Attributes:
        wish: What ``response.create`` asked for this response only.
        scope: Its maker works in it; cancelled when the response is.
        over: Its ``response.done`` was sent: whatever its maker does now is too late.
    """

    _post: Post = field(alias="post")
    _conversation: Conversation = field(alias="conversation", repr=False)
    config: Mapping[str, Any]
    wish: Mapping[str, Any] = field(factory=dict[str, Any])
    id: str = field(factory=lambda: new_id("resp"))
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    over: bool = False
    input_tokens: tuple[int, int, int, int] = (0, 0, 0, 0)
    _output: list[Item] = field(factory=list[Item])
    _message: Item | None = None

    @property
    def modalities(self) -> list[str]:
        """``["audio"]`` or ``["text"]``."""
        modalities: list[str] = self._asked("output_modalities")
        return modalities

    @property
    def max_tokens(self) -> int | None:
        """The limit of its output."""
        limit = self._asked("max_output_tokens")
        return None if limit == "inf" else int(limit)

    def _asked(self, name: str) -> Any:
        return self.wish.get(name, self.config[name])

    def created(self) -> None:
        """It begins."""
        self._post(event("response.created", response=self._as_dict("in_progress")))

    def message(self) -> Item:
        """A message begins, spoken or written."""
        spoken = self.modalities == ["audio"]
        item = Item(
            type="message",
            role="assistant",
            status="in_progress",
            content_type="output_audio" if spoken else "output_text",
        )
        self._message = item
        self._added(item)
        self._post(self._part("response.content_part.added", item))
        return item

    def audio(self, piece: bytes, end_ms: int) -> None:
        """A piece of the message's audio; ``end_ms`` is its length so far."""
        item = self._open()
        if not item.truncated:
            item.audio_ms = end_ms
        self._post(self._at("response.output_audio.delta", item, delta=base64(piece)))

    def text(self, piece: str) -> None:
        """A piece of the message's text or transcript."""
        item = self._open()
        if not item.truncated:
            item.said += piece
        spoken = item.content_type == "output_audio"
        kind = "output_audio_transcript" if spoken else "output_text"
        self._post(self._at(f"response.{kind}.delta", item, delta=piece))

    def message_done(
        self, status: Literal["completed", "incomplete"] = "completed"
    ) -> None:
        """The message ends."""
        item = self._open()
        self._message = None
        item.status = status
        if item.content_type == "output_audio":
            self._post(self._at("response.output_audio.done", item))
            self._post(
                self._at(
                    "response.output_audio_transcript.done", item, transcript=item.said
                )
            )
        else:
            self._post(self._at("response.output_text.done", item, text=item.said))
        self._post(self._part("response.content_part.done", item))
        self._done(item)

    def call(self, call: ToolCall) -> None:
        """A function call, whole."""
        item = Item(
            type="function_call",
            status="in_progress",
            call_id=new_id("call"),
            name=call.name,
            arguments="",
        )
        self._added(item)
        where = {
            "response_id": self.id,
            "item_id": item.id,
            "output_index": self._output.index(item),
            "call_id": item.call_id,
        }
        kind = "response.function_call_arguments"
        for first in range(0, len(call.arguments), _ARGUMENTS_DELTA):
            piece = call.arguments[first : first + _ARGUMENTS_DELTA]
            self._post(event(f"{kind}.delta", **where, delta=piece))
        item.arguments, item.status = call.arguments, "completed"
        self._post(
            event(f"{kind}.done", **where, name=call.name, arguments=call.arguments)
        )
        self._done(item)

    def cancel(self, reason: Reason) -> None:
        """End it now, in the middle of whatever it does."""
        if self._message is not None:
            self.message_done("incomplete")
        self.done("cancelled", {"type": "cancelled", "reason": reason})
        self.scope.cancel(reason=reason)

    def failed(self, kind: str, code: str, message: str) -> None:
        """End it with an error of the service."""
        error = {"type": kind, "code": code, "message": message}
        self.done("failed", {"type": "failed", "error": error})

    def done(self, status: str, details: Mapping[str, Any] | None = None) -> None:
        """It ends."""
        self.over = True
        self._post(event("response.done", response=self._as_dict(status, details)))

    def _open(self) -> Item:
        if self._message is None:
            reason = "no message is open"
            raise RuntimeError(reason)
        return self._message

    def _added(self, item: Item) -> None:
        previous_id = self._conversation.add(item)
        self._output.append(item)
        index = self._output.index(item)
        shown = item.as_dict()
        self._post(
            event(
                "response.output_item.added",
                response_id=self.id,
                output_index=index,
                item=shown,
            )
        )
        self._post(
            event("conversation.item.added", previous_item_id=previous_id, item=shown)
        )

    def _done(self, item: Item) -> None:
        index = self._output.index(item)
        shown = item.as_dict()
        self._post(event("conversation.item.done", previous_item_id=None, item=shown))
        self._post(
            event(
                "response.output_item.done",
                response_id=self.id,
                output_index=index,
                item=shown,
            )
        )

    def _at(self, kind: str, item: Item, **fields: Any) -> dict[str, Any]:
        return event(
            kind,
            response_id=self.id,
            item_id=item.id,
            output_index=self._output.index(item),
            content_index=0,
            **fields,
        )

    def _part(self, kind: str, item: Item) -> dict[str, Any]:
        spoken = item.content_type == "output_audio"
        part = {"type": "audio" if spoken else "text"}
        part["transcript" if spoken else "text"] = item.said
        return self._at(kind, item, part=part)

    def _as_dict(
        self, status: str, details: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        output = self.config["audio"]["output"]
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": [item.as_dict() for item in self._output],
            "output_modalities": self.modalities,
            "max_output_tokens": self._asked("max_output_tokens"),
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
