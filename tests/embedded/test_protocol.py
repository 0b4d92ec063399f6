"""What the endpoint says to each event of a client, and to those it will not obey."""

from typing import Any

import pytest
import trio
import trio_websocket

from .client import (
    Client,
    connection,
    dial,
    rejection,
    running_model,
    session,
    transcript,
)


async def refused(client: Client, kind: str, **fields: Any) -> dict[str, Any]:
    await client.send(kind, **fields)
    error: dict[str, Any] = (await client.until("error"))["error"]
    assert error["type"] == "invalid_request_error"
    return error


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({"temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"modalities": ["audio"]}, "unknown_parameter", "session.modalities"),
        (
            {"output_modalities": ["audio", "text"]},
            "invalid_value",
            "session.output_modalities",
        ),
        (
            {"audio": {"output": {"format": {"type": "audio/pcm"}}}},
            "missing_required_parameter",
            "session.audio.output.format.rate",
        ),
        (
            {"audio": {"input": {"format": {"type": "pcm16"}}}},
            "invalid_value",
            "session.audio.input.format.type",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcmu", "rate": 24000}}}},
            "unknown_parameter",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}},
            "decimal_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            {"audio": {"output": {"voice": "nobody"}}},
            "invalid_value",
            "session.audio.output.voice",
        ),
        (
            {"audio": {"output": {"speed": 9}}},
            "decimal_above_max_value",
            "session.audio.output.speed",
        ),
        (
            {"max_output_tokens": 0},
            "integer_below_min_value",
            "session.max_output_tokens",
        ),
        (
            {"max_output_tokens": 5000},
            "integer_above_max_value",
            "session.max_output_tokens",
        ),
        ({"max_output_tokens": 1.5}, "invalid_type", "session.max_output_tokens"),
        ({"instructions": 7}, "invalid_type", "session.instructions"),
        ({"tools": {}}, "invalid_type", "session.tools"),
        (
            {"tools": [{"name": "x"}]},
            "missing_required_parameter",
            "session.tools[0].type",
        ),
        ({"audio": 1}, "invalid_type", "session.audio"),
        (
            {"audio": {"input": {"turn_detection": {"type": "x"}}}},
            "invalid_value",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"interrupt_response": 1}}}},
            "invalid_type",
            "session.audio.input.turn_detection.interrupt_response",
        ),
        (
            {"audio": {"input": {"turn_detection": {"silence_duration_ms": -1}}}},
            "integer_below_min_value",
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
    ],
)
async def test_a_wrong_update_is_refused_whole_and_names_its_fault(
    update: dict[str, Any], code: str, param: str
) -> None:
    async with session() as (client, endpoint):
        before = endpoint.sessions[-1].config
        asked = {"type": "realtime", "tool_choice": "none", **update}
        error = await refused(client, "session.update", session=asked, event_id="mine")
        assert (error["code"], error["param"]) == (code, param)
        assert error["event_id"] == "mine"
        assert endpoint.sessions[-1].config == before


async def test_an_update_needs_its_type() -> None:
    async with session() as (client, _):
        error = await refused(client, "session.update", session={})
        assert error["param"] == "session.type"
        error = await refused(client, "session.update")
        assert error["param"] == "session"


@pytest.mark.parametrize(
    ("model", "known"), [("gpt-realtime-2.1", True), ("gpt-realtime", False)]
)
async def test_reasoning_is_for_reasoning_models_only(
    model: str, *, known: bool
) -> None:
    async with session(model=model) as (client, _):
        answer = await client.update(reasoning={"effort": "low"})
        assert answer["type"] == ("session.updated" if known else "error")


