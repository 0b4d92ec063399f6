"""Conversations by voice: turns, barge-in, truncation, in every audio format."""

import math
from typing import Any

import pytest
import trio

from trio_sts.audio.formats import AudioFormat, decoder
from trio_sts.embedded.brain.knowledge import FAREWELL, GREETING, INAUDIBLE
from trio_sts.embedded.speech.vad import TurnDetector, TurnRules
from trio_sts.embedded.speech.voice import CALLERS, speak

from .client import Client, Event, session, transcript

_TRANSCRIBED = {"input": {"transcription": {"model": "whisper-1"}}}
HOURS = "We are open from nine to six on weekdays, and from ten to four on Saturdays."
HANGUP: dict[str, Any] = {
    "type": "function",
    "name": "avr_hangup",
    "parameters": {},
}


@pytest.mark.parametrize("audio_format", ["pcm", "pcmu", "pcma"])
async def test_a_spoken_question_is_answered_aloud(audio_format: AudioFormat) -> None:
    async with session() as (client, _):
        await client.use_format(audio_format)
        await client.say("what are your opening hours", voice=CALLERS[1])
        done = await client.until("response.done")
        assert transcript(done) == HOURS
        item_id = done["response"]["output"][0]["id"]
        pcm8k = decoder(audio_format).decode(client.audio_of(item_id))
        spoken_ms = len(pcm8k) / 16
        tokens = done["response"]["usage"]["output_token_details"]["audio_tokens"]
        assert spoken_ms == pytest.approx(tokens * 50, abs=60)
        assert TurnDetector(TurnRules()).push(pcm8k) != []


async def test_events_of_a_turn_come_in_the_order_of_the_real_service() -> None:
    async with session() as (client, _):
        await client.say("what is your address")
        await client.until("rate_limits.updated")
        kinds = [k for k in client.kinds() if not k.endswith(".delta")]
        assert kinds == [
            "session.created",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
            "rate_limits.updated",
        ]
        first = client.kinds().index("response.output_audio_transcript.delta")
        assert first < client.kinds().index("response.output_audio.delta")


async def test_the_turn_keeps_the_id_it_was_announced_with() -> None:
    async with session() as (client, endpoint):
        await client.update(audio=_TRANSCRIBED)
        await client.say("tell me a story")
        started = await client.until("input_audio_buffer.speech_started")
        stopped = await client.until("input_audio_buffer.speech_stopped")
        completed = await client.until(
            "conversation.item.input_audio_transcription.completed"
        )
        item_ids = {event["item_id"] for event in (started, stopped, completed)}
        assert len(item_ids) == 1
        assert completed["transcript"] == "tell me a story"
        assert 0 <= started["audio_start_ms"] < stopped["audio_end_ms"]
        conversation = endpoint.sessions[-1].conversation
        assert conversation.transcript()[0] == ("user", "tell me a story")


async def test_noise_is_asked_for_again() -> None:
    async with session() as (client, _):
        await client.say("pizza with extra cheese")
        assert transcript(await client.until("response.done")) == INAUDIBLE


async def test_the_clock_counts_appended_audio_only() -> None:
    async with session() as (client, _):
        for turn in range(2):
            await client.say("good morning")
            await client.until("response.done")
            started = client.of("input_audio_buffer.speech_started")[turn]
            length_ms = 1300 + len(speak("good morning")) // 16
            assert started["audio_start_ms"] == pytest.approx(turn * length_ms, abs=150)


async def test_speech_ends_the_response_that_is_being_sent() -> None:
    async with session(pace=6) as (client, endpoint):
        await client.ask_without_waiting("tell me a story")
        await client.until("response.output_audio.delta")
        await client.say("what is your address")
        cut = await client.until("response.done")
        assert cut["response"]["status"] == "cancelled"
        assert cut["response"]["status_details"]["reason"] == "turn_detected"
        assert cut["response"]["output"][0]["status"] == "incomplete"
        done = await client.until("response.done")
        assert "Mill Lane" in transcript(done)
        late = client.seen[client.seen.index(cut) :]
        stale = [e for e in late if e.get("response_id") == cut["response"]["id"]]
        assert stale == []
        assert endpoint.sessions[-1].responses.active is None


async def test_with_interruption_off_the_agent_finishes_and_the_turn_gets_no_answer() -> (
    None
):
    detection = {"type": "server_vad", "interrupt_response": False}
    async with session(pace=60) as (client, _):
        await client.update(audio={"input": {"turn_detection": detection}})
        await client.ask_without_waiting("tell me a story")
        await client.until("response.output_audio.delta")
        await client.say("what is your address")
        done = await client.until("response.done")
        assert done["response"]["status"] == "completed"
        assert len(client.of("response.created")) == 1


