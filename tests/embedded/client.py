"""A client of the embedded model that checks every event against the official types."""

import math
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import pybase64
import pydantic
import trio
from attrs import define, field
from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.realtime_session_create_response import (
    RealtimeSessionCreateResponse,
)
from trio_websocket import ConnectionRejected, WebSocketConnection, wrap_client_stream

from trio_sts.audio.formats import AudioFormat, encoder
from trio_sts.embedded import Endpoint, Faults, serve_model
from trio_sts.embedded.shapes import is_array
from trio_sts.embedded.speech.voice import CALLERS, speak

OFFICIAL: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(RealtimeServerEvent)
_WIRE_FORMATS = {
    "pcm": {"type": "audio/pcm", "rate": 24000},
    "pcmu": {"type": "audio/pcmu"},
    "pcma": {"type": "audio/pcma"},
}
Event = dict[str, Any]


def undeclared(model: object, path: str = "") -> Iterator[str]:
    """Fields that the official types do not know, anywhere in an event."""
    if isinstance(model, pydantic.BaseModel):
        yield from (f"{path}.{name}" for name in model.model_extra or {})
        for name in type(model).model_fields:
            yield from undeclared(getattr(model, name), f"{path}.{name}")
    elif is_array(model):
        for item in model:
            yield from undeclared(item, f"{path}[]")


def check(event: Event) -> None:
    official = OFFICIAL.validate_python(event)
    assert official.type == event["type"]
    # The package types the session of these two events as a request, which lacks what
    # the service adds; the type of a created session has it.
    session = event.get("session", {})
    known: set[str] = set()
    if session:
        RealtimeSessionCreateResponse.model_validate(session)
        added = RealtimeSessionCreateResponse.model_fields
        known = {f"{event['type']}.session.{name}" for name in added}
    assert set(undeclared(official, event["type"])) - known == set()


@define
class Client:
    """One connection; audio is sent as fast as it goes.

    Attributes:
        seen: Every event so far, oldest first.
        checked: Whether events must be what the official types declare.
    """

    ws: WebSocketConnection
    audio_format: AudioFormat = "pcm"
    seen: list[Event] = field(factory=list[Event])
    checked: bool = True

    async def send(self, kind: str, **fields: Any) -> None:
        await self.ws.send_message(orjson.dumps({"type": kind, **fields}).decode())

    async def next(self) -> Event:
        with trio.fail_after(10):
            event = orjson.loads(await self.ws.get_message())
        if self.checked:
            check(event)
        self.seen.append(event)
        return dict(event)

    async def until(self, *kinds: str) -> Event:
        while True:
            event = await self.next()
            if event["type"] in kinds:
                return event

    async def update(self, **session: Any) -> Event:
        await self.send("session.update", session={"type": "realtime", **session})
        return await self.until("session.updated", "error")

    async def use_format(self, audio_format: AudioFormat) -> None:
        wire = {"format": _WIRE_FORMATS[audio_format]}
        updated = await self.update(audio={"input": wire, "output": wire})
        assert updated["session"]["audio"]["output"]["format"] == wire["format"]
        self.audio_format = audio_format

    async def append(self, pcm8k: bytes) -> None:
        """Send audio in 100 ms pieces."""
        encode = encoder(self.audio_format).encode
        for first in range(0, len(pcm8k), 1600):
            audio = pybase64.b64encode(encode(pcm8k[first : first + 1600])).decode()
            await self.send("input_audio_buffer.append", audio=audio)

    async def say(self, text: str, *, voice: str = CALLERS[0]) -> None:
        """Speak, and be silent for long enough."""
        silence = bytes(16_000)
        await self.append(silence[:4800] + speak(text, voice=voice) + silence)

    async def write(self, text: str, role: str = "user") -> Event:
        part = "output_text" if role == "assistant" else "input_text"
        item = {
            "type": "message",
            "role": role,
            "content": [{"type": part, "text": text}],
        }
        await self.send("conversation.item.create", item=item)
        return await self.until("conversation.item.done", "error")

    async def ask(self, text: str) -> Event:
        """Write something and wait for the whole answer."""
        await self.write(text)
        return await self.respond()

    async def respond(self, **wish: Any) -> Event:
        await self.send("response.create", response=wish)
        return await self.until("response.done", "error")

    async def ask_without_waiting(self, text: str) -> None:
        await self.write(text)
        await self.send("response.create")

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.seen]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.seen if event["type"] == kind]

    def audio_of(self, item_id: str) -> bytes:
        deltas = self.of("response.output_audio.delta")
        parts = [event["delta"] for event in deltas if event["item_id"] == item_id]
        return b"".join(map(pybase64.b64decode, parts))


def transcript(done: Event) -> str:
    """What a response said, from its ``response.done``."""
    contents = [item.get("content", []) for item in done["response"]["output"]]
    return " ".join(part.get("transcript", "") for parts in contents for part in parts)


@asynccontextmanager
async def running_model(
    *faults: str, pace: float = math.inf, api_key: str | None = None
) -> AsyncGenerator[Endpoint]:
    async with trio.open_nursery() as nursery:
        serve = partial(
            serve_model, faults=Faults.parse(*faults), pace=pace, api_key=api_key
        )
        endpoint: Endpoint = await nursery.start(serve)
        yield endpoint
        nursery.cancel_scope.cancel(reason="the test is over")


@asynccontextmanager
async def dial(
    endpoint: Endpoint,
    path: str,
    headers: Sequence[tuple[str, str]] = (),
    *,
    protocols: Sequence[str] = (),
) -> AsyncGenerator[WebSocketConnection]:
    """A WebSocket whose socket is closed for certain, whoever closes first."""
    stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
    async with stream, trio.open_nursery() as nursery:
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        with trio.fail_after(5):
            ws = await wrap_client_stream(
                nursery,
                stream,
                endpoint.host,
                path,
                subprotocols=protocols,
                extra_headers=encoded,
            )
        yield ws
        with trio.move_on_after(1):
            await ws.aclose()
        nursery.cancel_scope.cancel(reason="the client is done")


async def rejection(
    endpoint: Endpoint,
    path: str,
    headers: Sequence[tuple[str, str]] = (),
    *,
    protocols: Sequence[str] = (),
) -> int:
    """The HTTP status that a handshake is refused with."""
    statuses: list[int] = []
    try:
        async with dial(endpoint, path, headers, protocols=protocols):
            pass
    except* ConnectionRejected as group:
        for exc in group.exceptions:
            assert isinstance(exc, ConnectionRejected)
            statuses.append(exc.status_code)
    return statuses[0]


@asynccontextmanager
async def connection(
    endpoint: Endpoint, *, model: str = "gpt-realtime-2.1"
) -> AsyncGenerator[Client]:
    async with dial(endpoint, f"/v1/realtime?model={model}") as ws:
        client = Client(ws)
        assert (await client.next())["type"] == "session.created"
        yield client


@asynccontextmanager
async def session(
    *faults: str, model: str = "gpt-realtime-2.1", pace: float = math.inf
) -> AsyncGenerator[tuple[Client, Endpoint]]:
    async with (
        running_model(*faults, pace=pace) as endpoint,
        connection(endpoint, model=model) as client,
    ):
        yield client, endpoint
