"""What other people's clients send: it is taken as the real service takes it."""

from typing import Any

import pybase64
import pytest
import structlog
import trio

from trio_sts.embedded.brain.knowledge import GREETING
from trio_sts.embedded.speech.voice import speak

from .client import (
    Client,
    connection,
    dial,
    rejection,
    running_model,
    session,
    transcript,
)

_LOOK_UP: dict[str, Any] = {"type": "function", "name": "look_up", "parameters": {}}
_MCP: dict[str, Any] = {
    "type": "mcp",
    "server_label": "crm",
    "server_url": "https://crm.example/mcp",
    "require_approval": "never",
}


@pytest.mark.parametrize(
    "update",
    [
        {"model": "gpt-realtime-2.1"},
        {"model": "gpt-4o-realtime-preview"},
        {"instructions": None, "tools": None, "tool_choice": None, "model": None},
        {"output_modalities": None, "max_output_tokens": None, "truncation": None},
        {"audio": {"output": {"voice": None, "speed": None, "format": None}}},
        {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
        {
            "audio": {
                "input": {
                    "transcription": {
                        "model": "gpt-transcribe",
                        "languages": ["en"],
                        "keywords": ["Riverside"],
                        "delay": "low",
                    }
                }
            }
        },
        {
            "audio": {
                "input": {
                    "turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}
                }
            }
        },
        {"audio": {"output": {"voice": {"id": "voice_abc"}}}},
        {"tracing": "auto"},
        {"tracing": {"workflow_name": "shop", "group_id": "a", "metadata": {"b": 1}}},
        {"include": ["item.input_audio_transcription.logprobs"]},
        {"prompt": {"id": "pmpt_1", "version": "2", "variables": {"a": "b"}}},
        {"truncation": {"type": "retention_ratio", "retention_ratio": 0.8}},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "mcp", "server_label": "crm"}},
        {"tools": [_LOOK_UP, _MCP]},
        {"parallel_tool_calls": True, "reasoning": {"effort": "low"}},
    ],
)
async def test_an_update_is_taken_and_shown(update: dict[str, Any]) -> None:
    async with session() as (client, endpoint):
        before = endpoint.sessions[-1].config
        shown = (await client.update(**update))["session"]
        assert shown["model"] == "gpt-realtime-2.1"
        for name, value in update.items():
            if value is None:
                assert shown[name] == (before.get(name, "gpt-realtime-2.1"))
            elif name not in {"model", "audio"}:
                assert shown[name] == value
        assert transcript(await client.respond()) or "tool_choice" in update


@pytest.mark.parametrize(
    ("update", "code", "param"),
    [
        ({"tracing": "on"}, "invalid_value", "session.tracing"),
        ({"tracing": {"name": "x"}}, "unknown_parameter", "session.tracing.name"),
        ({"include": ["all"]}, "invalid_value", "session.include[0]"),
        ({"prompt": {"name": "x"}}, "unknown_parameter", "session.prompt.name"),
        (
            {
                "audio": {
                    "input": {
                        "turn_detection": {
                            "type": "server_vad",
                            "idle_timeout_ms": 100,
                        }
                    }
                }
            },
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            {
                "audio": {
                    "input": {
                        "turn_detection": {
                            "type": "semantic_vad",
                            "idle_timeout_ms": 6000,
                        }
                    }
                }
            },
            "unknown_parameter",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            {"tools": [{**_LOOK_UP, "name": "look up"}]},
            "invalid_value",
            "session.tools[0].name",
        ),
        (
            {"tools": [{**_LOOK_UP, "strict": True}]},
            "unknown_parameter",
            "session.tools[0].strict",
        ),
        (
            {"tools": [{"type": "mcp", "server_label": "crm"}]},
            "missing_required_parameter",
            "session.tools[0].server_url",
        ),
        ({"tools": [_MCP, _MCP]}, "invalid_value", "session.tools[1].server_label"),
        ({"tools": [{"type": "x"}]}, "invalid_value", "session.tools[0].type"),
    ],
)
async def test_an_update_is_refused(
    update: dict[str, Any], code: str, param: str
) -> None:
    async with session() as (client, _):
        error = (await client.update(**update))["error"]
        assert (error["code"], error["param"]) == (code, param)


