"""A call from end to end: another library's caller, a scripted endpoint."""

import math
import ssl
from array import array
from pathlib import Path

import pytest
import trio
import trustme

from tests.peers.core import calling, silence
from tests.peers.model import ScriptedSession, scripted_model

from .service import KEY, serving


def tone(ms: int, *, rate_hz: int = 8000, hz: int = 1000, level: int = 8000) -> bytes:
    step = 2 * math.pi * hz / rate_hz
    samples = range(rate_hz * ms // 1000)
    return array("h", (round(level * math.sin(step * n)) for n in samples)).tobytes()


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_a_conversation_goes_both_ways(dialect: str) -> None:
    async with (
        scripted_model(dialect=dialect) as model,
        serving(model.base_url, OPENAI_REALTIME_API=dialect) as service,
        calling(f"{service.url}/any/path?from=2000") as core,
    ):
        await core.init("call-7")
        session = await model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            await response.say(tone(400, rate_hz=24000), "Good morning.")
        said = await core.wait_for("transcript")
        assert said.message["text"] == "Good morning."
        assert core.audio_ms == pytest.approx(400, abs=20)
        await core.speak(tone(300))
        await session.heard(298 * 48)
        await session.speech(transcript="Hello there.")
        words = await core.wait_for(lambda m: m.message.get("role") == "user")
        assert words.message["text"] == "Hello there."
        assert all(len(each.pcm) == 320 for each in core.of("audio"))
        assert session.headers["authorization"] == f"Bearer {KEY}"
        assert ("openai-beta" in session.headers) is (dialect == "beta")
        await core.hang_up()
        with trio.fail_after(2):
            await session.closed.wait()
        assert session.close_code == 1000


@pytest.mark.parametrize("dialect", ["ga", "beta"])
async def test_the_model_may_be_behind_tls(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # trustme also takes PyOpenSSL's contexts, which have no types here.
    certificate = authority.issue_cert("127.0.0.1")
    certificate.configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with (
        scripted_model(dialect=dialect, tls=tls) as model,
        serving(model.base_url, OPENAI_REALTIME_API=dialect) as service,
        calling(service.url) as core,
    ):
        await core.init()
        session = await model.next_session()
        async with session.response() as response:
            await response.say(tone(100, rate_hz=24000), "Hello.")
        await core.wait_audio(100)
        await core.say(tone(200))
        await session.heard(200 * 48 * 8 // 10)


async def test_what_is_said_while_the_model_connects_arrives_complete() -> None:
    async def slow(session: ScriptedSession) -> None:
        await trio.sleep(1.5)
        await session.set_up()

    async with (
        scripted_model(slow) as model,
        serving(model.base_url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        await core.speak(tone(2000))
        session = await model.next_session()
        # All but what the resampler, 2 ms long, holds back.
        heard = await session.heard(1998 * 48)
        assert len(heard) <= 2000 * 48


async def test_nothing_of_one_call_is_heard_in_another() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url) as service,
        calling(service.url) as loud,
        calling(service.url) as silent,
    ):
        await loud.init("loud")
        loud_session = await model.next_session()
        await silent.init("silent")
        silent_session = await model.next_session()
        async with trio.open_nursery() as both:
            both.start_soon(loud.speak, tone(1000))
            both.start_soon(silent.speak, silence(1000))
        heard = await loud_session.heard(990 * 48)
        nothing = await silent_session.heard(990 * 48)
        assert max(array("h", heard)) > 7000
        assert set(nothing) == {0}


async def test_a_tool_s_answer_goes_back_before_one_new_response() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        session = await model.next_session()
        await session.expect("response.create")
        async with session.response() as response:
            first = await response.call("no_such_tool")
            second = await response.call("avr_transfer", "{not json")
        outputs = [await session.expect("conversation.item.create") for _ in range(2)]
        await session.expect("response.create")
        items = {each["item"]["call_id"]: each["item"]["output"] for each in outputs}
        assert set(items) == {first, second}
        assert all("error" in output for output in items.values())
        assert session.types.count("response.create") == 2
