"""A call's memory is bounded, whatever either peer goes on sending."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedSession, scripted_model

from .test_process import KEY, running

ROUNDS = 4
# A round is 5 MB on the wire.
TIMES_A_ROUND = 200
MOST_GROWTH_BYTES = 3_000_000

Event = dict[str, Any]


async def bother(core: FakeCore, number: int) -> None:
    """What a caller may repeat without being closed for it."""
    for n in range(TIMES_A_ROUND):
        await core.send({"type": f"strange-{number}-{n}", "padding": "x" * 2000})
        await core.send({"type": "init", "uuid": f"{n}" * 20})
        await core.send({"type": "audio", "audio": "A" * 20_000})


def rambling(n: int) -> Iterator[Event]:
    """Events of every kind under ids of their own, of which nothing ever ends."""
    at = {"response_id": f"r{n}", "item_id": f"i{n}", "content_index": 0}
    item = {"id": f"i{n}", "type": "message", "role": "assistant"}
    call = {"id": f"f{n}", "type": "function_call", "name": "x", "arguments": "{}"}
    fault = {"code": "odd", "message": "m" * 500, "event_id": f"e{n}"}
    yield {"type": f"new.{n}", "padding": "y" * 500}
    yield {"type": "response.created", "response": {"id": f"r{n}"}}
    yield {"type": "response.output_item.added", **at, "item": item}
    yield {"type": "conversation.item.added", "item": {**item, "id": f"j{n}"}}
    yield {"type": "response.output_audio.delta", **at, "delta": "A" * 640}
    said = "response.output_audio_transcript.delta"
    yield {"type": said, **at, "delta": "word " * 500}
    called = {**call, "call_id": f"c{n}"}
    yield {"type": "response.output_item.done", **at, "item": called}
    done = "response.function_call_arguments.done"
    yield {"type": done, **at, "call_id": f"d{n}", "name": "x", "arguments": "{}"}
    yield {"type": "input_audio_buffer.committed", "item_id": f"u{n}"}
    heard = "conversation.item.input_audio_transcription.completed"
    yield {"type": heard, "item_id": f"u{n}", "transcript": "z" * 500}
    yield {"type": "error", "error": fault}


async def ramble(session: ScriptedSession, numbers: Iterator[int]) -> None:
    for _ in range(TIMES_A_ROUND):
        for event in rambling(next(numbers)):
            await session.send_raw(json.dumps(event))


async def test_a_call_that_is_bothered_from_both_sides_stays_small(
    tmp_path: Path,
) -> None:
    sizes: list[int] = []
    async with (
        scripted_model(judged=False) as model,
        running(
            tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=model.base_url
        ) as service,
        calling(service.url) as core,
    ):
        await core.init()
        session = await model.next_session()
        session.polite = False
        numbers = count()
        for number in range(ROUNDS):
            await bother(core, number)
            await ramble(session, numbers)
            sizes.append(psutil.Process(service.process.pid).memory_info().rss)
        assert core.close_code is None
    # The first round fills what is kept: a ring of audio, a history, transcripts.
    assert max(sizes[1:]) - sizes[0] < MOST_GROWTH_BYTES, sizes
    # What is repeated is not logged each time.
    events = [line["event"] for line in service.log]
    assert events.count("second init ignored") == 1
    assert events.count("unknown message type") <= 100
