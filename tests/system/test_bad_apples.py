"""A faulty item or event costs itself; ids that repeat, loops and half calls are told apart."""

import json

import pytest
import trio
from trio.testing import MockClock

from tests.peers.model import Event, ScriptedResponse, ScriptedSession

from .desk import answer, at_desk, loud, next_ask
from .kit import goes_on

ODD: list[str] = [
    '{"type":"response.output_audio_transcript.delta","response_id":5,"delta":[]}',
    '{"type":"response.output_item.added","item":"x"}',
    '{"type":"response.output_item.done"}',
    '{"type":"response.content_part.added","part":[]}',
    '{"type":"conversation.item.added","item":{"id":7}}',
    '{"type":"conversation.item.done","item":[1]}',
    '{"type":"conversation.item.input_audio_transcription.completed","transcript":{}}',
    '{"type":"conversation.item.input_audio_transcription.failed","error":5}',
    '{"type":"input_audio_buffer.committed","item_id":[]}',
    '{"type":"response.output_audio.done","item_id":{}}',
    '{"type":"response.mcp_call.in_progress","item_id":3}',
    '{"type":"rate_limits.updated","rate_limits":{}}',
]


async def test_dispensable_events_of_an_odd_shape_cost_no_session(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await desk.greet()
        for text in ODD:
            await desk.session.send_raw(text)
        await goes_on(desk.core, desk.session)
        assert len(desk.model.sessions) == 1
        assert not desk.logged("malformed model event")


async def end_raw(
    session: ScriptedSession, response: ScriptedResponse, output: list[object]
) -> None:
    done = {"id": response.id, "status": "completed", "output": output}
    await session.send_raw(json.dumps({"type": "response.done", "response": done}))
    response.is_done = True
    session.active = None


@pytest.mark.parametrize("apple", [{"type": "message"}, None, 5, {"id": [], "type": 1}])
async def test_an_item_that_cannot_be_read_leaves_its_response_and_the_others(
    swift_clock: MockClock, apple: object
) -> None:
    call: Event = {"id": "f1", "type": "function_call", "name": "no_such_tool"}
    call |= {"call_id": "c1", "arguments": "{}", "status": "completed"}
    async with at_desk() as desk:
        response = await desk.session.begin()
        await end_raw(desk.session, response, [apple, call])
        output = await desk.session.expect("conversation.item.create")
        assert output["item"]["call_id"] == "c1"
        await next_ask(desk.session)
        assert not desk.logged("malformed model event")


async def test_one_call_id_for_ever_is_a_call_in_every_response(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        for _ in range(3):
            async with desk.session.response() as response:
                await response.say(loud(100))
                await response.call("no_such_tool", call_id="call_0")
            output = await desk.session.expect("conversation.item.create")
            assert output["item"]["call_id"] == "call_0"
            await next_ask(desk.session)
        creates = desk.session.types.count("conversation.item.create")
        assert creates == 3


async def test_endless_tools_are_told_to_speak_after_eight_rounds(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        for number in range(8):
            async with desk.session.response() as response:
                await response.call("no_such_tool")
            asked = await next_ask(desk.session)
            assert asked.get("tool_choice") == ("none" if number == 7 else None)
        (warning,) = desk.logged("tools without a word")
        assert warning["tools"] == ["no_such_tool"]
        await answer(desk.core, desk.session)
        async with desk.session.response() as response:
            await response.call("no_such_tool")
        assert "tool_choice" not in await next_ask(desk.session)


async def test_a_call_that_is_cut_before_its_arguments_does_not_run(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        held = desk
        session = desk.session
        response = await session.begin()
        item: Event = {"id": "f1", "type": "function_call", "name": "avr_hangup"}
        item |= {"call_id": "c1", "arguments": "", "status": "in_progress"}
        place = {"response_id": response.id, "output_index": 0}
        await session.send("response.output_item.added", **place, item=item)
        at = {"item_id": "f1", "call_id": "c1", "name": "avr_hangup"}
        await session.send(
            "response.function_call_arguments.done", **place, **at, arguments=""
        )
        item |= {"status": "incomplete"}
        await session.send("response.output_item.done", **place, item=item)
        response.output.append(item)
        await response.done("incomplete", reason="max_output_tokens")
        # Nothing was audible, and no tool was called.
        await next_ask(session)
        await answer(desk.core, session)
        await trio.sleep(5)
        assert not desk.ami.requests
        assert "conversation.item.create" not in session.types
    assert held.logged("call ended")[0]["tools"] == 0


async def test_a_call_without_arguments_runs_at_the_end_of_its_item(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        async with desk.session.response() as response:
            await response.call("no_such_tool", "")
        output = await desk.session.expect("conversation.item.create")
        assert "error" in output["item"]["output"]
        await next_ask(desk.session)
        assert desk.session.types.count("conversation.item.create") == 1