async def test_tracing_cannot_be_changed_and_the_voice_not_after_it_was_heard() -> None:
    async with session() as (client, _):
        assert (await client.update(tracing="auto"))["type"] == "session.updated"
        assert (await client.update(tracing="auto"))["type"] == "session.updated"
        error = (await client.update(tracing=None))["error"]
        assert error["param"] == "session.tracing"
        voice = {"output": {"voice": "marin"}}
        assert (await client.update(audio=voice))["type"] == "session.updated"
        await client.respond()
        assert (await client.update(audio=voice))["type"] == "session.updated"
        error = (await client.update(audio={"output": {"voice": "ash"}}))["error"]
        assert error["code"] == "cannot_update_voice"


async def test_a_required_tool_is_called() -> None:
    async with session() as (client, _):
        await client.update(tools=[_LOOK_UP], tool_choice="required")
        (item,) = (await client.ask("tell me a story"))["response"]["output"]
        assert (item["type"], item["name"]) == ("function_call", "look_up")
        done = await client.respond(tool_choice="none")
        assert done["response"]["output"][0]["type"] == "message"


async def test_the_tools_of_an_mcp_server_cannot_be_listed() -> None:
    async with session() as (client, _):
        for _ in range(2):
            await client.update(tools=[_MCP])
        await client.respond()
        kinds = [kind for kind in client.kinds() if kind.startswith("mcp_list_tools")]
        assert kinds == ["mcp_list_tools.in_progress", "mcp_list_tools.failed"]


async def test_what_has_no_effect_is_said_once() -> None:
    with structlog.testing.capture_logs() as lines:
        async with running_model() as endpoint:
            for _ in range(2):
                async with connection(endpoint) as client:
                    await client.update(tracing="auto", tools=[_MCP])
                    await client.update(instructions="Be kind.")
    told = [
        line["what"] for line in lines if line["event"] == "accepted without effect"
    ]
    assert len(told) == 2
    assert {what.split(":")[0] for what in told} == {"tracing", "tools"}


def _spoken(text: str) -> dict[str, Any]:
    audio = pybase64.b64encode(speak(text, rate_hz=24_000)).decode()
    content = [{"type": "input_audio", "audio": audio}]
    return {"type": "message", "role": "user", "content": content}


async def test_audio_may_come_as_an_item() -> None:
    async with session() as (client, _):
        item = _spoken("what is your address")
        await client.send("conversation.item.create", item=item)
        shown = (await client.until("conversation.item.done"))["item"]
        assert shown["content"] == [{"type": "input_audio", "transcript": None}]
        assert "Mill Lane" in transcript(await client.respond())
        await client.send("conversation.item.retrieve", item_id=shown["id"])
        known = (await client.until("conversation.item.retrieved"))["item"]
        assert known["content"][0]["transcript"] == "what is your address"


@pytest.mark.parametrize(
    ("content", "role", "param"),
    [
        ({"type": "input_audio"}, "user", "item.content[0].audio"),
        ({"type": "input_image"}, "user", "item.content[0].image_url"),
        (
            {"type": "output_audio", "transcript": "Hello."},
            "assistant",
            "item.content[0].text",
        ),
    ],
)
async def test_a_part_must_hold_what_its_type_says(
    content: dict[str, Any], role: str, param: str
) -> None:
    async with session() as (client, _):
        item = {"type": "message", "role": role, "content": [content]}
        await client.send("conversation.item.create", item=item)
        error = (await client.until("error"))["error"]
        assert (error["code"], error["param"]) == ("missing_required_parameter", param)


async def test_pictures_and_several_parts_are_taken() -> None:
    async with session() as (client, _):
        url = "data:image/png;base64,AAAA"
        item = {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": url},
                {"type": "input_text", "text": "what is your address"},
            ],
        }
        await client.send("conversation.item.create", item=item)
        shown = (await client.until("conversation.item.done"))["item"]["content"]
        assert shown[0] == {"type": "input_image", "image_url": url}
        assert "Mill Lane" in transcript(await client.respond())


async def test_an_item_without_any_audio_holds_nothing_up() -> None:
    async with session() as (client, _):
        item = _spoken("")
        item["content"][0]["audio"] = ""
        await client.send("conversation.item.create", item=item)
        assert (await client.respond())["response"]["status"] == "completed"


