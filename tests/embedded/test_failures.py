"""Every misbehaviour that can be ordered."""

from datetime import UTC, datetime

import pytest
import trio
import trio_websocket

from trio_sts.embedded import Faults

from .client import Client, connection, rejection, running_model, session


async def closed_with(client: Client) -> int:
    with pytest.raises(trio_websocket.ConnectionClosed) as closed:
        await client.until("no such event")
    reason = closed.value.reason
    return 1006 if reason is None else reason.code


@pytest.mark.parametrize(
    ("fault", "code"),
    [("rate_limit_once", "rate_limit_exceeded"), ("server_error_once", "server_error")],
)
async def test_the_first_response_fails_and_the_next_does_not(
    fault: str, code: str
) -> None:
    async with session(fault) as (client, _):
        failed = (await client.respond())["response"]
        assert failed["status"] == "failed"
        assert failed["status_details"]["error"]["code"] == code
        assert (await client.respond())["response"]["status"] == "completed"


async def test_without_quota_every_response_fails() -> None:
    async with session("insufficient_quota") as (client, _):
        for _ in range(2):
            details = (await client.respond())["response"]["status_details"]
            assert details["error"]["code"] == "insufficient_quota"


async def test_a_silent_response_ends_without_output() -> None:
    async with session("silent_response_once") as (client, _):
        assert (await client.respond())["response"]["output"] == []
        assert (await client.respond())["response"]["output"] != []


async def test_a_stuck_response_ends_when_it_is_cancelled() -> None:
    async with session("stuck_response_once") as (client, _):
        await client.send("response.create")
        await client.until("response.created")
        await client.send("response.cancel")
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert (await client.respond())["response"]["status"] == "completed"


async def test_refused_fields_are_named() -> None:
    async with session("refuse=noise_reduction,transcription") as (client, _):
        wanted = {"input": {"noise_reduction": {"type": "near_field"}}}
        error = (await client.update(audio=wanted))["error"]
        assert error["param"] == "session.audio.input.noise_reduction"
        wanted = {"input": {"transcription": {"model": "whisper-1"}}}
        error = (await client.update(audio=wanted))["error"]
        assert error["param"] == "session.audio.input.transcription"


async def test_a_wrong_echo_names_another_format() -> None:
    async with session("wrong_format_echo") as (client, _):
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
    async with session("close_1001_after_s=0.05") as (client, _):
        created = client.seen[0]["session"]
        assert created["expires_at"] > datetime.now(UTC).timestamp() + 3500
        assert await closed_with(client) == 1001
        assert client.of("error")[0]["error"]["code"] == "session_expired"


async def test_a_short_lifetime_is_announced() -> None:
    async with session("lifetime_s=0.2") as (client, _):
        created = client.seen[0]["session"]
        assert created["expires_at"] <= datetime.now(UTC).timestamp() + 1
        assert await closed_with(client) == 1001


async def test_a_dropped_connection_has_no_close_frame() -> None:
    async with running_model("drop_after_s=0.05") as endpoint:
        stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
        async with stream, trio.open_nursery() as nursery:
            ws = await trio_websocket.wrap_client_stream(
                nursery, stream, endpoint.host, "/v1/realtime?model=x"
            )
            assert await closed_with(Client(ws)) == 1006


async def test_the_handshake_may_be_slow_or_refused() -> None:
    async with running_model("slow_connect_s=0.1") as endpoint:
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


def test_faults_are_read_from_words() -> None:
    assert Faults.parse() == Faults()
    assert Faults.parse("odd-bytes drop_after_s=5", "refuse=a,b") == Faults(
        odd_bytes=True, drop_after_s=5.0, refuse=("a", "b")
    )


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("nonsense", "known are slow_connect_s"),
        ("drop_after_s=soon", "needs a number"),
        ("drop_after_s", "needs a number"),
        ("odd_bytes=3", "takes no value"),
    ],
)
def test_a_wrong_fault_is_named(order: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Faults.parse(order)
