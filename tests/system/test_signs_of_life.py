"""Dead air is a turn that is owed and no sign of life, and nothing that works is ended."""

import json

import pytest
import trio
from trio.testing import MockClock

from tests.peers.model import ScriptedResponse, ScriptedSession

from .desk import answer, at_desk, loud, next_ask, open_line, takes


async def arguments(
    session: ScriptedSession, response: ScriptedResponse, seconds: int
) -> None:
    """A function call whose arguments take this long, a delta twice a second."""
    at = {"response_id": response.id, "item_id": "f1", "output_index": 0}
    item = {"id": "f1", "type": "function_call", "name": "no_such_tool"}
    item |= {"call_id": "c1", "arguments": "", "status": "in_progress"}
    place = {"response_id": response.id, "output_index": 0}
    await session.send("response.output_item.added", **place, item=item)
    for _ in range(seconds * 2):
        await trio.sleep(0.5)
        await session.send(
            "response.function_call_arguments.delta", **at, call_id="c1", delta=" "
        )
    done = {"call_id": "c1", "name": "no_such_tool", "arguments": "{}"}
    await session.send("response.function_call_arguments.done", **at, **done)
    item |= {"arguments": "{}", "status": "completed"}
    response.output.append(item)
    await session.send("response.output_item.done", **place, item=item)
    await response.done()


async def test_arguments_that_stream_for_ten_seconds_are_not_cancelled(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        response = await desk.session.begin()
        await arguments(desk.session, response, 10)
        output = await desk.session.expect("conversation.item.create")
        assert output["item"]["call_id"] == "c1"
        await next_ask(desk.session)
        assert "response.cancel" not in desk.session.types


@pytest.mark.parametrize(
    "kind",
    [
        "response.output_text.delta",
        "response.reasoning.delta",
        "conversation.item.added",
    ],
)
async def test_a_thought_of_twenty_seconds_with_events_is_waited_for(
    swift_clock: MockClock, kind: str
) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        item = {"id": "x", "type": "reasoning"}
        event = {"type": kind, "response_id": response.id, "delta": "hm", "item": item}
        for _ in range(5):
            await trio.sleep(4)
            await session.send_raw(json.dumps(event))
        await response.say(loud(200), "Yes.")
        await response.done()
        await desk.core.wait_audio(200)
        await trio.sleep(20)
        assert session.types.count("response.create") == 1
        assert "response.cancel" not in session.types


async def test_a_thought_without_end_is_cancelled_after_the_longest(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        event = {"type": "response.reasoning.delta", "response_id": response.id}
        with takes(28, 32):
            while "response.cancel" not in session.types:
                await session.send_raw(json.dumps(event))
                await trio.sleep(1)
        await next_ask(session)


async def test_the_ladder_is_an_ask_then_another_session_then_an_end_in_words(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        with takes(7.9, 8.5):
            cancelled = await session.expect("response.cancel", within_s=9)
        assert cancelled["response_id"] == response.id
        await next_ask(session)
        with takes(7.9, 9):
            second = await desk.model.next_session(within_s=10)
        await next_ask(second, within_s=1.5)
        with takes(7.5, 9):
            assert await desk.core.wait_closed(12) == 1011
        (error,) = desk.core.of("error")
        assert "stopped answering" in error.message["message"]
        steps = [line["step"] for line in desk.logged("dead air")]
        assert steps == ["ask_again", "other_session", "give_up"]


async def test_a_cancelled_response_without_an_end_counts_as_gone_after_two_seconds(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        session.polite = False
        await session.begin()
        await session.expect("response.cancel", within_s=9)
        with takes(1.9, 2.5):
            await next_ask(session, within_s=3)


async def test_only_what_is_heard_starts_the_ladder_anew(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await desk.session.begin()
        await desk.session.expect("response.cancel", within_s=9)
        await next_ask(desk.session)
        await answer(desk.core, desk.session)
        # The next silence begins at the bottom.
        await desk.session.speech()
        await next_ask(desk.session, within_s=10)
        assert len(desk.model.sessions) == 1


async def test_speech_that_the_vad_never_ends_is_no_excuse_if_nobody_is_heard(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk, open_line(desk.core):
        await desk.greet()
        # A click on the line, and no end of it.
        await desk.session.speech_started()
        with takes(7.5, 9):
            await next_ask(desk.session, within_s=10)
