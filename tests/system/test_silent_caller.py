"""Frames of silence are no caller, and a model that hears nothing is no model."""

import pytest
import trio
from trio.testing import MockClock

from tests.peers.core import silence
from tests.peers.voice import voice
from trio_sts.phone.report import Outcome

from .desk import Line, answer, at_desk, next_ask, open_line, summary, takes

PROMPT_S = 5
PROMPT = {"STS_SILENCE_PROMPT_S": str(PROMPT_S)}
# The last word was heard by then: the way to the ear, and the end of the playout.
SLACK_S = 1.0


async def test_a_silent_caller_is_asked_twice_and_then_let_go(
    swift_clock: MockClock,
) -> None:
    async with at_desk(**PROMPT) as desk:
        held = desk
        async with open_line(desk.core):
            await desk.greet()
            for _ in range(2):
                with takes(PROMPT_S - SLACK_S, PROMPT_S + 0.5):
                    asked = await next_ask(desk.session, within_s=PROMPT_S + 1)
                assert "still there" in asked["instructions"]
                assert asked["tool_choice"] == "none"
                await answer(desk.core, desk.session, 1000)
            asked = await next_ask(desk.session, within_s=PROMPT_S + 1)
            assert "goodbye" in asked["instructions"]
            assert asked["tool_choice"] == "none"
            assert not desk.ami.requests
            await answer(desk.core, desk.session, 3000)
            await trio.sleep(1)
            (request,) = desk.ami.requests
            assert request.path == "/hangup"
            assert desk.dropped == [Outcome.AMI_HUNG_UP]
            # AVR Core would close the line now.
            await desk.core.hang_up()
    assert summary(held)["outcome"] == "caller silent"
    assert summary(held)["barge_ins"] == 0


async def speaks(line: Line) -> None:
    """A word or two: too short to expect an event of the model's."""
    await line.say(voice(700))


@pytest.mark.parametrize("sign", ["our ear", "the model's ear", "a key"])
async def test_any_sign_of_the_caller_starts_the_count_anew(
    swift_clock: MockClock, sign: str
) -> None:
    async with at_desk(**PROMPT) as desk, open_line(desk.core) as line:
        await desk.greet()
        for _ in range(2):
            await next_ask(desk.session, within_s=PROMPT_S + 1)
            await answer(desk.core, desk.session)
        match sign:
            case "our ear":
                await speaks(line)
            case "the model's ear":
                await desk.session.speech()
                await answer(desk.core, desk.session)
            case _:
                await desk.core.press("5#")
                await next_ask(desk.session)
                await answer(desk.core, desk.session)
        # Two more questions, and no goodbye.
        for _ in range(2):
            asked = await next_ask(desk.session, within_s=PROMPT_S + 1)
            assert "still there" in asked["instructions"]
            await answer(desk.core, desk.session)
        assert not desk.ami.requests


async def test_nobody_is_asked_while_the_agent_speaks_or_thinks(
    swift_clock: MockClock,
) -> None:
    async with at_desk(**PROMPT) as desk, open_line(desk.core):
        await answer(desk.core, desk.session, 200)
        response = await desk.session.begin()
        await trio.sleep(6)
        await response.say(b"\x00\x10" * 24 * 12_000)
        await response.done()
        await trio.sleep(11)
        assert desk.session.types.count("response.create") == 1


async def test_silence_is_no_caller_for_the_idle_limit_and_speech_is(
    swift_clock: MockClock,
) -> None:
    async with at_desk(STS_IDLE_S="6") as desk, open_line(desk.core) as line:
        await desk.greet()
        await trio.sleep(3)
        await speaks(line)
        with takes(5.2, 6.5):
            assert await desk.core.wait_closed(8) == 1000
        assert desk.core.close_reason == "no caller audio"


async def test_a_session_that_is_deaf_is_asked_then_replaced_then_given_up(
    swift_clock: MockClock,
) -> None:
    async with at_desk(STS_APOLOGY="on") as desk, open_line(desk.core) as line:
        await desk.greet()
        await line.say(voice(2000))
        with takes(6, 8.5):
            await next_ask(desk.session, within_s=10)
        assert "response.cancel" not in desk.session.types
        with takes(7.5, 9):
            second = await desk.model.next_session(within_s=10)
        await next_ask(second, within_s=1.5)
        heard_ms = desk.core.audio_ms
        # The caller hears that it is over, and only then it is.
        assert await desk.core.wait_closed(30) == 1011
        assert desk.core.audio_ms > heard_ms + 3000
        assert "stopped answering" in desk.core.of("error")[0].message["message"]


async def test_a_session_that_hears_the_caller_is_not_deaf(
    swift_clock: MockClock,
) -> None:
    async with at_desk() as desk, open_line(desk.core) as line:
        await desk.greet()
        await line.say(voice(1500))
        await desk.session.speech()
        await answer(desk.core, desk.session)
        await line.say(silence(12_000))
        assert desk.session.types.count("response.create") == 1
        assert len(desk.model.sessions) == 1
