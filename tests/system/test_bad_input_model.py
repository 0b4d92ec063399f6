"""What a model's endpoint may send without harm, over a real socket."""

import json
import math
from array import array
from typing import Any

import pybase64
import pytest
import trio
from trio.testing import MockClock

from tests.peers.core import calling
from tests.peers.model import ScriptedSession, scripted_model

from .kit import Talk, goes_on, log, talking
from .service import serving

MALFORMED = [
    "{",
    "",
    "[]",
    "5",
    "{}",
    '{"type":null}',
    '{"type":"response.output_audio.delta"}',
    '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"%"}',
    '{"type":"response.done"}',
    '{"type":"response.created","response":5}',
]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "brand.new"},
        {"type": "rate_limits.updated", "rate_limits": "odd"},
        {"type": "response.output_text.delta", "delta": 5},
        {"type": "input_audio_buffer.speech_started", "item_id": "i", "mood": "good"},
        {"type": "error", "error": {"message": "x", "code": 5, "extra": [1]}},
        {"type": "error", "error": "a bare sentence"},
        {"type": "error"},
        {"type": "response.created", "response": {"id": 5}},
    ],
)
async def test_an_unknown_event_or_field_changes_nothing(event: dict[str, Any]) -> None:
    with log() as lines:
        async with talking() as talk:
            await talk.session.send_raw(json.dumps(event))
            await goes_on(talk.core, talk.session)
            assert not talk.core.of("error")
    assert "malformed model event" not in [line["event"] for line in lines]


async def test_nine_malformed_events_are_put_up_with() -> None:
    with log() as lines:
        async with talking() as talk:
            for text in MALFORMED[:9]:
                await talk.session.send_raw(text)
            await goes_on(talk.core, talk.session)
    malformed = [line for line in lines if line["event"] == "malformed model event"]
    assert len(malformed) == 9


async def test_the_tenth_malformed_event_is_a_dropped_model_leg() -> None:
    with log() as lines:
        async with talking() as talk:
            for text in MALFORMED:
                await talk.session.send_raw(text)
            with trio.fail_after(3):
                await talk.session.closed.wait()
            # It is replaced as one that broke off.
            await goes_on(talk.core, await talk.model.next_session())
            assert talk.core.close_code is None
    malformed = [line for line in lines if line["event"] == "malformed model event"]
    assert len(malformed) == 10


async def test_a_model_that_sends_nothing_else_ends_the_call_with_1011(
    hurried_clock: MockClock,
) -> None:
    async def babble(session: ScriptedSession) -> None:
        await session.set_up()
        for text in MALFORMED:
            await session.send_raw(text)

    with log() as lines:
        async with (
            scripted_model(babble) as model,
            serving(model.base_url) as service,
            calling(service.url) as core,
        ):
            await core.init()
            assert await core.wait_closed(60) == 1011
            assert core.of("error")
    summary = next(line for line in lines if line["event"] == "call ended")
    assert summary["close_code"] == 1011


async def test_binary_messages_of_json_are_understood_and_others_counted() -> None:
    with log() as lines:
        async with talking() as talk:
            await talk.session.send_raw(b'{"type":"brand.new"}')
            await talk.session.send_raw(b"\xff\xfe")
            await goes_on(talk.core, talk.session)
    events = [line["event"] for line in lines]
    assert events.count("malformed model event") == 1


async def test_audio_of_odd_length_is_carried_to_the_next_delta() -> None:
    # 390 ms: with what the resampler holds back, whole frames of 400 ms.
    def sample(n: int) -> int:
        return round(8000 * math.sin(2 * math.pi * 440 * n / 24000))

    async def spoken(talk: Talk, sizes: list[int]) -> bytes:
        start = len(talk.core.audio)
        async with talk.session.response() as response:
            item = await response.say(b"", finish=False)
            at = 0
            for size in sizes:
                delta = pybase64.b64encode_as_string(pcm[at : at + size])
                await talk.session.send(
                    "response.output_audio.delta",
                    response_id=response.id,
                    item_id=item,
                    output_index=0,
                    content_index=0,
                    delta=delta,
                )
                at += size
            assert at == len(pcm)
            await response.finish(item)
        await talk.core.wait_audio(start / 16 + 400)
        return talk.core.audio[start:]

    pcm = array("h", map(sample, range(9360))).tobytes()
    with log():
        async with talking() as talk:
            even = await spoken(talk, [len(pcm)])
            odd = await spoken(talk, [1, 4801, 1, 3, 4800, 9114])
    assert odd == even
    assert max(array("h", odd)) > 7000


async def test_half_a_sample_at_the_end_of_an_answer_is_not_in_the_next_one() -> None:
    with log():
        async with talking() as talk:
            async with talk.session.response() as response:
                await response.say(bytes(4701))
            loud = array("h", [4000] * 2350).tobytes()
            await talk.core.wait_audio(100)
            start = len(talk.core.audio)
            async with talk.session.response() as response:
                await response.say(loud)
            await talk.core.wait_audio(start / 16 + 100)
            heard = array("h", talk.core.audio[start:])
    # A sample of which the bytes are swapped would be 40975 or -24561.
    assert all(-1000 < each < 5000 for each in heard)


async def test_an_event_of_a_megabyte_is_read() -> None:
    with log():
        async with talking() as talk:
            padding = "x" * 1_000_000
            await talk.session.send_raw(f'{{"type":"brand.new","padding":"{padding}"}}')
            await goes_on(talk.core, talk.session)


async def test_numbers_that_are_none_do_not_end_a_call() -> None:
    with log():
        async with talking() as talk:
            for number in ("1e999", "-1e999", "1" * 400, "1e-400"):
                fields = f'"item_id":"i","audio_start_ms":{number}'
                kind = "input_audio_buffer.speech_started"
                await talk.session.send_raw(f'{{"type":"{kind}",{fields}}}')
                usage = f'{{"output_token_details":{{"audio_tokens":{number}}}}}'
                done = f'{{"id":"r","status":"failed","usage":{usage}}}'
                await talk.session.send_raw(
                    f'{{"type":"response.done","response":{done}}}'
                )
            stopped = '"item_id":"i","audio_end_ms":100'
            await talk.session.send_raw(
                f'{{"type":"input_audio_buffer.speech_stopped",{stopped}}}'
            )
            await goes_on(talk.core, talk.session)
