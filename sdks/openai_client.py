"""A call through the ``openai`` client: what this one leaves to its user is done here."""

import asyncio
import base64
import sys
import time
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from caller import audio

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather of today.",
    "parameters": {"type": "object", "properties": {}},
}
SESSION: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "instructions": "Answer the telephone of a bookshop.",
    "tools": [WEATHER],
    "tool_choice": "auto",
    "tracing": "auto",
    "audio": {
        "input": {
            "transcription": {"model": "gpt-transcribe", "languages": ["en"]},
            "turn_detection": {"type": "server_vad", "idle_timeout_ms": None},
        },
        "output": {"voice": "marin"},
    },
}


class Loudspeaker:
    """What was played of the answer that came last, if it were played at once."""

    def __init__(self) -> None:
        self.item_id = ""
        self.begun_s = 0.0
        self.received_ms = 0

    def play(self, item_id: str, pcm: bytes) -> None:
        if item_id != self.item_id:
            self.item_id, self.begun_s, self.received_ms = item_id, time.monotonic(), 0
        self.received_ms += len(pcm) // 48

    def heard_ms(self) -> int:
        return min(int((time.monotonic() - self.begun_s) * 1000), self.received_ms)


async def listen(connection: AsyncRealtimeConnection) -> None:
    loudspeaker = Loudspeaker()
    async for event in connection:
        if event.type == "response.output_audio.delta":
            loudspeaker.play(event.item_id, base64.b64decode(event.delta))
        elif event.type == "input_audio_buffer.speech_started":
            heard_ms = loudspeaker.heard_ms()
            if heard_ms < loudspeaker.received_ms:
                await connection.conversation.item.truncate(
                    item_id=loudspeaker.item_id, content_index=0, audio_end_ms=heard_ms
                )
        elif event.type == "response.done":
            calls = [
                i for i in event.response.output or [] if i.type == "function_call"
            ]
            for call in calls:
                await connection.conversation.item.create(
                    item={
                        "type": "function_call_output",
                        "call_id": str(call.call_id),
                        "output": "It is sunny.",
                    }
                )
            if calls:
                await connection.response.create()


async def main(url: str) -> None:
    client = AsyncOpenAI(websocket_base_url=url, max_retries=0)
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        await connection.session.update(session=SESSION)
        listening = asyncio.create_task(listen(connection))
        async for frame in audio():
            pcm = base64.b64encode(frame).decode()
            await connection.input_audio_buffer.append(audio=pcm)
        listening.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
