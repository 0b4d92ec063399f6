"""Remote tools: their results are asked about, and the model is not hurried meanwhile."""

import pytest
import trio
from trio.testing import MockClock

from tests.peers.model import Event, ScriptedResponse, ScriptedSession

from .desk import answer, at_desk, loud, next_ask, takes

CALL: Event = {
    "id": "m1",
    "type": "mcp_call",
    "server_label": "crm",
    "name": "look_up",
    "arguments": "{}",
}


async def starts(session: ScriptedSession, response: ScriptedResponse) -> None:
    place = {"response_id": response.id, "output_index": 0}
    await session.send("response.output_item.added", **place, item=CALL)
    at = {"item_id": "m1", "output_index": 0}
    await session.send("response.mcp_call.in_progress", **at)


async def ends(session: ScriptedSession, how: str) -> None:
    at = {"item_id": "m1", "output_index": 0}
    await session.send(f"response.mcp_call.{how}", **at)


@pytest.mark.parametrize("how", ["completed", "failed"])
@pytest.mark.parametrize("order", ["before its response's end", "after it"])
async def test_a_remote_result_is_asked_about_within_a_second(
    swift_clock: MockClock, order: str, how: str
) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        await starts(session, response)
        if order == "after it":
            await response.done()
            await trio.sleep(3)
            await ends(session, how)
        else:
            await ends(session, how)
            await response.done()
        with takes(0.9, 1.3):
            await next_ask(session, within_s=2)
        await answer(desk.core, session)
        await trio.sleep(20)
        assert session.types.count("response.create") == 2


async def test_a_slow_remote_tool_is_not_nudged_while_it_runs(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        response = await desk.session.begin()
        await starts(desk.session, response)
        await response.done()
        await trio.sleep(25)
        assert desk.session.types.count("response.create") == 1
        assert "response.cancel" not in desk.session.types
        await ends(desk.session, "completed")
        await next_ask(desk.session, within_s=1.3)


async def test_a_response_that_follows_by_itself_is_not_asked_for(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        response = await desk.session.begin()
        await starts(desk.session, response)
        await response.done()
        await ends(desk.session, "completed")
        await trio.sleep(0.7)
        async with desk.session.response() as following:
            await following.say(loud(300), "You owe nothing.")
        await trio.sleep(20)
        assert desk.session.types.count("response.create") == 1
        assert desk.core.audio_ms >= 300


async def test_an_approval_is_refused_and_the_model_answers_without_it(
    swift_clock: MockClock,
) -> None:
    request: Event = {**CALL, "id": "a1", "type": "mcp_approval_request"}
    async with at_desk() as desk:
        session = desk.session
        session.polite = False
        response = await session.begin()
        place = {"response_id": response.id, "output_index": 0}
        await session.send("response.output_item.done", **place, item=request)
        response.output.append(request)
        await response.done()
        refused = await session.expect("conversation.item.create")
        assert refused["item"]["type"] == "mcp_approval_response"
        assert refused["item"]["approve"] is False
        assert refused["item"]["approval_request_id"] == "a1"
        await next_ask(session, within_s=1.3)
        assert len(desk.logged("mcp approval refused")) == 1
