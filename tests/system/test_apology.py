"""The model can't be had: the caller hears so, and gets a human if there is one."""

import wave
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.peers.core import calling
from tests.peers.model import ScriptedSession, scripted_model
from trio_sts import sounds
from trio_sts.phone.ami import AmiAnswer
from trio_sts.phone.report import Outcome

from .desk import Desk, at_desk, summary
from .service import serving
from .test_call import tone

HUMAN = {"STS_APOLOGY": "on", "STS_FALLBACK_EXTENSION": "100"}


async def quota(desk: Desk) -> None:
    """The model refuses for good."""
    response = await desk.session.begin()
    error = {"type": "insufficient_quota", "code": "insufficient_quota"}
    await response.done("failed", error=error)


async def once(session: ScriptedSession) -> None:
    """The first connection is set up; there is no other."""
    if session.index:
        await session.abort()
    else:
        await session.set_up()


def heard(desk: Desk, sound: bytes, *, after: int = 0) -> bool:
    """Whether all of a sound was sent, unchanged."""
    return sound in desk.core.audio[after:]


@pytest.mark.parametrize("why", ["refused", "lost"])
async def test_the_apology_is_heard_before_the_call_ends_with_1011(
    swift_clock: MockClock, why: str
) -> None:
    async with at_desk(once, STS_APOLOGY="on", STS_HOLD_SOUND="off") as desk:
        held = desk
        await desk.greet()
        before = len(desk.core.audio)
        if why == "refused":
            await quota(desk)
        else:
            await desk.session.abort()
        begun = await desk.core.wait_for(
            "audio", after=len(desk.core.received), within_s=20
        )
        assert await desk.core.wait_closed(30) == 1011
        apology = sounds.apology()
        assert heard(desk, apology, after=before)
        assert trio.current_time() - begun.at_s >= len(apology) / 16_000
        assert desk.core.received[-1].type == "error"
    failed = {"refused": "model refused", "lost": "no model"}
    assert summary(held)["outcome"] == failed[why]


async def test_the_apology_may_be_the_operator_s_own(
    swift_clock: MockClock, tmp_path: Path
) -> None:
    path = str(tmp_path / "sorry.wav")
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(700))
    async with at_desk(STS_APOLOGY=path) as desk:
        await desk.greet()
        before = len(desk.core.audio)
        await quota(desk)
        assert await desk.core.wait_closed(30) == 1011
        assert heard(desk, tone(700), after=before)
        assert desk.core.audio_ms - before / 16 <= 720


async def test_a_call_that_never_had_a_model_hears_it_too(
    swift_clock: MockClock,
) -> None:
    environ = {"STS_APOLOGY": "on"}
    async with (
        scripted_model(refuse=[401]) as model,
        serving(model.base_url, **environ) as service,
        calling(service.url) as core,
    ):
        await core.init("call-1")
        assert await core.wait_closed(30) == 1011
        assert sounds.apology() in core.audio
        assert "key" in core.of("error")[0].message["message"]


async def test_the_caller_is_handed_to_a_human(swift_clock: MockClock) -> None:
    async with at_desk(**HUMAN) as desk:
        held = desk
        await desk.greet()
        before = len(desk.core.audio)
        await quota(desk)
        await trio.sleep(12)
        (request,) = desk.ami.requests
        assert request.path == "/transfer"
        assert (request.body["exten"], request.body["context"]) == ("100", "demo")
        assert heard(desk, sounds.apology(), after=before)
        assert desk.dropped == [Outcome.TRANSFERRED]
        assert not desk.core.of("error")
        await desk.core.hang_up()
    assert summary(held)["outcome"] == "transferred"


async def test_a_human_who_cannot_be_had_either_is_1011(swift_clock: MockClock) -> None:
    async with at_desk(**HUMAN) as desk:
        held = desk
        desk.ami.answers["/transfer"] = AmiAnswer(500)
        await desk.greet()
        await quota(desk)
        assert await desk.core.wait_closed(30) == 1011
        assert desk.core.of("error")
        assert len(desk.ami.requests) == 1
    assert summary(held)["outcome"] == "model refused"


async def test_without_an_apology_the_caller_is_handed_over_at_once(
    swift_clock: MockClock,
) -> None:
    async with at_desk(**{**HUMAN, "STS_APOLOGY": "off"}) as desk:
        await desk.greet()
        before = desk.core.audio_ms
        await quota(desk)
        await trio.sleep(1)
        assert len(desk.ami.requests) == 1
        assert desk.core.audio_ms == before


async def test_what_the_agent_still_says_is_heard_before_it(
    swift_clock: MockClock,
) -> None:
    async with at_desk(STS_APOLOGY="on") as desk:
        response = await desk.session.begin()
        await response.say(b"\x00\x10" * 24 * 2000, "Hold on.")
        await response.done()
        await desk.core.wait_audio(300)
        await desk.session.error("insufficient_quota")
        assert await desk.core.wait_closed(30) == 1011
        told_ms = len(sounds.apology()) / 16
        assert desk.core.audio_ms >= 2000 + told_ms
        # Its own leg was closed before.
        assert desk.session.closed.is_set()
