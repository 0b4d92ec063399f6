"""Nobody waits in silence: a quiet sound, gone as soon as somebody speaks."""

from array import array
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model
from tests.peers.voice import voice

from .desk import at_desk, loud, open_line
from .service import serving


@frozen
class Slow:
    """A call whose model comes when it is let."""

    core: FakeCore
    model: ScriptedModel
    let: trio.Event


@asynccontextmanager
async def slow_model(index: int = 0, **environ: str) -> AsyncGenerator[Slow]:
    """Call a model of which the session of this index waits to be set up."""
    let = trio.Event()

    async def late(session: ScriptedSession) -> None:
        if session.index == index:
            await let.wait()
        await session.set_up()

    async with (
        scripted_model(late) as model,
        serving(model.base_url, STS_SILENCE_PROMPT_S="0", **environ) as service,
        calling(service.url) as core,
    ):
        await core.init("call-1")
        yield Slow(core, model, let)


def peak(pcm: bytes) -> int:
    return max((abs(sample) for sample in array("h", pcm)), default=0)


async def test_it_plays_after_two_seconds_without_a_connection(
    swift_clock: MockClock,
) -> None:
    async with slow_model() as call:
        began_at = trio.current_time()
        first = await call.core.wait_for("audio", within_s=3)
        assert 1.9 <= first.at_s - began_at <= 2.2
        await trio.sleep(1)
        assert 0 < peak(call.core.audio) < 1000
        # Never far ahead: what was sent is what was played, and 60 ms.
        played_ms = (trio.current_time() - first.at_s) * 1000
        assert call.core.audio_ms <= played_ms + 80
        call.let.set()
        session = await call.model.next_session()
        await session.expect("response.create")
        sent_ms = call.core.audio_ms
        await trio.sleep(1)
        assert call.core.audio_ms == sent_ms


async def test_it_plays_in_mid_call_as_well(swift_clock: MockClock) -> None:
    async with slow_model(index=1) as call:
        first = await call.model.next_session()
        async with first.response() as response:
            await response.say(loud(200), "Hello.")
        await call.core.wait_audio(200)
        await trio.sleep(1)
        before = len(call.core.audio)
        await first.abort()
        await trio.sleep(4)
        sound = call.core.audio[before:]
        assert 0 < peak(sound) < 1000
        call.let.set()
        await call.model.next_connection()


async def test_it_is_gone_as_soon_as_the_caller_speaks(swift_clock: MockClock) -> None:
    async with slow_model() as call, open_line(call.core) as line:
        await trio.sleep(3)
        assert call.core.audio_ms > 0
        await line.say(voice(1500))
        spoken = call.core.audio_ms
        await line.say(voice(1000))
        # Our ear has heard the caller meanwhile.
        assert call.core.audio_ms == spoken


async def test_it_is_gone_as_soon_as_a_key_is_pressed(swift_clock: MockClock) -> None:
    async with slow_model() as call:
        await trio.sleep(3)
        await call.core.press("1")
        await trio.sleep(0.02)
        pressed_ms = call.core.audio_ms
        await trio.sleep(1)
        assert call.core.audio_ms == pressed_ms


async def test_the_agent_s_first_word_is_not_behind_it(swift_clock: MockClock) -> None:
    async with slow_model() as call:
        await trio.sleep(3)
        call.let.set()
        session = await call.model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(loud(300), "Hello.")
        spoken_at = trio.current_time()
        found = await call.core.wait_for(lambda each: peak(each.pcm) > 2000)
        assert found.at_s - spoken_at <= 0.1


@pytest.mark.parametrize(("sound", "plays"), [("auto", False), ("soft", True)])
async def test_a_tool_that_takes_long_has_it_only_where_it_is_wanted(
    swift_clock: MockClock, sound: str, plays: bool
) -> None:
    async with at_desk(STS_HOLD_SOUND=sound) as desk:
        await desk.greet()
        before = desk.core.audio_ms
        response = await desk.session.begin()
        at = {"item_id": "m1", "output_index": 0}
        await desk.session.send("response.mcp_call.in_progress", **at)
        await response.done()
        await trio.sleep(1.4)
        assert desk.core.audio_ms == before
        await trio.sleep(2)
        assert (desk.core.audio_ms > before) is plays
        # Gone when the model's ear hears the caller.
        await desk.session.speech_started()
        await trio.sleep(0.02)
        heard_ms = desk.core.audio_ms
        await trio.sleep(1)
        assert desk.core.audio_ms == heard_ms


async def test_it_may_be_off(swift_clock: MockClock) -> None:
    async with slow_model(STS_HOLD_SOUND="off") as call:
        await trio.sleep(5)
        assert not call.core.audio