def _written(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


async def test_a_response_out_of_band_leaves_the_conversation_alone() -> None:
    async with session(pace=6) as (client, endpoint):
        await client.ask_without_waiting("tell me a story")
        await client.until("response.output_audio.delta")
        active = client.of("response.created")[0]["response"]["id"]
        before = client.kinds().count("conversation.item.added")
        await client.send(
            "response.create",
            response={
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"topic": "place"},
                "input": [_written("what is your address")],
            },
        )
        done = (await client.until("response.done"))["response"]
        assert done["metadata"] == {"topic": "place"}
        assert done["conversation_id"] is None
        assert "Mill Lane" in done["output"][0]["content"][0]["text"]
        assert client.kinds().count("conversation.item.added") == before
        story = (await client.until("response.done"))["response"]
        assert (story["id"], story["status"]) == (active, "completed")
        assert story["conversation_id"].startswith("conv_")
        roles = [item.role for item in endpoint.sessions[-1].conversation.items]
        assert roles == ["user", "assistant"]


async def test_a_response_out_of_band_is_cancelled_by_its_id() -> None:
    async with session("stall") as (client, _):
        await client.send("response.create", response={"conversation": "none"})
        created = (await client.until("response.created"))["response"]
        await client.send("response.cancel")
        error = (await client.until("error"))["error"]
        assert error["code"] == "response_cancel_not_active"
        await client.send("response.cancel", response_id=created["id"])
        done = (await client.until("response.done"))["response"]
        assert (done["id"], done["status"]) == (created["id"], "cancelled")


async def test_a_response_may_have_an_input_of_its_own() -> None:
    async with session() as (client, endpoint):
        asked = await client.write("tell me a story")
        reference = {"type": "item_reference", "id": asked["item"]["id"]}
        done = await client.respond(input=[_spoken("what is your address")])
        assert "Mill Lane" in transcript(done)
        assert transcript(await client.respond(input=[])) == GREETING
        assert "lighthouse" in transcript(await client.respond(input=[reference]))
        assert len(endpoint.sessions[-1].conversation.items) == 4
        missing = {"type": "item_reference", "id": "nobody"}
        error = (await client.respond(input=[missing]))["error"]
        assert (error["code"], error["param"]) == (
            "invalid_value",
            "response.input[0].id",
        )


async def test_a_response_may_have_a_voice_and_a_format_of_its_own() -> None:
    async with session() as (client, _):
        output = {"format": {"type": "audio/pcmu"}, "voice": "ash"}
        done = await client.respond(audio={"output": output}, instructions=None)
        assert done["response"]["audio"]["output"] == {**output}
        item_id = done["response"]["output"][0]["id"]
        tokens = done["response"]["usage"]["output_token_details"]["audio_tokens"]
        length_ms = len(client.audio_of(item_id)) / 8
        assert length_ms == pytest.approx(tokens * 50, abs=60)


async def test_no_more_is_cached_than_was_sent() -> None:
    async with session() as (client, _):
        done = await client.ask("tell me a story")
        await client.send(
            "conversation.item.truncate",
            item_id=done["response"]["output"][0]["id"],
            content_index=0,
            audio_end_ms=1000,
        )
        await client.until("conversation.item.truncated")
        usage = (await client.ask("good morning"))["response"]["usage"]
        details = usage["input_token_details"]
        assert details["audio_tokens"] == 20
        cached = details["cached_tokens_details"]
        assert cached["audio_tokens"] == 20
        assert details["cached_tokens"] <= usage["input_tokens"]


async def test_a_browsers_key_is_in_the_name_of_a_protocol() -> None:
    async with running_model(api_key="right") as endpoint:
        path = "/v1/realtime?model=x"
        offered = ["realtime", "openai-insecure-api-key.right"]
        async with dial(endpoint, path, protocols=offered) as ws:
            assert (await Client(ws).next())["type"] == "session.created"
            assert ws.subprotocol == "realtime"
        wrong = ["realtime", "openai-insecure-api-key.wrong"]
        assert await rejection(endpoint, path, protocols=wrong) == 401


async def test_an_approval_that_nobody_asked_for_is_refused() -> None:
    async with session() as (client, _):
        item = {
            "type": "mcp_approval_response",
            "approval_request_id": "mcpr_1",
            "approve": True,
        }
        await client.send("conversation.item.create", item=item)
        with trio.fail_after(5):
            error = (await client.until("error"))["error"]
        assert error["param"] == "item.approval_request_id"
