"""Responses that hold, or come with, what nobody asked for."""

import json
from typing import Any

import pybase64
import pytest
import trio

from trio_sts.embedded.brain.knowledge import GREETING

from .client import Client, session, transcript

_TOOLS: list[dict[str, Any]] = [
    {"type": "function", "name": "avr_hangup", "parameters": {}},
    {"type": "function", "name": "get_order", "parameters": {}},
]
_STALL_S = 0.3


async def calls(client: Client) -> list[dict[str, Any]]:
    done = await client.respond()
    output: list[dict[str, Any]] = done["response"]["output"]
    return [item for item in output if item["type"] == "function_call"]


async def answer(client: Client, call_id: str, output: str) -> None:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    await client.send("conversation.item.create", item=item)
    assert (await client.until("conversation.item.done", "error"))["type"] != "error"


@pytest.mark.parametrize(
    ("fault", "order"),
    [
        ("busy_first", ["error", "response.created"]),
        ("busy_late", ["response.created", "error"]),
    ],
)
async def test_an_ask_is_refused_for_a_response_of_the_services_own(
    fault: str, order: list[str]
) -> None:
    async with session(f"{fault}:1") as (client, _):
        wish = {"instructions": "Say exactly: hello."}
        await client.send("response.create", response=wish)
        done = await client.until("response.done")
        kinds = [kind for kind in client.kinds() if kind in order]
        assert kinds == order
        error = client.of("error")[0]["error"]
        assert error["code"] == "conversation_already_has_active_response"
        assert done["response"]["id"] in error["message"]
        assert transcript(done) == GREETING
        assert transcript(await client.respond(**wish)) == "hello."


async def test_a_long_thought_is_written_before_the_answer_is_spoken() -> None:
    async with session("think=600ms:1") as (client, _):
        begun = trio.current_time()
        done = await client.respond()
        assert trio.current_time() >= begun + 0.6
        thought, spoken = done["response"]["output"]
        assert thought["content"][0]["type"] == "output_text"
        assert spoken["content"][0]["transcript"] == GREETING
        assert len(client.of("response.output_text.delta")) >= 3
        kinds = client.kinds()
        first_audio = kinds.index("response.output_audio.delta")
        assert "response.output_text.delta" not in kinds[first_audio:]


async def test_an_answer_comes_in_two_parts_each_cut_by_itself() -> None:
    async with session("two_parts:1") as (client, endpoint):
        done = await client.ask("what is your address")
        (item,) = done["response"]["output"]
        assert len(item["content"]) == 2
        assert "Mill Lane" in transcript(done)
        deltas = client.of("response.output_audio.delta")
        assert {event["content_index"] for event in deltas} == {0, 1}
        lengths = [
            sum(
                len(pybase64.b64decode(event["delta"]))
                for event in deltas
                if event["content_index"] == index
            )
            // 48
            for index in (0, 1)
        ]
        for index, kept_ms in ((0, lengths[0]), (1, 300)):
            await client.send(
                "conversation.item.truncate",
                item_id=item["id"],
                content_index=index,
                audio_end_ms=kept_ms,
            )
            truncated = await client.until("conversation.item.truncated", "error")
            assert truncated["content_index"] == index
        kept = endpoint.sessions[-1].conversation.items[-1]
        assert kept.audio_ms == lengths[0] + 300
        await client.send(
            "conversation.item.truncate",
            item_id=item["id"],
            content_index=2,
            audio_end_ms=0,
        )
        error = (await client.until("error"))["error"]
        assert (error["code"], error["param"]) == ("invalid_value", "content_index")


async def test_odd_events_stand_between_those_that_matter() -> None:
    async with session("odd_events:1") as (client, _):
        client.checked = False
        await client.respond()
        begun = client.kinds().index("response.created")
        odd = client.seen[begun + 1 : begun + 11]
        assert not any(event["type"].startswith("response.output") for event in odd)
        assert client.kinds()[begun + 11] == "response.output_item.added"
        client.seen.clear()
        client.checked = True
        assert (await client.respond())["response"]["status"] == "completed"


async def test_there_is_no_end_of_calls() -> None:
    async with session("only_calls") as (client, _):
        await client.update(tools=_TOOLS)
        for number in range(5):
            (call,) = await calls(client)
            assert call["name"] == "get_order"
            await answer(client, call["call_id"], str(number))
        assert client.of("response.output_audio.delta") == []


async def test_without_tools_no_call_can_be_made() -> None:
    async with session("only_calls") as (client, _):
        await client.update(tools=_TOOLS[:1])
        assert transcript(await client.respond()) == GREETING


async def test_arguments_take_their_time() -> None:
    async with session("slow_arguments=1s:1") as (client, _):
        await client.update(tools=_TOOLS)
        begun = trio.current_time()
        (call,) = await calls(client)
        assert trio.current_time() >= begun + 1
        assert json.loads(call["arguments"]) == {}
        deltas = client.of("response.function_call_arguments.delta")
        assert len(deltas) >= 5
        assert "".join(event["delta"] for event in deltas) == call["arguments"]


async def test_a_call_is_cut_before_its_arguments() -> None:
    async with session("half_call:1") as (client, _):
        await client.update(tools=_TOOLS)
        done = (await client.respond())["response"]
        assert done["status"] == "incomplete"
        assert done["status_details"]["reason"] == "max_output_tokens"
        call = done["output"][-1]
        assert (call["type"], call["status"]) == ("function_call", "incomplete")
        assert call["arguments"] == ""
        assert client.of("response.function_call_arguments.done") == []


async def test_slow_arguments_end_when_their_response_is_cancelled() -> None:
    async with session("slow_arguments:1") as (client, _):
        await client.update(tools=_TOOLS)
        await client.send("response.create")
        await client.until("response.function_call_arguments.delta")
        await client.send("response.cancel")
        done = (await client.until("response.done"))["response"]
        assert done["output"][-1]["status"] == "incomplete"
        assert (await client.respond())["response"]["status"] == "completed"


async def test_one_call_id_serves_for_ever() -> None:
    async with session("same_call_id") as (client, _):
        await client.update(tools=_TOOLS)
        for number in range(3):
            (call,) = await calls(client)
            assert call["call_id"] == "call_0"
            await answer(client, "call_0", f"number {number}")
        assert "number 2" in transcript(await client.respond())


@pytest.mark.parametrize(
    ("order", "ends"),
    [
        ("mcp=300ms:1", ["response.mcp_call.completed", "response.done"]),
        ("mcp_late=300ms:1", ["response.done", "response.mcp_call.completed"]),
        ("mcp_failed=300ms:1", ["response.mcp_call.failed", "response.done"]),
        (
            "mcp_failed=300ms:1,mcp_late=300ms:1",
            ["response.done", "response.mcp_call.failed"],
        ),
    ],
)
async def test_an_mcp_call_ends_on_either_side_of_its_response(
    order: str, ends: list[str]
) -> None:
    async with session(order) as (client, _):
        begun = trio.current_time()
        await client.send("response.create")
        while not set(ends) <= set(client.kinds()):
            await client.next()
        assert trio.current_time() >= begun + _STALL_S
        assert [kind for kind in client.kinds() if kind in ends] == ends
        assert "response.mcp_call_arguments.done" in client.kinds()
        while "response.output_item.done" not in client.kinds():
            await client.next()
        told = transcript(await client.respond())
        failed = "response.mcp_call.failed" in ends
        assert ("did not work" if failed else "on its way") in told
