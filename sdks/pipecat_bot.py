"""A call through Pipecat: its Realtime service between a transport's two ends of ours."""

import asyncio
import os
import sys

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    InputAudioRawFrame,
    LLMRunFrame,
    OutputAudioRawFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
)
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

from caller import RATE_HZ, audio

PARAMS = TransportParams(
    audio_in_enabled=True,
    audio_in_sample_rate=RATE_HZ,
    audio_out_enabled=True,
    audio_out_sample_rate=RATE_HZ,
)


class Microphone(BaseInputTransport):
    def __init__(self) -> None:
        super().__init__(PARAMS)
        self._started = asyncio.Event()

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._started.set()

    async def hear(self) -> None:
        await self._started.wait()
        async for pcm in audio():
            await self.push_audio_frame(InputAudioRawFrame(pcm, RATE_HZ, 1))


class Loudspeaker(BaseOutputTransport):
    """Plays in real time."""

    def __init__(self) -> None:
        super().__init__(PARAMS)
        self._due_s = 0.0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        now_s = asyncio.get_running_loop().time()
        self._due_s = max(self._due_s, now_s) + len(frame.audio) / RATE_HZ / 2
        await asyncio.sleep(self._due_s - now_s)
        return True


async def get_weather(params: FunctionCallParams) -> None:
    await params.result_callback("It is sunny.")


async def main(url: str) -> None:
    heard = AudioInput(transcription=InputAudioTranscription(model="gpt-4o-transcribe"))
    service = OpenAIRealtimeLLMService(
        api_key=os.environ["OPENAI_API_KEY"],
        base_url=f"{url}/realtime",
        settings=OpenAIRealtimeLLMService.Settings(
            model="gpt-realtime-2.1",
            session_properties=SessionProperties(
                instructions="Answer the telephone of a bookshop.",
                audio=AudioConfiguration(input=heard),
            ),
        ),
    )
    service.register_function("get_weather", get_weather)
    tool = FunctionSchema("get_weather", "Tells the weather of today.", {}, [])
    context = LLMContextAggregatorPair(LLMContext(tools=ToolsSchema([tool])))
    microphone = Microphone()
    worker = PipelineWorker(
        Pipeline(
            [microphone, context.user(), service, Loudspeaker(), context.assistant()]
        )
    )

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    async def call() -> None:
        # This is how a bot begins; the service is told of the tools with it.
        await worker.queue_frames([LLMRunFrame()])
        await microphone.hear()
        await worker.cancel()

    await asyncio.gather(call(), runner.run())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
