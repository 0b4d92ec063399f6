"""The model leg drops in mid-call, on real sockets, and the caller stays on the line."""

import pytest
import trio

from tests.peers.core import calling
from tests.peers.model import ScriptedSession, scripted_model

from .service import serving
from .test_call import tone


@pytest.mark.parametrize("how", ["reset", "expired"])
async def test_the_call_goes_on_with_a_second_session(how: str) -> None:
    spoken = trio.Event()

    async def agree_late(session: ScriptedSession) -> None:
        if session.index:
            await spoken.wait()
        await session.set_up()

    async with (
        scripted_model(agree_late) as model,
        serving(model.base_url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        first = await model.next_session()
        await first.expect("response.create")
        async with first.response() as response:
            await response.say(tone(200, rate_hz=24000), "Good morning.")
        await core.wait_for("transcript")
        await first.speech(transcript="What do you sell?")
        if how == "reset":
            await first.abort()
        else:
            await first.error("session_expired")
            await first.close(1001, "maximum duration of 60 minutes")
        # What is said before the break is noticed goes down with the old connection.
        second = await model.next_connection()
        await core.speak(tone(300))
        spoken.set()
        agent = await second.expect("conversation.item.create")
        caller = await second.expect("conversation.item.create")
        assert agent["item"]["content"] == [
            {"type": "output_text", "text": "Good morning."}
        ]
        assert caller["item"]["content"] == [
            {"type": "input_text", "text": "What do you sell?"}
        ]
        # All that was said while the line was down, and the turn that was owed.
        await second.heard(290 * 48)
        await second.expect("response.create")
        async with second.response() as response:
            await response.say(tone(200, rate_hz=24000), "Books.")
        await core.wait_for(lambda m: m.message.get("text") == "Books.")
        assert core.close_code is None
        assert not core.of("error")
        await core.hang_up()
        with trio.fail_after(2):
            await second.closed.wait()


async def test_a_model_that_does_not_come_back_ends_the_call_within_the_budget() -> (
    None
):
    async def once(session: ScriptedSession) -> None:
        if session.index == 0:
            await session.set_up()
        else:
            await session.abort()

    async with (
        scripted_model(once) as model,
        serving(model.base_url, STS_RECONNECT_BUDGET_S="1") as service,
        calling(service.url) as core,
    ):
        await core.init()
        session = await model.next_session()
        await session.abort()
        assert await core.wait_closed(4) == 1011
        assert core.of("error")
