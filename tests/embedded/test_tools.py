"""Tools in a session: the call, its output, and the answer that tells it."""

import json
from typing import Any

from .client import Client, Event, session, transcript

_ORDER = {
    "type": "function",
    "name": "check_order_status",
    "description": "Looks up an order.",
    "parameters": {
        "type": "object",
        "properties": {"order": {"type": "integer"}},
        "required": ["order"],
    },
}
_TRANSFER: dict[str, Any] = {
    "type": "function",
    "name": "avr_transfer",
    "parameters": {"type": "object", "properties": {}},
}


async def give_output(client: Client, call: Event, output: str) -> Event:
    await client.send(
        "conversation.item.create",
        item={
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": output,
        },
    )
    await client.until("conversation.item.done")
    return await client.respond()


async def test_a_tool_is_called_by_voice_and_its_answer_told() -> None:
    async with session() as (client, endpoint):
        await client.update(tools=[_ORDER])
        await client.say("use the check order status tool with forty two")
        done = await client.until("response.done")
        call = done["response"]["output"][1]
        assert json.loads(call["arguments"]) == {"order": 42}
        deltas = client.of("response.function_call_arguments.delta")
        assert "".join(event["delta"] for event in deltas) == call["arguments"]
        answered = await give_output(client, call, '{"status": "on its way"}')
        assert transcript(answered) == "The tool says: status on its way"
        kinds = [item.type for item in endpoint.sessions[-1].conversation.items]
        assert kinds == [
            "message",
            "message",
            "function_call",
            "function_call_output",
            "message",
        ]


async def test_a_failure_is_explained() -> None:
    async with session() as (client, _):
        await client.update(tools=[_ORDER])
        done = await client.ask("run tool check order status")
        call = done["response"]["output"][1]
        answered = await give_output(client, call, '{"error": "the shop is closed"}')
        assert "that did not work: the shop is closed" in transcript(answered)


async def test_a_transfer_is_called_by_voice() -> None:
    async with session() as (client, _):
        await client.update(tools=[_TRANSFER])
        await client.say("transfer me to two hundred")
        call = (await client.until("response.done"))["response"]["output"][1]
        assert json.loads(call["arguments"]) == {"transfer_extension": "200"}


async def test_a_history_with_calls_can_be_replayed() -> None:
    async with session() as (client, _):
        await client.write("run tool check order status")
        await client.write("One moment.", role="assistant")
        call = {
            "type": "function_call",
            "call_id": "call_1",
            "name": "check_order_status",
            "arguments": "{}",
        }
        await client.send("conversation.item.create", item=call)
        await client.until("conversation.item.done")
        answered = await give_output(client, call, "it has left the house")
        assert transcript(answered) == "The tool says: it has left the house"


async def test_keys_arrive_as_a_message() -> None:
    async with session() as (client, _):
        done = await client.ask("[The caller pressed these keys: 42#]")
        assert transcript(done) == "You pressed four two hash."