async def test_without_turn_detection_turns_are_committed_by_hand() -> None:
    async with session() as (client, _):
        await client.update(audio={"input": {"turn_detection": None}})
        await client.say("what is your address")
        await client.send("input_audio_buffer.commit")
        await client.until("conversation.item.done")
        assert "response.created" not in client.kinds()
        assert "Mill Lane" in transcript(await client.respond())


async def test_semantic_detection_waits_by_eagerness() -> None:
    ends: list[int] = []
    for eagerness in ("high", "low"):
        detection = {"type": "semantic_vad", "eagerness": eagerness}
        async with session() as (client, _):
            await client.update(audio={"input": {"turn_detection": detection}})
            await client.append(speak("good morning") + bytes(16_000 * 2))
            stopped = await client.until("input_audio_buffer.speech_stopped")
            ends.append(stopped["audio_end_ms"])
    assert ends[1] - ends[0] == 900


async def test_clearing_forgets_the_beginning_of_a_turn() -> None:
    async with session() as (client, _):
        await client.append(speak("good morning"))
        await client.until("input_audio_buffer.speech_started")
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        await client.append(bytes(16_000))
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")
        assert "input_audio_buffer.speech_stopped" not in client.kinds()


async def test_what_was_not_heard_is_not_remembered() -> None:
    async with session() as (client, endpoint):
        done = await client.ask("tell me about your company")
        item = done["response"]["output"][0]
        length_ms = len(client.audio_of(item["id"])) // 48
        assert length_ms >= 10_000
        await client.send(
            "conversation.item.truncate",
            item_id=item["id"],
            content_index=0,
            audio_end_ms=3000,
        )
        await client.until("conversation.item.truncated")
        kept = endpoint.sessions[-1].conversation.items[-1]
        whole = transcript(done)
        assert kept.audio_ms == 3000
        assert whole.startswith(kept.said)
        heard_ms = len(speak(kept.said, voice="alloy")) // 16
        assert heard_ms == pytest.approx(3000, abs=500)
        again = await client.ask("what did you say")
        assert transcript(again) == kept.said


async def test_truncating_past_the_end_is_refused() -> None:
    async with session() as (client, _):
        done = await client.respond()
        item_id = done["response"]["output"][0]["id"]
        await client.send(
            "conversation.item.truncate",
            item_id=item_id,
            content_index=0,
            audio_end_ms=99_000,
        )
        error = (await client.until("error"))["error"]
        assert error["code"] == "invalid_value"
        assert error["message"].endswith("ms is already shorter than 99000ms")


async def test_the_first_response_greets_or_says_what_it_is_told_to() -> None:
    async with session() as (client, _):
        assert transcript(await client.respond()) == GREETING
        told = await client.respond(
            instructions="Say exactly the following words: “Welcome to Acme.”"
        )
        assert transcript(told) == "Welcome to Acme."


async def test_goodbye_is_spoken_before_the_hangup_of_the_same_response() -> None:
    async with session() as (client, _):
        await client.update(tools=[HANGUP])
        await client.say("thank you goodbye")
        done = await client.until("response.done")
        message, call = done["response"]["output"]
        assert transcript(done).strip() == FAREWELL
        assert (call["type"], call["name"]) == ("function_call", "avr_hangup")
        assert message["status"] == call["status"] == "completed"
        arguments = client.of("response.function_call_arguments.done")[0]
        assert arguments["name"] == "avr_hangup"
        assert arguments["output_index"] == 1


async def test_audio_is_sent_at_the_pace_that_was_asked_for() -> None:
    async with session(pace=20) as (client, _):
        begun = trio.current_time()
        done = await client.ask("tell me a story")
        spent_s = trio.current_time() - begun
        item_id = done["response"]["output"][0]["id"]
        length_s = len(client.audio_of(item_id)) / 48_000
        assert spent_s >= length_s / 20
        assert math.isfinite(spent_s)


def _sizes(client: Client, done: Event) -> list[int]:
    item_id = done["response"]["output"][0]["id"]
    deltas = client.of("response.output_audio.delta")
    return [len(e["delta"]) * 3 // 4 for e in deltas if e["item_id"] == item_id]


async def test_deltas_are_a_quarter_of_a_second() -> None:
    async with session() as (client, _):
        sizes = _sizes(client, await client.respond())
        assert set(sizes[:-1]) == {12_000}
        assert 0 < sizes[-1] <= 12_000


async def test_an_item_that_is_cut_while_it_is_sent_does_not_grow_again() -> None:
    async with session(pace=20) as (client, endpoint):
        await client.ask_without_waiting("tell me a story")
        for _ in range(3):
            await client.until("response.output_audio.delta")
        delta = await client.until("response.output_audio.delta")
        await client.send(
            "conversation.item.truncate",
            item_id=delta["item_id"],
            content_index=0,
            audio_end_ms=700,
        )
        await client.until("response.done")
        assert "conversation.item.truncated" in client.kinds()
        item = endpoint.sessions[-1].conversation.items[-1]
        assert item.audio_ms == 700
        assert item.said == "Once there"
