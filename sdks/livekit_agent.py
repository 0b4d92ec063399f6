"""A call through LiveKit's agents: their session, without a room, on audio of ours."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.voice.io import AudioInput, AudioOutput, AudioOutputCapabilities
from livekit.plugins import openai

from caller import RATE_HZ, audio


class Microphone(AudioInput):
    """The caller's audio; ``over`` is set when the caller hangs up."""

    def __init__(self) -> None:
        super().__init__(label="caller")
        self.over = asyncio.Event()
        self._audio: AsyncIterator[bytes] = audio()

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await anext(self._audio, None)
        if frame is None:
            self.over.set()
            raise StopAsyncIteration
        return rtc.AudioFrame(frame, RATE_HZ, 1, len(frame) // 2)


class Loudspeaker(AudioOutput):
    """Plays in real time and tells how much of an answer was played."""

    def __init__(self) -> None:
        super().__init__(
            label="loudspeaker",
            capabilities=AudioOutputCapabilities(pause=False),
            sample_rate=RATE_HZ,
        )
        self._begun_s: float | None = None
        self._length_s = 0.0
        self._ending: asyncio.Task[None] | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._begun_s is None:
            self._begun_s, self._length_s = time.monotonic(), 0
            self.on_playback_started(created_at=time.time())
        self._length_s += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._begun_s is not None and self._ending is None:
            self._ending = asyncio.create_task(self._play_to_the_end(self._begun_s))

    def clear_buffer(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._finish(interrupted=True)

    async def _play_to_the_end(self, begun_s: float) -> None:
        await asyncio.sleep(begun_s + self._length_s - time.monotonic())
        self._finish(interrupted=False)

    def _finish(self, *, interrupted: bool) -> None:
        if self._begun_s is not None:
            played_s = min(time.monotonic() - self._begun_s, self._length_s)
            self._begun_s = self._ending = None
            self.on_playback_finished(
                playback_position=played_s, interrupted=interrupted
            )


@function_tool
async def get_weather() -> str:
    """Tells the weather of today."""
    return "It is sunny."


async def main(url: str) -> None:
    model = openai.realtime.RealtimeModel(model="gpt-realtime-2.1", base_url=url)
    session = AgentSession(llm=model)
    microphone = Microphone()
    session.input.audio = microphone
    session.output.audio = Loudspeaker()
    agent = Agent(
        instructions="Answer the telephone of a bookshop.", tools=[get_weather]
    )
    await session.start(agent)
    await microphone.over.wait()
    await session.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
