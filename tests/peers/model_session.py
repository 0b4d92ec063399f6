"""One connection of the scripted endpoint, and the responses that it gives."""

import math
import socket
import struct
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import orjson
import pybase64
import trio
from attrs import define, field
from websockets.exceptions import ConnectionClosed
from websockets.trio.server import ServerConnection

from .judge import client_faults, server_faults

Event = dict[str, Any]

MODEL = "gpt-realtime-2.1"
_BETA_NAMES = {
    "conversation.item.added": "conversation.item.created",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
# Linger for no time: closing sends a reset.
_AT_ONCE = struct.pack("ii", 1, 0)
# OpenAI's types declare less of a session, and of padding, than is on the wire.
_UNJUDGED = ("session.created", "session.updated")


class Missed(AssertionError):
    """The client did not do what was expected, in time; it did other things."""


class Gone(AssertionError):
    """The connection ended first. No fault in a script: some clients just leave."""


@define(eq=False)
class ScriptedSession:
    """One connection; everything that was received is kept.

    Attributes:
        index: 0 for the first connection that was opened, and so on.
        path: Of the request, with its query string.
        headers: Of the request, by lower-case name.
        received: Every event but audio, in order.
        audio: All appended audio, in the session's format.
        appends: How many times audio was appended.
        session: What the last ``session.update`` asked for.
        ready: Set once ``session.updated`` was sent.
        closed: Set once the connection is over, in whatever way.
        polite: Items, truncations, deletions and cancellations are answered as the
            real service does it, without the script.
    """

    index: int
    dialect: str
    judged: bool
    _ws: ServerConnection
    _faults: list[str]
    path: str = ""
    headers: dict[str, str] = field(factory=dict[str, str])
    polite: bool = True
    received: list[Event] = field(factory=list[Event])
    audio: bytearray = field(factory=bytearray)
    appends: int = 0
    session: Event = field(factory=dict[str, Any])
    ready: trio.Event = field(factory=trio.Event)
    closed: trio.Event = field(factory=trio.Event)
    active: "ScriptedResponse | None" = None
    _taken: Counter[str] = field(factory=Counter[str])
    _news: trio.Condition = field(factory=trio.Condition)
    _ids: Iterator[int] = field(factory=lambda: count(1))

    # What the client did.

    @property
    def types(self) -> list[str]:
        """The types of the received events, in order."""
        return [event["type"] for event in self.received]

    @property
    def close_code(self) -> int | None:
        """The code that the client closed with; 1006 if it just went."""
        return self._ws.close_code

    async def expect(self, kind: str, *, within_s: float = 5) -> Event:
        """The next event of this type that was not given out yet."""
        index = self._taken[kind]
        self._taken[kind] += 1

        def there() -> list[Event]:
            return [event for event in self.received if event["type"] == kind]

        await self._until(lambda: len(there()) > index, kind, within_s)
        return there()[index]

    async def heard(self, size: int, *, within_s: float = 5) -> bytes:
        """All appended audio, once it is at least ``size`` bytes."""
        await self._until(lambda: len(self.audio) >= size, "audio", within_s)
        return bytes(self.audio)

    async def hears(self, size: int) -> None:
        """Wait, however long, until ``size`` bytes of audio are there."""
        await self._until(lambda: len(self.audio) >= size, "audio", math.inf)

    async def received_more(self, than: int) -> None:
        """Wait, however long, for an event beyond the first ``than``."""
        await self._until(lambda: len(self.received) > than, "events", math.inf)

    async def _until(
        self, is_there: Callable[[], bool], what: str, within_s: float
    ) -> None:
        with trio.move_on_after(within_s):
            async with self._news:
                while not is_there():
                    if self.closed.is_set():
                        raise Gone(what, self.types)
                    await self._news.wait()
                return
        raise Missed(what, self.types)

    # What the endpoint does.

    def new_id(self, kind: str) -> str:
        return f"{kind}_{self.index}_{next(self._ids)}"

    async def send(self, kind: str, **fields: Any) -> None:
        """Send one event under its name in the session's dialect."""
        if self.dialect == "beta":
            kind = _BETA_NAMES.get(kind, kind)
        event = {"type": kind, "event_id": self.new_id("event"), **fields}
        if self.dialect == "ga" and self.judged and kind not in _UNJUDGED:
            self._faults += server_faults(event, "ga")
        await self.send_raw(orjson.dumps(event).decode())

    async def send_raw(self, text: str | bytes) -> None:
        """Send anything; nothing is judged."""
        with suppress(ConnectionClosed):
            await self._ws.send(text)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Shake hands on the end."""
        await self._ws.aclose(code, reason)

    async def abort(self) -> None:
        """Hang up without a word."""
        await trio.aclose_forcefully(self._ws.stream)

    async def reset(self) -> None:
        """Break the connection: the peer's socket gets a reset, and no end."""
        stream = self._ws.stream
        assert isinstance(stream, trio.SocketStream)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        await trio.aclose_forcefully(stream)

    async def send_bytes(self, data: bytes) -> None:
        """Send what is no whole frame, perhaps."""
        await self._ws.stream.send_all(data)

    async def create(self, **session: Any) -> None:
        """Send ``session.created``."""
        about = {"id": self.new_id("sess"), "model": MODEL, "type": "realtime"}
        await self.send(
            "session.created", session=about | {"expires_at": 4102444800} | session
        )

    async def update(self, **changes: Any) -> None:
        """Send ``session.updated``: what was asked for, with changes."""
        echo = {"id": "sess", "object": "realtime.session", "model": MODEL}
        await self.send("session.updated", session=echo | self.session | changes)
        self.ready.set()

    async def set_up(self) -> None:
        """Create the session and agree to whatever the client asks."""
        await self.create()
        # Its prompt may come late: how long that takes is the client's affair.
        await self.expect("session.update", within_s=math.inf)
        await self.update()

    async def error(
        self,
        code: str | None,
        message: str = "Something is wrong.",
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Send an ``error``."""
        error = {"type": kind, "code": code, "message": message}
        await self.send("error", error={**error, "param": param, "event_id": event_id})

    async def speech_started(self, at_ms: int = 0) -> str:
        """The VAD hears the caller; the id of the item that this will become."""
        item_id = self.new_id("item")
        await self.send(
            "input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=item_id
        )
        return item_id

    async def speech_stopped(
        self, item_id: str, at_ms: int = 0, *, transcript: str | None = None
    ) -> None:
        """The VAD hears the end of a turn, and the turn becomes an item."""
        await self.send(
            "input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=item_id
        )
        await self.send("input_audio_buffer.committed", item_id=item_id)
        content = [{"type": "input_audio", "transcript": None}]
        await self.item(
            {"id": item_id, "type": "message", "role": "user", "content": content}
        )
        if transcript is not None:
            await self.transcribed(item_id, transcript)

    async def transcribed(self, item_id: str, transcript: str) -> None:
        """The caller's words."""
        await self.send(
            "conversation.item.input_audio_transcription.completed",
            item_id=item_id,
            content_index=0,
            transcript=transcript,
            usage={"type": "duration", "seconds": 1},
        )

    async def speech(self, *, transcript: str | None = None) -> str:
        """A whole turn of the caller, as the VAD tells it."""
        item_id = await self.speech_started()
        await self.speech_stopped(item_id, 1000, transcript=transcript)
        return item_id

    async def item(self, item: Event) -> None:
        """Say that an item is in the conversation."""
        item = {"id": self.new_id("item"), "status": "completed"} | item
        await self.send("conversation.item.added", item=item)
        if self.dialect == "ga":
            await self.send("conversation.item.done", item=item)

    async def begin(self, **fields: Any) -> "ScriptedResponse":
        """Send ``response.created``; the script ends it with `ScriptedResponse.done`."""
        response = ScriptedResponse(self, self.new_id("resp"), fields)
        self.active = response
        await self.send("response.created", response=response.shown("in_progress"))
        return response

    @asynccontextmanager
    async def response(self, **fields: Any) -> AsyncGenerator["ScriptedResponse", None]:
        """A response that is completed at the end of the block, if it is not done yet."""
        response = await self.begin(**fields)
        yield response
        if not response.is_done:
            await response.done()

    # The reader.

    async def read(self) -> None:
        try:
            while True:
                await self._take(orjson.loads(await self._ws.recv()))
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()
            with trio.CancelScope(shield=True):
                async with self._news:
                    self._news.notify_all()

    async def _take(self, event: Event) -> None:
        if self.judged:
            self._faults += client_faults(event, self.dialect)
        if event["type"] == "input_audio_buffer.append":
            self.audio += pybase64.b64decode(event["audio"], validate=True)
            self.appends += 1
        else:
            self.received.append(event)
        if event["type"] == "session.update":
            self.session = event["session"]
        async with self._news:
            self._news.notify_all()
        if self.polite:
            await self._answer(event)

    async def _answer(self, event: Event) -> None:
        at = {key: event.get(key) for key in ("item_id", "content_index")}
        match event["type"]:
            case "conversation.item.create":
                await self.item(event["item"])
            case "conversation.item.truncate":
                end = {"audio_end_ms": event["audio_end_ms"]}
                await self.send("conversation.item.truncated", **at, **end)
            case "conversation.item.delete":
                await self.send("conversation.item.deleted", item_id=at["item_id"])
            case "input_audio_buffer.clear":
                await self.send("input_audio_buffer.cleared")
            case "response.cancel" if self.active is not None:
                await self.active.done("cancelled", reason="client_cancelled")
            case "response.cancel":
                await self.error("response_cancel_not_active")
            case _:
                pass


@define(eq=False)
class ScriptedResponse:
    """A response in the making."""

    session: ScriptedSession
    id: str
    _fields: Event
    output: list[Event] = field(factory=list[Event])
    is_done: bool = False

    def shown(self, status: str, **fields: Any) -> Event:
        """The response as events show it."""
        return {
            "id": self.id,
            "object": "realtime.response",
            "status": status,
            "output": self.output,
            **self._fields,
            **fields,
        }

    async def say(
        self,
        audio: bytes,
        transcript: str = "",
        *,
        delta_bytes: int = 12_000,
        finish: bool = True,
    ) -> str:
        """One spoken message, its audio in bursts of deltas; the id of its item.

        Args:
            audio: In the session's output format.
            transcript: What is said.
            delta_bytes: How much audio is in a delta; 12,000 are 250 ms of pcm.
            finish: Whether the message ends with the audio; see `finish`.
        """
        item_id = self.session.new_id("item")
        at = self._at(item_id)
        item = {"id": item_id, "type": "message", "role": "assistant"}
        await self._add(item | {"status": "in_progress", "content": []})
        part = {"type": "audio", "transcript": ""}
        await self.session.send("response.content_part.added", **at, part=part)
        if transcript:
            await self.session.send(
                "response.output_audio_transcript.delta", **at, delta=transcript
            )
        await self.play(item_id, audio, delta_bytes=delta_bytes)
        if finish:
            await self.finish(item_id, transcript)
        return item_id

    async def play(
        self, item_id: str, audio: bytes, *, delta_bytes: int = 12_000
    ) -> None:
        """More audio of a message, in deltas."""
        for start in range(0, len(audio), delta_bytes):
            delta = pybase64.b64encode_as_string(audio[start : start + delta_bytes])
            await self.session.send(
                "response.output_audio.delta", **self._at(item_id), delta=delta
            )

    async def finish(self, item_id: str, transcript: str = "") -> None:
        """The end of a spoken message."""
        at = self._at(item_id)
        send = self.session.send
        await send("response.output_audio.done", **at)
        await send("response.output_audio_transcript.done", **at, transcript=transcript)
        part = {"type": "audio", "transcript": transcript}
        await send("response.content_part.done", **at, part=part)
        content = [{"type": "output_audio", "transcript": transcript}]
        item = {"id": item_id, "type": "message", "role": "assistant"}
        await self._complete(item | {"content": content})

    async def call(
        self, name: str, arguments: str = "{}", *, call_id: str | None = None
    ) -> str:
        """One function call, announced as often as the service does it; its call id."""
        call_id = call_id or self.session.new_id("call")
        item_id = self.session.new_id("item")
        item = {"id": item_id, "type": "function_call", "name": name}
        item |= {"call_id": call_id, "arguments": ""}
        await self._add(item | {"status": "in_progress"})
        at = self._at(item_id)
        del at["content_index"]
        await self.session.send(
            "response.function_call_arguments.done",
            **at,
            call_id=call_id,
            name=name,
            arguments=arguments,
        )
        await self._complete(item | {"arguments": arguments})
        return call_id

    async def done(
        self,
        status: str = "completed",
        *,
        reason: str | None = None,
        error: Event | None = None,
        usage: Event | None = None,
    ) -> None:
        """Send ``response.done``."""
        self.is_done = True
        if self.session.active is self:
            self.session.active = None
        details = None
        if status != "completed":
            details = {"type": status, "reason": reason, "error": error}
        shown = self.shown(status, status_details=details, usage=usage)
        await self.session.send("response.done", response=shown)

    def _at(self, item_id: str) -> Event:
        return {
            "response_id": self.id,
            "item_id": item_id,
            "output_index": 0,
            "content_index": 0,
        }

    async def _add(self, item: Event) -> None:
        place = {"response_id": self.id, "output_index": len(self.output)}
        await self.session.send("response.output_item.added", **place, item=item)
        await self.session.send("conversation.item.added", item=item)

    async def _complete(self, item: Event) -> None:
        item = item | {"status": "completed"}
        place = {"response_id": self.id, "output_index": len(self.output)}
        self.output.append(item)
        if self.session.dialect == "ga":
            await self.session.send("conversation.item.done", item=item)
        await self.session.send("response.output_item.done", **place, item=item)
