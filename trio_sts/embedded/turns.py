"""The caller's turns: what is appended, where speech begins and ends, what is committed."""

from collections.abc import Callable, Mapping
from typing import Any

import trio
from attrs import define, field, frozen

from .content import Part
from .events import event
from .faults import Faults, Order
from .hearing import Heard, InputBuffer
from .itemrequests import ItemRequests
from .items import Conversation, Item, new_id
from .speech.vad import Started, Stopped

# Turns that wait for the recogniser; a client that sends more of them is not heard.
_WAITING_TURNS = 16


@frozen
class Spoken:
    """Speech on its way to the recogniser.

    Attributes:
        item: Whose part it is.
        part: Its audio.
        faults: Of the turn.
        told: Whether the client gets its transcript; not of items that it made itself.
    """

    item: Item
    part: Part
    faults: Mapping[str, Order]
    told: bool


@define(eq=False, kw_only=True)
class Turns:
    """Finds turns in the input buffer and puts them into the conversation.

    Attributes:
        buffer: What was appended and not committed yet.
        spoken: The turns, for the recogniser.
        deaf: Nothing is heard or said any more.
    """

    _post: Callable[[dict[str, Any]], None] = field(alias="post")
    _conversation: Conversation = field(alias="conversation", repr=False)
    _items: ItemRequests = field(alias="items", repr=False)
    _faults: Faults = field(alias="faults")
    _began: Callable[[], None] = field(alias="began")
    _ended: Callable[[], None] = field(alias="ended")
    buffer: InputBuffer = field(repr=False)
    deaf: bool = False
    spoken: "trio.MemoryReceiveChannel[Spoken]" = field(init=False, repr=False)
    _recogniser: "trio.MemorySendChannel[Spoken]" = field(init=False, repr=False)
    _number: int = field(default=0, init=False)
    _turn_id: str = field(default="", init=False)

    def __attrs_post_init__(self) -> None:
        self._recogniser, self.spoken = trio.open_memory_channel[Spoken](_WAITING_TURNS)

    def append(self, audio: bytes) -> None:
        """Hear more of the client's audio."""
        for change in self.buffer.append(audio):
            if self.deaf:
                return
            if isinstance(change, Started):
                self._started(change)
            else:
                self._stopped(*change)

    def commit(self) -> None:
        """End a turn by hand."""
        heard = self.buffer.commit()
        self._number += 1
        self._commit(heard, new_id("item"))

    def clear(self) -> None:
        """Forget what was not committed."""
        self.buffer.clear()
        self._post(event("input_audio_buffer.cleared"))

    @property
    def _ordered(self) -> Mapping[str, Order]:
        return self._faults.of("turn", self._number)

    def _started(self, change: Started) -> None:
        self._number += 1
        self._turn_id = new_id("item")
        self.deaf = "deaf" in self._ordered
        if self.deaf:
            return
        self._tell("speech_started", audio_start_ms=change.at_ms)
        self._began()

    def _stopped(self, change: Stopped, heard: Heard) -> None:
        self._tell("speech_stopped", audio_end_ms=change.at_ms)
        self._commit(heard, self._turn_id)
        self._ended()

    def _tell(self, what: str, **fields: Any) -> None:
        if "no_speech_started" not in self._ordered:
            kind = f"input_audio_buffer.{what}"
            self._post(event(kind, **fields, item_id=self._turn_id))

    def _commit(self, heard: Heard, item_id: str) -> None:
        part = Part(
            type="input_audio",
            audio_ms=heard.duration_ms,
            pcm8k=heard.pcm8k,
            heard=trio.Event(),
        )
        item = Item(id=item_id, type="message", role="user", parts=[part])
        previous_id = self._conversation.add(item)
        committed = "input_audio_buffer.committed"
        self._post(event(committed, item_id=item.id, previous_item_id=previous_id))
        self._items.show(item, previous_id)
        self._recognise(Spoken(item, part, self._ordered, told=True))

    def listen(self, item: Item) -> None:
        """Have the audio of an item recognised that the client made itself."""
        for part in item.parts:
            if part.pcm8k:
                self._recognise(Spoken(item, part, {}, told=False))

    def _recognise(self, spoken: Spoken) -> None:
        try:
            self._recogniser.send_nowait(spoken)
        except trio.WouldBlock:
            spoken.part.understood("")
