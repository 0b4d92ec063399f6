"""Small things that left somebody in silence, or told what was not so."""

import pytest
import trio
from trio.testing import MockClock

from tests.peers.core import calling, silence
from tests.peers.model import Event, ScriptedSession, scripted_model

from .desk import answer, at_desk, loud, next_ask, summary, takes
from .kit import log
from .service import serving

WELCOME = "Good morning, this is the bakery."


async def test_keys_do_not_wait_for_the_delay_of_a_failed_answer(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk:
        error: Event = {"type": "rate_limit_error", "code": "rate_limit_exceeded"}
        error["message"] = "Please try again in 9s."
        await (await desk.session.begin()).done("failed", error=error)
        await desk.core.press("12#")
        with takes(0, 0.5):
            created = await desk.session.expect("conversation.item.create")
            await next_ask(desk.session)
        assert "12" in created["item"]["content"][0]["text"]


async def late(session: ScriptedSession) -> None:
    await trio.sleep(6)
    await session.set_up()


async def test_keys_before_the_session_keep_their_pauses_and_lose_no_welcome(
    swift_clock: MockClock,
) -> None:
    async with (
        scripted_model(late) as model,
        serving(model.base_url, OPENAI_WELCOME_MESSAGE=WELCOME) as service,
        calling(service.url) as core,
    ):
        await core.init("call-1")
        await core.press("12")
        await trio.sleep(2)
        await core.press("34")
        session = await model.next_session(within_s=10)
        texts: list[str] = []
        for _ in range(2):
            created = await session.expect("conversation.item.create")
            texts.append(created["item"]["content"][0]["text"])
        assert ["12" in texts[0], "34" in texts[1]] == [True, True]
        asked = await next_ask(session)
        assert WELCOME in asked["instructions"]


async def test_a_key_while_the_session_is_set_up_loses_no_welcome(
    swift_clock: MockClock,
) -> None:
    async with (
        scripted_model(late) as model,
        serving(model.base_url, OPENAI_WELCOME_MESSAGE=WELCOME) as service,
        calling(service.url) as core,
    ):
        await core.init("call-1")
        await trio.sleep(5.5)
        await core.press("5")
        session = await model.next_session(within_s=10)
        asked = await next_ask(session, within_s=3)
        assert WELCOME in asked["instructions"]
        await answer(core, session)


async def test_empty_audio_fills_nothing_and_is_no_caller(
    swift_clock: MockClock,
) -> None:
    with log() as lines:
        async with (
            scripted_model(late) as model,
            serving(model.base_url) as service,
            calling(service.url) as core,
        ):
            await core.init("call-1")
            await core.say(silence(1000))
            for _ in range(600):
                await core.send({"type": "audio", "audio": ""})
            session = await model.next_session(within_s=10)
            await session.heard(990 * 48)
            assert not core.of("error")
    (line,) = (each for each in lines if each["event"] == "call ended")
    assert line["dropped_audio_ms"] == 0


async def test_audio_that_a_missing_model_cannot_take_is_not_called_a_flood(
    swift_clock: MockClock,
) -> None:
    with log() as lines:
        async with (
            scripted_model(late) as model,
            serving(model.base_url) as service,
            calling(service.url) as core,
        ):
            await core.init("call-1")
            for _ in range(13):
                await core.say(silence(1000))
                await trio.sleep(0.4)
            await model.next_session(within_s=10)
    dropped = [each for each in lines if each["event"] == "caller audio dropped"]
    assert [each["why"] for each in dropped] == ["the model is away"]


async def test_the_latency_of_a_call_without_barge_in_is_that_of_the_answer(
    swift_clock: MockClock,
) -> None:
    async with at_desk(STS_BARGE_IN="off") as desk:
        held = desk
        session = desk.session
        async with session.response() as response:
            await response.say(loud(5000), "A long story")
        await desk.core.wait_audio(1000)
        # The caller speaks over it; its audio is no answer to that.
        await session.speech()
        await trio.sleep(6)
        await answer(desk.core, session)
    assert 5500 <= summary(held)["turn_latency_worst_ms"] <= 6800


@pytest.mark.parametrize("key", ["1#"])
async def test_the_words_of_an_answer_that_nobody_heard_are_not_sent_on(
    swift_clock: MockClock, key: str
) -> None:
    async with at_desk() as desk:
        session = desk.session
        response = await session.begin()
        await response.say(loud(2000), "First.")
        await response.say(loud(2000), "A secret second.", finish=False)
        await desk.core.wait_audio(500)
        await desk.core.press(key)
        await session.expect("response.cancel")
        await next_ask(session, within_s=3)
        await answer(desk.core, session)
        told = [each.message["text"] for each in desk.core.of("transcript")]
        assert "Yes." in told
        assert not [text for text in told if "secret" in text]
