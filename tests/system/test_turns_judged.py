"""A turn is judged at its end, by what the caller could hear of it."""

import pytest
import trio
from trio.testing import MockClock

from tests.peers.model import Event, ScriptedSession

from .desk import Desk, answer, at_desk, loud, next_ask, summary, takes

WELCOME = "Good morning, this is the bakery."
ACTIVE = "conversation_already_has_active_response"
ACTIVE_TEXT = "Conversation already has an active response in progress: resp_1."


@pytest.mark.parametrize("code", [ACTIVE, None])
@pytest.mark.parametrize("first", ["refusal", "created"])
async def test_a_refused_ask_is_asked_again_after_the_response_that_was_in_its_way(
    swift_clock: MockClock, first: str, code: str | None
) -> None:
    async with at_desk(OPENAI_WELCOME_MESSAGE=WELCOME) as desk:
        session = desk.session
        if first == "refusal":
            await session.error(code, ACTIVE_TEXT)
        response = await session.begin()
        if first == "created":
            await session.error(code, ACTIVE_TEXT)
        await trio.sleep(1)
        assert session.types.count("response.create") == 1
        await response.say(loud(200), "What was asked for earlier.")
        await response.done()
        asked = await next_ask(session)
        assert WELCOME in asked["instructions"]
        await desk.greet()
        assert session.types.count("response.create") == 2


async def test_the_answer_to_a_tool_is_spoken_although_its_ask_was_refused(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        async with session.response() as response:
            await response.call("no_such_tool")
        await next_ask(session)
        await session.error(ACTIVE, ACTIVE_TEXT)
        async with session.response() as response:
            await response.say(loud(100))
        await next_ask(session)


async def test_an_empty_answer_is_asked_for_again_at_once_with_its_words(
    swift_clock: MockClock,
) -> None:
    async with at_desk(OPENAI_WELCOME_MESSAGE=WELCOME) as desk:
        for _ in range(2):
            async with desk.session.response():
                pass
            with takes(0, 0.5):
                asked = await next_ask(desk.session)
            assert WELCOME in asked["instructions"]
        await desk.greet()
        await desk.session.speech()
        # What was audible is not said again.
        assert "instructions" not in await next_ask(desk.session, within_s=10)
        assert len(desk.logged("answer came to nothing")) == 2


async def empty(session: ScriptedSession) -> None:
    async with session.response():
        pass


async def test_three_empty_answers_are_another_session_and_three_of_its_own_the_end(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        second = desk.session
        for number in range(3):
            await empty(desk.session)
            if number < 2:
                await next_ask(desk.session)
        second = await desk.model.next_session()
        for _ in range(3):
            await next_ask(second, within_s=1.5)
            await empty(second)
        assert await desk.core.wait_closed() == 1011
        (error,) = desk.core.of("error")
        assert "stopped answering" in error.message["message"]
        assert len(desk.model.sessions) == 2


async def test_an_answer_of_text_only_is_deleted_and_asked_for_as_audio(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        text = {"type": "output_text", "text": "Good morning."}
        item: Event = {"id": "t1", "type": "message", "role": "assistant"}
        item |= {"status": "completed", "content": [text]}
        response.output.append(item)
        await session.item(item)
        await response.done()
        with takes(0, 0.5):
            deleted = await session.expect("conversation.item.delete")
            asked = await next_ask(session)
        assert deleted["item_id"] == "t1"
        assert asked["output_modalities"] == ["audio"]


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
async def test_an_audible_answer_that_is_incomplete_settles_its_turn(
    swift_clock: MockClock, reason: str
) -> None:
    async with at_desk() as desk:
        response = await desk.session.begin()
        await response.say(loud(300), "Well")
        await response.done("incomplete", reason=reason)
        await trio.sleep(20)
        assert desk.session.types.count("response.create") == 1
        (line,) = desk.logged("response not completed")
        assert (line["status"], line["reason"]) == ("incomplete", reason)
        limit = desk.logged("answer cut by the token limit")
        assert [line["setting"] for line in limit] == (
            ["OPENAI_MAX_TOKENS"] if reason == "max_output_tokens" else []
        )


async def test_the_token_limit_before_the_first_sound_is_asked_about_once(
    swift_clock: MockClock,
) -> None:
    async with at_desk(OPENAI_WELCOME_MESSAGE=WELCOME) as desk:
        session = desk.session
        await (await session.begin()).done("incomplete", reason="max_output_tokens")
        with takes(0, 0.5):
            asked = await next_ask(session)
        assert WELCOME in asked["instructions"]
        await (await session.begin()).done("incomplete", reason="max_output_tokens")
        # From now on it goes by the clock of dead air.
        with takes(7.5, 8.5):
            await next_ask(session, within_s=10)
        assert len(desk.logged("answer cut by the token limit")) == 1


async def test_a_withheld_answer_is_replaced_by_one_sentence_that_says_so(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        await (await desk.session.begin()).done("incomplete", reason="content_filter")
        with takes(0, 0.5):
            asked = await next_ask(desk.session)
        assert "cannot answer that" in asked["instructions"]
        assert asked["tool_choice"] == "none"
        await (await desk.session.begin()).done("incomplete", reason="content_filter")
        # Once; then the clock of dead air.
        with takes(7.5, 8.5):
            await next_ask(desk.session, within_s=10)


async def test_an_answer_that_stalls_after_its_first_sound_is_asked_to_go_on(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        await response.say(loud(500), "Once upon", finish=False)
        with takes(8, 10):
            cancelled = await session.expect("response.cancel", within_s=12)
        assert cancelled["response_id"] == response.id
        asked = await next_ask(session)
        assert "cut off in the middle" in asked["instructions"]
        await answer(desk.core, session)
        await trio.sleep(10)
        assert session.types.count("response.create") == 2


async def test_an_error_that_ends_a_response_without_its_end_is_retried(
    swift_clock: MockClock,
) -> None:
    async with at_desk(OPENAI_WELCOME_MESSAGE=WELCOME) as desk:
        await desk.session.begin()
        await desk.session.error("server_error", "The server had an error.")
        with takes(0.9, 1.5):
            asked = await next_ask(desk.session, within_s=2)
        assert WELCOME in asked["instructions"]


@pytest.mark.parametrize("named", ["1m12s", "3s", "2500ms"])
async def test_a_retry_waits_as_long_as_it_is_told_and_ten_seconds_at_most(
    swift_clock: MockClock, named: str
) -> None:
    wait_s = {"1m12s": 10, "3s": 3, "2500ms": 2.5}[named]
    async with at_desk() as desk:
        response = await desk.session.begin()
        error = {"type": "rate_limit_error", "code": "rate_limit_exceeded"}
        error["message"] = f"Rate limit reached. Please try again in {named}."
        await response.done("failed", error=error)
        with takes(wait_s, wait_s + 0.5):
            await next_ask(desk.session, within_s=12)


async def test_a_failed_answer_counts_in_the_log(swift_clock: MockClock) -> None:
    async with at_desk() as desk:
        held: Desk = desk
        response = await desk.session.begin()
        await response.done("failed", error={"type": "server_error"})
        await next_ask(desk.session, within_s=2)
        await desk.greet()
    (line,) = held.logged("response not completed")
    assert line["status"] == "failed"
    assert summary(held)["retries"] == 1
