"""Which responses a session makes: created, refused, cancelled; one at a time, or apart."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import trio
from attrs import define, field

from .content import text_tokens
from .events import refused
from .faults import Faults
from .faults.wire import filtered
from .items import Conversation, Item
from .itemschema import input_of
from .refusal import Refusal
from .response import Reason, Response

# One is active; those that were cancelled before they began are skipped.
_WAITING_RESPONSES = 16


@define(eq=False, kw_only=True)
class Responses:
    """The responses of one session, or `Refusal`.

    Attributes:
        config: The session's effective configuration.
        active: The response that is being made.
        wanted: Responses, for their maker.
    """

    _post: Callable[[dict[str, Any]], None] = field(alias="post")
    _conversation: Conversation = field(alias="conversation", repr=False)
    _faults: Faults = field(alias="faults")
    _decode: Callable[[bytes], bytes] = field(alias="decode")
    _listen: Callable[[Item], None] = field(alias="listen")
    config: Mapping[str, Any] = field(repr=False)
    active: Response | None = None
    wanted: "trio.MemoryReceiveChannel[Response]" = field(init=False, repr=False)
    _maker: "trio.MemorySendChannel[Response]" = field(init=False, repr=False)
    _apart: dict[str, Response] = field(factory=dict[str, Response], init=False)
    _number: int = field(default=0, init=False)
    _known_tokens: tuple[int, int] = field(default=(0, 0), init=False)

    def __attrs_post_init__(self) -> None:
        self._maker, self.wanted = trio.open_memory_channel[Response](
            _WAITING_RESPONSES
        )

    def create(self, wish: dict[str, Any]) -> None:
        """Begin what ``response.create`` asked for."""
        if "input" in wish:
            given = input_of(wish["input"], self._conversation, self._decode)
            for item in given:
                self._listen(item)
            wish["input"] = given
        if wish.get("conversation") == "none":
            self._begin(self._new(wish))
            return
        if self.active is not None:
            raise _busy(self.active)
        ordered = self._faults.of("response", self._number + 1)
        if "busy_first" in ordered:
            rival = self._new({})
            self._post(refused(_busy(rival).as_dict(None)))
            self._begin(rival)
        elif "busy_late" in ordered:
            rival = self._new({})
            self._begin(rival)
            raise _busy(rival)
        else:
            self.respond(wish)

    def cancel(self, asked: Mapping[str, Any]) -> None:
        """``response.cancel``."""
        active, response_id = self.active, asked.get("response_id")
        if response_id in self._apart:
            self._apart.pop(response_id).cancel("client_cancelled")
            return
        if active is None or (response_id and response_id != active.id):
            raise Refusal(
                "response_cancel_not_active",
                "Cancellation failed: no active response found",
            )
        self.interrupt("client_cancelled")

    def interrupt(self, reason: Reason) -> None:
        """Cancel the active response, if there is one."""
        active, self.active = self.active, None
        if active is not None:
            active.cancel(reason)

    def respond(self, wish: Mapping[str, Any]) -> None:
        """Begin a response that nothing stands in the way of."""
        response = self._new(wish)
        if "unanswered" not in response.faults:
            self._begin(response)

    def ended(self, response: Response) -> None:
        """A response is done: the next may come."""
        self._apart.pop(response.id, None)
        if self.active is response:
            self.active = None
        self._known_tokens = self._tokens()

    def _new(self, wish: Mapping[str, Any]) -> Response:
        self._number += 1
        faults = self._faults.of("response", self._number)
        return Response(
            post=filtered(self._post, faults),
            conversation=self._conversation,
            config=self.config,
            wish=wish,
            faults=faults,
            context=wish.get("input", self._conversation.items),
            apart=wish.get("conversation") == "none",
            input_tokens=self._input_tokens(wish),
        )

    def _begin(self, response: Response) -> None:
        try:
            self._maker.send_nowait(response)
        except trio.WouldBlock as exc:
            told = "Too many responses were created and cancelled at once."
            raise Refusal("rate_limit_exceeded", told) from exc
        if response.apart:
            self._apart[response.id] = response
        else:
            self.active = response
        response.created()

    def _input_tokens(self, wish: Mapping[str, Any]) -> tuple[int, int, int, int]:
        """Text and audio tokens, and how many of each are known from before."""
        text, audio = self._tokens(wish.get("input"))
        known_text, known_audio = self._known_tokens
        return (text, audio, min(text, known_text), min(audio, known_audio))

    def _tokens(self, items: Sequence[Item] | None = None) -> tuple[int, int]:
        """Text and audio tokens of instructions and conversation."""
        counted = [
            item.tokens
            for item in (self._conversation.items if items is None else items)
        ]
        text = text_tokens(self.config["instructions"])
        return (text + sum(t for t, _ in counted), sum(a for _, a in counted))


def _busy(active: Response) -> Refusal:
    return Refusal(
        "conversation_already_has_active_response",
        "Conversation already has an active response in progress: "
        f"{active.id}. Wait until the response is finished before creating a new one.",
    )
