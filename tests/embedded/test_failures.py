"""Faults of a connection, of its settings and of the caller's turns."""

from datetime import UTC, datetime

import pytest
import trio
import trio_websocket

from .client import (
    Client,
    connection,
    rejection,
    running_model,
    session,
    transcript,
)


async def closed_with(client: Client) -> int:
    with pytest.raises(trio_websocket.ConnectionClosed) as closed:
        await client.until("no such event")
    reason = closed.value.reason
    return 1006 if reason is None else reason.code


async def test_refused_fields_are_named() -> None:
    async with session("refuse=noise_reduction+transcription") as (client, _):
        wanted = {"input": {"noise_reduction": {"type": "near_field"}}}
        error = (await client.update(audio=wanted))["error"]
        assert error["param"] == "session.audio.input.noise_reduction"
        wanted = {"input": {"transcription": {"model": "whisper-1"}}}
        error = (await client.update(audio=wanted))["error"]
        assert error["param"] == "session.audio.input.transcription"


async def test_a_wrong_echo_names_another_format() -> None:
    async with session("wrong_format") as (client, _):
        echo = (await client.update())["session"]["audio"]
        assert echo["output"]["format"] == {"type": "audio/pcmu"}


async def test_odd_deltas_are_whole_together() -> None:
    async with session("odd_bytes") as (client, _):
        done = await client.respond()
        item_id = done["response"]["output"][0]["id"]
        lengths = [len(e["delta"]) for e in client.of("response.output_audio.delta")]
        assert lengths[0] == 15_999 // 4 * 4 + 4
        assert len(client.audio_of(item_id)) % 2 == 0


async def test_transcription_fails() -> None:
    async with session("no_transcription") as (client, _):
        await client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        await client.say("good morning")
        kind = "conversation.item.input_audio_transcription.failed"
        assert (await client.until(kind))["error"]["message"]


async def test_a_session_expires_unannounced() -> None:
    async with session("expired_after=50ms") as (client, _):
        created = client.seen[0]["session"]
        assert created["expires_at"] > datetime.now(UTC).timestamp() + 3500
        assert await closed_with(client) == 1001
        assert client.of("error")[0]["error"]["code"] == "session_expired"


async def test_a_short_lifetime_is_announced() -> None:
    async with session("lifetime=200ms") as (client, _):
        created = client.seen[0]["session"]
        assert created["expires_at"] <= datetime.now(UTC).timestamp() + 1
        assert await closed_with(client) == 1001


async def test_a_dropped_connection_has_no_close_frame() -> None:
    async with running_model("drop_after=50ms") as endpoint:
        stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
        async with stream, trio.open_nursery() as nursery:
            ws = await trio_websocket.wrap_client_stream(
                nursery, stream, endpoint.host, "/v1/realtime?model=x"
            )
            assert await closed_with(Client(ws)) == 1006


async def test_the_handshake_may_be_slow_or_refused() -> None:
    async with running_model("slow_connect=100ms") as endpoint:
        begun = trio.current_time()
        async with connection(endpoint):
            assert trio.current_time() >= begun + 0.1
    async with running_model("reject_http=503") as endpoint:
        assert await rejection(endpoint, "/v1/realtime?model=x") == 503


async def _talk_without_end(ws: trio_websocket.WebSocketConnection) -> None:
    while True:
        await ws.send_message('{"type": "session.update"}' + " " * 8000)


async def test_a_client_that_does_not_read_is_dropped() -> None:
    async with running_model() as endpoint:
        stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
        async with stream, trio.open_nursery() as nursery:
            ws = await trio_websocket.wrap_client_stream(
                nursery, stream, endpoint.host, "/v1/realtime?model=x"
            )
            with trio.fail_after(20), pytest.raises(trio_websocket.ConnectionClosed):
                await _talk_without_end(ws)


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        ("refuse_transcriber", {"whisper-1", "gpt-transcribe"}),
        ("refuse_transcriber=gpt-transcribe", {"gpt-transcribe"}),
    ],
)
async def test_transcription_models_are_refused(fault: str, refused: set[str]) -> None:
    async with session(fault) as (client, endpoint):
        for model in ("gpt-transcribe", "whisper-1"):
            wanted = {"input": {"transcription": {"model": model}}}
            answer = await client.update(audio=wanted, instructions=model)
            assert (answer["type"] == "error") == (model in refused)
            if model in refused:
                assert answer["error"]["code"] == "invalid_value"
                param = "session.audio.input.transcription.model"
                assert answer["error"]["param"] == param
                assert endpoint.sessions[-1].config["instructions"] != model


async def test_some_transcribers_fail_and_only_in_the_turns_that_were_ordered() -> None:
    kind = "conversation.item.input_audio_transcription"
    async with session("no_transcription=gpt-transcribe:1") as (client, _):
        wanted = {"input": {"transcription": {"model": "gpt-transcribe"}}}
        await client.update(audio=wanted)
        for ending in ("failed", "completed"):
            await client.say("good morning")
            heard = await client.until(f"{kind}.failed", f"{kind}.completed")
            assert heard["type"] == f"{kind}.{ending}"
            await client.until("response.done")


async def test_a_session_update_is_never_answered() -> None:
    async with session("update_unanswered:2") as (client, _):
        await client.update(instructions="one")
        client.seen.clear()
        asked = {"type": "realtime", "instructions": "two"}
        await client.send("session.update", session=asked)
        await client.update(instructions="three")
        assert client.kinds() == ["session.updated"]
        assert client.seen[0]["session"]["instructions"] == "three"


async def test_a_turn_is_committed_without_a_word_about_its_speech() -> None:
    async with session("no_speech_started:2", pace=6) as (client, _):
        await client.say("tell me a story")
        await client.until("response.output_audio.delta")
        client.seen.clear()
        await client.say("what is your address")
        await client.until("response.created")
        kinds = client.kinds()
        assert "input_audio_buffer.committed" in kinds
        assert not any("input_audio_buffer.speech" in kind for kind in kinds)
        assert "Mill Lane" in transcript(await client.until("response.done"))


async def test_a_deaf_session_answers_pings_and_nothing_else() -> None:
    async with session("deaf:2") as (client, _):
        await client.say("good morning")
        await client.until("rate_limits.updated")
        client.seen.clear()
        await client.say("what is your address")
        await client.send("response.create")
        await client.send("session.update", session={"type": "realtime"})
        with trio.fail_after(2):
            await client.ws.ping()
        with trio.move_on_after(0.5):
            await client.next()
        assert client.seen == []


async def test_an_expired_session_may_stay_open() -> None:
    async with session("expired_open_after=50ms") as (client, _):
        error = (await client.until("error"))["error"]
        assert error["code"] == "session_expired"
        assert (await client.update())["type"] == "session.updated"


async def test_only_the_first_connection_goes_wrong() -> None:
    async with running_model("empty@1") as endpoint:
        outputs: list[bool] = []
        for _ in range(2):
            async with connection(endpoint) as client:
                done = await client.respond()
                outputs.append(bool(done["response"]["output"]))
        assert outputs == [False, True]