async def test_an_update_changes_only_what_it_names() -> None:
    async with session() as (client, _):
        await client.update(instructions="Be kind.", audio={"output": {"speed": 1.2}})
        updated = await client.update(
            audio={"input": {"turn_detection": {"silence_duration_ms": 200}}},
            tools=[],
        )
        config = updated["session"]
        assert config["instructions"] == "Be kind."
        assert config["audio"]["output"]["speed"] == 1.2
        assert config["audio"]["input"]["turn_detection"] == {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 200,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        }


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("input_audio_buffer.append", {"audio": "***"}, "invalid_value"),
        ("input_audio_buffer.append", {"audio": 5}, "invalid_value"),
        ("input_audio_buffer.append", {}, "missing_required_parameter"),
        ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty"),
        ("response.cancel", {}, "response_cancel_not_active"),
        ("response.create", {"response": {"voice": "x"}}, "unknown_parameter"),
        ("response.create", {"response": []}, None),
        ("response.create", {"response": {"metadata": {"a": 1}}}, "invalid_type"),
        (
            "conversation.item.truncate",
            {"item_id": "no", "content_index": 0, "audio_end_ms": 0},
            "item_truncate_invalid_item_id",
        ),
        ("conversation.item.delete", {"item_id": "no"}, "item_delete_invalid_item_id"),
        (
            "conversation.item.retrieve",
            {"item_id": "no"},
            "item_retrieve_invalid_item_id",
        ),
        ("conversation.item.create", {"item": {"type": "x"}}, "invalid_value"),
        ("conversation.item.create", {"item": 5}, "invalid_type"),
        (
            "conversation.item.create",
            {"item": {"type": "function_call_output", "call_id": "x", "output": "y"}},
            "invalid_tool_call_id",
        ),
        (
            "conversation.item.create",
            {
                "item": {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "text", "text": "x"}],
                }
            },
            "invalid_value",
        ),
        ("output_audio_buffer.clear", {}, "invalid_value"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_the_session_goes_on(
    kind: str, fields: dict[str, Any], code: str | None
) -> None:
    async with session() as (client, _):
        if code is None:
            await client.send(kind, **fields)
            await client.until("response.done")
        else:
            assert (await refused(client, kind, **fields))["code"] == code
        assert (await client.update())["type"] == "session.updated"


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", '{"type": ["a"]}', "{}", "[" * 100_000, '{"type": null}']
)
async def test_what_is_no_event_is_refused(text: str) -> None:
    async with session() as (client, _):
        await client.ws.send_message(text)
        error = await client.until("error")
        assert error["error"]["type"] == "invalid_request_error"
        assert (await client.update())["type"] == "session.updated"


async def test_one_response_at_a_time() -> None:
    async with session(pace=6) as (client, _):
        await client.ask_without_waiting("tell me a story")
        created = await client.until("response.created")
        error = await refused(client, "response.create")
        assert error["code"] == "conversation_already_has_active_response"
        assert created["response"]["id"] in error["message"]


async def test_a_cancelled_response_ends_at_once_and_the_next_one_may_come() -> None:
    async with session(pace=6) as (client, _):
        await client.ask_without_waiting("tell me a story")
        await client.until("response.output_audio.delta")
        created = client.of("response.created")[0]["response"]["id"]
        await client.send("response.cancel", response_id=created)
        done = await client.until("response.done")
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        assert done["response"]["usage"]["output_tokens"] > 0
        assert transcript(await client.ask("are you a computer")).startswith("I am")


async def test_a_response_cancelled_before_it_said_anything_is_free() -> None:
    async with session("stall:1") as (client, _):
        await client.send("response.create")
        await client.send("response.cancel")
        done = await client.until("response.done")
        assert done["response"]["output"] == []
        assert done["response"]["usage"]["total_tokens"] == 0


async def test_many_responses_cancelled_at_once_are_refused_in_the_end() -> None:
    async with session("stall") as (client, _):
        for _ in range(40):
            await client.send("response.create")
            await client.send("response.cancel")
        while len(client.of("response.done")) + len(client.of("error")) < 40:
            await client.next()
        codes = {event["error"]["code"] for event in client.of("error")}
        assert codes <= {"rate_limit_exceeded", "response_cancel_not_active"}


async def test_items_are_added_shown_and_deleted() -> None:
    async with session() as (client, endpoint):
        first = (await client.write("hello"))["item"]["id"]
        item = {
            "id": "mine",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Good evening."}],
        }
        await client.send(
            "conversation.item.create", item=item, previous_item_id="root"
        )
        await client.until("conversation.item.done")
        items = endpoint.sessions[-1].conversation.items
        assert [item.id for item in items] == ["mine", first]
        error = await refused(client, "conversation.item.create", item=item)
        assert error["param"] == "item.id"
        await client.send("conversation.item.retrieve", item_id="mine")
        shown = await client.until("conversation.item.retrieved")
        assert shown["item"]["content"][0]["text"] == "Good evening."
        await client.send("conversation.item.delete", item_id="mine")
        assert (await client.until("conversation.item.deleted"))["item_id"] == "mine"
        assert [item.id for item in items] == [first]


async def test_text_cannot_be_truncated() -> None:
    async with session() as (client, _):
        item_id = (await client.write("hello"))["item"]["id"]
        error = await refused(
            client,
            "conversation.item.truncate",
            item_id=item_id,
            content_index=0,
            audio_end_ms=0,
        )
        assert error["code"] == "unsupported_content_type"


async def test_answers_may_be_written() -> None:
    async with session() as (client, _):
        await client.update(output_modalities=["text"])
        done = await client.ask("how much does it cost")
        assert "twelve" in done["response"]["output"][0]["content"][0]["text"]
        assert "response.output_text.done" in client.kinds()
        assert "response.output_audio.delta" not in client.kinds()


async def test_an_answer_ends_at_its_token_limit() -> None:
    async with session() as (client, _):
        await client.update(max_output_tokens=40)
        done = await client.ask("tell me a story")
        assert done["response"]["status"] == "incomplete"
        assert done["response"]["status_details"]["reason"] == "max_output_tokens"
        assert done["response"]["usage"]["output_token_details"]["audio_tokens"] == 40


async def test_the_conversation_is_charged_again_and_known_parts_are_cached() -> None:
    async with session() as (client, _):
        first = (await client.ask("tell me a story"))["response"]["usage"]
        second = (await client.ask("where are you located"))["response"]["usage"]
        spoken = first["output_token_details"]["audio_tokens"]
        assert second["input_token_details"]["audio_tokens"] == spoken
        assert second["input_token_details"]["cached_tokens"] >= spoken
        assert (
            second["total_tokens"] == second["input_tokens"] + second["output_tokens"]
        )


async def test_the_beta_shape_gets_one_error_and_close_4000() -> None:
    async with running_model() as endpoint:
        headers = [("OpenAI-Beta", "realtime=v1")]
        async with dial(endpoint, "/v1/realtime?model=x", headers) as ws:
            client = Client(ws)
            error = await client.next()
            assert error["error"]["code"] == "beta_api_shape_disabled"
            with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                await client.next()
            assert closed.value.reason is not None
            assert closed.value.reason.code == 4000


@pytest.mark.parametrize(
    ("path", "status"),
    [("/realtime", 400), ("/elsewhere?model=x", 404), ("/realtime?model=x", 401)],
)
async def test_a_wrong_handshake_is_refused(path: str, status: int) -> None:
    async with running_model(api_key="right") as endpoint:
        headers = [
            ("Authorization", "Bearer wrong" if status == 401 else "Bearer right")
        ]
        assert await rejection(endpoint, f"/v1{path}", headers) == status


async def test_what_is_no_websocket_does_not_stop_the_endpoint() -> None:
    async with running_model() as endpoint:
        for junk in (b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b""):
            stream = await trio.open_tcp_stream(endpoint.host, endpoint.port)
            async with stream:
                await stream.send_all(junk)
        async with connection(endpoint) as client:
            assert (await client.update())["type"] == "session.updated"


async def test_sessions_know_nothing_of_each_other() -> None:
    async with (
        running_model() as endpoint,
        connection(endpoint) as one,
        connection(endpoint) as other,
    ):
        await one.write("tell me a story")
        await other.write("where are you located")
        assert "Mill Lane" in transcript(await other.respond())
        assert "lighthouse" in transcript(await one.respond())
        assert [len(s.conversation.items) for s in endpoint.sessions] == [2, 2]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_item_id": "nobody"}, "previous_item_id"),
        ({"item": {"type": "message", "role": "user", "content": 5}}, "item.content"),
        (
            {
                "item": {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text"}],
                }
            },
            "item.content[0].text",
        ),
    ],
)
async def test_an_item_that_cannot_be_created_names_its_fault(
    fields: dict[str, Any], param: str
) -> None:
    async with session() as (client, endpoint):
        content = [{"type": "input_text", "text": "hello"}]
        item = {"type": "message", "role": "user", "content": content}
        asked = {"item": item, **fields}
        error = await refused(client, "conversation.item.create", **asked)
        assert error["param"] == param
        assert endpoint.sessions[-1].conversation.items == []
