"""One session: the client's events in, the Realtime API's events out."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import trio
from attrs import define, field

from trio_sts.audio.formats import AudioFormat

from .brain.grammar import build
from .checks import mapping, one_of
from .config import defaults, merged, turn_rules
from .events import event, refused
from .faults import Faults
from .hearing import Heard, InputBuffer
from .itemrequests import ItemRequests
from .items import Conversation, Item, new_id, text_tokens
from .refusal import Refusal
from .requests import audio_of, required, wish_of
from .response import Response
from .speech.recogniser import recogniser
from .speech.vad import Started, Stopped

_FORMATS: Final[Mapping[str, AudioFormat]] = {
    "audio/pcm": "pcm",
    "audio/pcmu": "pcmu",
    "audio/pcma": "pcma",
}
# Turns that wait for the recogniser; a client that sends more of them is not heard.
_WAITING_TURNS = 16


@define(eq=False, kw_only=True)
class Session:
    """What the endpoint knows of one connection.

    Attributes:
        id: As in ``session.created``.
        model: What the client asked for.
        config: The effective configuration.
        conversation: The items as the model knows them, cut to what was heard.
        items: What obeys the client's requests about them.
        active: The response that is being made.
        responses: To its maker.
        turns: To the recogniser.
    """

    post: Callable[[dict[str, Any]], None]
    model: str
    expires_at: int
    faults: Faults
    id: str = field(factory=lambda: new_id("sess"))
    config: dict[str, Any] = field(init=False, repr=False)
    conversation: Conversation = field(factory=Conversation, repr=False)
    items: ItemRequests = field(init=False, repr=False)
    active: Response | None = None
    grammar: str = field(default="", repr=False)
    responses: "trio.MemorySendChannel[Response]" = field(init=False, repr=False)
    wanted: "trio.MemoryReceiveChannel[Response]" = field(init=False, repr=False)
    turns: "trio.MemorySendChannel[tuple[Item, Heard]]" = field(init=False, repr=False)
    spoken: "trio.MemoryReceiveChannel[tuple[Item, Heard]]" = field(
        init=False, repr=False
    )
    _input: InputBuffer = field(init=False, repr=False)
    _turn_id: str = field(default="", init=False)
    _known_tokens: tuple[int, int] = field(default=(0, 0), init=False)

    def __attrs_post_init__(self) -> None:
        self.config = defaults(self.model)
        self.items = ItemRequests(self.conversation, self.post)
        # One is active; those that were cancelled before they began are skipped.
        self.responses, self.wanted = trio.open_memory_channel[Response](16)
        self.turns, self.spoken = trio.open_memory_channel[tuple[Item, Heard]](
            _WAITING_TURNS
        )
        detection = self.config["audio"]["input"]["turn_detection"]
        self._input = InputBuffer(self.input_format, turn_rules(detection))
        self._learn_tools()

    @property
    def input_format(self) -> AudioFormat:
        """How the client's audio is written."""
        return _FORMATS[self.config["audio"]["input"]["format"]["type"]]

    @property
    def output_format(self) -> AudioFormat:
        """How the model's audio is written."""
        return _FORMATS[self.config["audio"]["output"]["format"]["type"]]

    def created(self) -> None:
        """Say hello."""
        self.post(event("session.created", session=self._shown()))

    def handle(self, message: str | bytes) -> None:
        """Obey one event of the client, or answer why not."""
        event_id: str | None = None
        try:
            asked = _parsed(message)
            own_id = asked.get("event_id")
            event_id = own_id if isinstance(own_id, str) else None
            kind = required(asked, "type")
            one_of(*HANDLERS)(kind, "type")
            HANDLERS[kind](self, asked)
        except Refusal as refusal:
            self.post(refused(refusal.as_dict(event_id)))

    def update(self, asked: Mapping[str, Any]) -> None:
        """``session.update``."""
        refuse = self.faults.refuse
        self.config = merged(
            self.config, required(asked, "session"), model=self.model, refused=refuse
        )
        detection = self.config["audio"]["input"]["turn_detection"]
        rules = turn_rules(detection) if detection else None
        self._input.reconfigure(self.input_format, rules)
        self._learn_tools()
        self.post(event("session.updated", session=self._shown(echo=True)))

    def append(self, asked: Mapping[str, Any]) -> None:
        """``input_audio_buffer.append``."""
        for change in self._input.append(audio_of(asked)):
            if isinstance(change, Started):
                self._speech_started(change)
            else:
                self._speech_stopped(*change)

    def commit(self, _: Mapping[str, Any]) -> None:
        """``input_audio_buffer.commit``."""
        self._commit(self._input.commit(), new_id("item"))

    def clear(self, _: Mapping[str, Any]) -> None:
        """``input_audio_buffer.clear``."""
        self._input.clear()
        self.post(event("input_audio_buffer.cleared"))

    def create_response(self, asked: Mapping[str, Any]) -> None:
        """``response.create``."""
        wish = wish_of(asked)
        if self.active is not None:
            raise Refusal(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{self.active.id}. Wait until the response is finished before creating "
                "a new one.",
            )
        self._respond(wish)

    def cancel_response(self, asked: Mapping[str, Any]) -> None:
        """``response.cancel``."""
        active, response_id = self.active, asked.get("response_id")
        if active is None or (response_id and response_id != active.id):
            raise Refusal(
                "response_cancel_not_active",
                "Cancellation failed: no active response found",
            )
        self.active = None
        active.cancel("client_cancelled")

    def ended(self, response: Response) -> None:
        """A response is done: the next may come."""
        if self.active is response:
            self.active = None
        tokens = self._tokens()
        self._known_tokens = (sum(tokens[::2]), sum(tokens[1::2]))

    def _speech_started(self, change: Started) -> None:
        self._turn_id = new_id("item")
        self.post(
            event(
                "input_audio_buffer.speech_started",
                audio_start_ms=change.at_ms,
                item_id=self._turn_id,
            )
        )
        active = self.active
        if active is not None and self._detection("interrupt_response"):
            self.active = None
            active.cancel("turn_detected")

    def _speech_stopped(self, change: Stopped, heard: Heard) -> None:
        self.post(
            event(
                "input_audio_buffer.speech_stopped",
                audio_end_ms=change.at_ms,
                item_id=self._turn_id,
            )
        )
        self._commit(heard, self._turn_id)
        # A response that may not be interrupted is running: this turn gets none.
        if self._detection("create_response") and self.active is None:
            self._respond({})

    def _commit(self, heard: Heard, item_id: str) -> None:
        item = Item(
            id=item_id,
            type="message",
            role="user",
            content_type="input_audio",
            audio_ms=heard.duration_ms,
            heard=trio.Event(),
        )
        previous_id = self.conversation.add(item)
        committed = "input_audio_buffer.committed"
        self.post(event(committed, item_id=item.id, previous_item_id=previous_id))
        self.items.show(item, previous_id)
        try:
            self.turns.send_nowait((item, heard))
        except trio.WouldBlock:
            if item.heard is not None:
                item.heard.set()

    def _respond(self, wish: Mapping[str, Any]) -> None:
        response = Response(
            post=self.post,
            conversation=self.conversation,
            config=self.config,
            wish=wish,
            input_tokens=(*self._tokens(), *self._known_tokens),
        )
        try:
            self.responses.send_nowait(response)
        except trio.WouldBlock as exc:
            told = "Too many responses were created and cancelled at once."
            raise Refusal("rate_limit_exceeded", told) from exc
        self.active = response
        response.created()

    def _tokens(self) -> tuple[int, int]:
        """Text and audio tokens of instructions and conversation."""
        counted = [item.tokens for item in self.conversation.items]
        text = text_tokens(self.config["instructions"])
        return (text + sum(t for t, _ in counted), sum(a for _, a in counted))

    def _detection(self, name: str) -> bool:
        detection = self.config["audio"]["input"]["turn_detection"]
        return detection is not None and bool(detection[name])

    def _learn_tools(self) -> None:
        names = (tool["name"] for tool in self.config["tools"])
        self.grammar = build(names, recogniser().knows)

    def _shown(self, *, echo: bool = False) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "object": "realtime.session",
            "id": self.id,
            "model": self.model,
            "expires_at": self.expires_at,
            **self.config,
        }
        if echo and self.faults.wrong_format_echo:
            other = "audio/pcmu" if self.output_format == "pcm" else "audio/pcma"
            wrong = {"format": {"type": other}}
            audio = self.config["audio"]
            shown["audio"] = {name: {**audio[name], **wrong} for name in audio}
        return shown


def _parsed(message: str | bytes) -> dict[str, Any]:
    try:
        asked = orjson.loads(message)
    except orjson.JSONDecodeError as exc:
        raise Refusal("invalid_json", "The event is not valid JSON.") from exc
    return mapping(asked, "event")


HANDLERS: Final[Mapping[str, Callable[[Session, Mapping[str, Any]], None]]] = {
    "session.update": Session.update,
    "input_audio_buffer.append": Session.append,
    "input_audio_buffer.commit": Session.commit,
    "input_audio_buffer.clear": Session.clear,
    "conversation.item.create": lambda session, asked: session.items.create(asked),
    "conversation.item.retrieve": lambda session, asked: session.items.retrieve(asked),
    "conversation.item.delete": lambda session, asked: session.items.delete(asked),
    "conversation.item.truncate": lambda session, asked: session.items.truncate(asked),
    "response.create": Session.create_response,
    "response.cancel": Session.cancel_response,
}
