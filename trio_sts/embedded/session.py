"""One session: the client's events in, the Realtime API's events out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
from attrs import define, field

from trio_sts.audio.formats import AudioFormat, decoder

from .brain.grammar import build
from .checks import mapping, one_of
from .config import defaults, merged, turn_rules
from .events import event, refused
from .faults import Faults, Order
from .hearing import InputBuffer
from .itemrequests import ItemRequests
from .items import Conversation, Item, new_id
from .refusal import Refusal
from .requests import audio_of, required, wish_of
from .responding import Responses
from .speech.recogniser import recogniser
from .turns import Turns
from .unmet import unmet_in_item, unmet_in_response, unmet_in_session

FORMATS: Final[Mapping[str, AudioFormat]] = {
    "audio/pcm": "pcm",
    "audio/pcmu": "pcmu",
    "audio/pcma": "pcma",
}


@define(eq=False, kw_only=True)
class Session:
    """What the endpoint knows of one connection.

    Attributes:
        id: As in ``session.created``.
        model: What the client asked for.
        config: The effective configuration.
        conversation: The items as the model knows them, cut to what was heard.
        items: What obeys the client's requests about them.
        responses: What it makes.
        turns: What it hears.
        grammar: What the recogniser understands.
        reset: Cuts the connection, as a network does.
        note: Says in the log, once, what has no effect.
    """

    _send: Callable[[dict[str, Any]], None] = field(alias="send")
    reset: Callable[[], None]
    note: Callable[[str], None]
    model: str
    expires_at: int
    faults: Faults
    id: str = field(factory=lambda: new_id("sess"))
    config: dict[str, Any] = field(init=False, repr=False)
    conversation: Conversation = field(factory=Conversation, repr=False)
    items: ItemRequests = field(init=False, repr=False)
    responses: Responses = field(init=False, repr=False)
    turns: Turns = field(init=False, repr=False)
    grammar: str = field(default="", repr=False)
    _updates: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.config = defaults(self.model)
        self.items = ItemRequests(
            self.conversation, self.post, self._decode, self._listen
        )
        self.responses = Responses(
            post=self.post,
            conversation=self.conversation,
            faults=self.faults,
            decode=self._decode,
            listen=self._listen,
            config=self.config,
        )
        detection = self.config["audio"]["input"]["turn_detection"]
        self.turns = Turns(
            post=self.post,
            conversation=self.conversation,
            items=self.items,
            faults=self.faults,
            began=self._speech_started,
            ended=self._speech_stopped,
            buffer=InputBuffer(self.input_format, turn_rules(detection)),
        )
        self._learn_tools()

    @property
    def input_format(self) -> AudioFormat:
        """How the client's audio is written."""
        return FORMATS[self.config["audio"]["input"]["format"]["type"]]

    @property
    def output_format(self) -> AudioFormat:
        """How the model's audio is written."""
        return FORMATS[self.config["audio"]["output"]["format"]["type"]]

    def created(self) -> None:
        """Say hello."""
        self.post(event("session.created", session=self._shown()))

    def handle(self, message: str | bytes) -> None:
        """Obey one event of the client, or answer why not."""
        if self.turns.deaf:
            return
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

    def post(self, event: dict[str, Any]) -> None:
        """Send an event to the client."""
        if not self.turns.deaf:
            self._send(event)

    def update(self, asked: Mapping[str, Any]) -> None:
        """``session.update``."""
        self._updates += 1
        faults = self.faults.of("update", self._updates)
        refused = faults["refuse"].names if "refuse" in faults else ()
        config = merged(
            self.config, required(asked, "session"), model=self.model, refused=refused
        )
        self._check_voice(config)
        transcription = config["audio"]["input"]["transcription"]
        if "refuse_transcriber" in faults and transcription is not None:
            _check_transcriber(faults["refuse_transcriber"], transcription)
        self.config = self.responses.config = config
        self._note(unmet_in_session(config))
        detection = config["audio"]["input"]["turn_detection"]
        rules = turn_rules(detection) if detection else None
        self.turns.buffer.reconfigure(self.input_format, rules)
        self._learn_tools()
        if "update_unanswered" not in faults:
            self.post(event("session.updated", session=self._shown(echo=True)))
        self.items.list_remote_tools(config["tools"])

    def create_response(self, asked: Mapping[str, Any]) -> None:
        """``response.create``."""
        wish = wish_of(asked)
        self._note(unmet_in_response(wish))
        self.responses.create(wish)

    def _check_voice(self, config: Mapping[str, Any]) -> None:
        voices = [c["audio"]["output"]["voice"] for c in (config, self.config)]
        said = [part for item in self.conversation.items for part in item.parts]
        spoken = any(part.type == "output_audio" and part.audio_ms for part in said)
        if voices[0] != voices[1] and spoken:
            raise Refusal(
                "cannot_update_voice",
                "Cannot update a conversation's voice if assistant audio is present.",
            )

    def _decode(self, audio: bytes) -> bytes:
        return decoder(self.input_format).decode(audio)

    def _note(self, unmet: Iterable[str]) -> None:
        for what in unmet:
            self.note(what)

    def _listen(self, item: Item) -> None:
        self._note(unmet_in_item(item))
        self.turns.listen(item)

    def _speech_started(self) -> None:
        if self._detection("interrupt_response"):
            self.responses.interrupt("turn_detected")

    def _speech_stopped(self) -> None:
        # A response that may not be interrupted is running: this turn gets none.
        if self._detection("create_response") and self.responses.active is None:
            self.responses.respond({})

    def _detection(self, name: str) -> bool:
        detection = self.config["audio"]["input"]["turn_detection"]
        return detection is not None and bool(detection[name])

    def _learn_tools(self) -> None:
        names = (
            tool["name"] for tool in self.config["tools"] if tool["type"] == "function"
        )
        self.grammar = build(names, recogniser().knows)

    def _shown(self, *, echo: bool = False) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "object": "realtime.session",
            "id": self.id,
            "model": self.model,
            "expires_at": self.expires_at,
            **self.config,
        }
        if echo and "wrong_format" in self.faults.of("connection"):
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


def _check_transcriber(order: Order, transcription: Mapping[str, Any]) -> None:
    param, model = "session.audio.input.transcription.model", transcription.get("model")
    if order.concerns(str(model)):
        told = f"Invalid value: '{model}'. The model is not supported."
        raise Refusal("invalid_value", told, param)


HANDLERS: Final[Mapping[str, Callable[[Session, Mapping[str, Any]], None]]] = {
    "session.update": Session.update,
    "input_audio_buffer.append": lambda session, asked: session.turns.append(
        audio_of(asked)
    ),
    "input_audio_buffer.commit": lambda session, _: session.turns.commit(),
    "input_audio_buffer.clear": lambda session, _: session.turns.clear(),
    "conversation.item.create": lambda session, asked: session.items.create(asked),
    "conversation.item.retrieve": lambda session, asked: session.items.retrieve(asked),
    "conversation.item.delete": lambda session, asked: session.items.delete(asked),
    "conversation.item.truncate": lambda session, asked: session.items.truncate(asked),
    "response.create": Session.create_response,
    "response.cancel": lambda session, asked: session.responses.cancel(asked),
}
