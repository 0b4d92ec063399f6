"""Bad messages from AVR Core: what each gets, over a real socket."""

import base64
import json

import pytest
import trio
from trio.testing import MockClock

from tests.peers.core import calling, silence
from tests.peers.model import scripted_model

from .kit import goes_on, log, talking
from .service import serving

ODD = base64.b64encode(bytes(321)).decode()


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[" * 2000, "not JSON"),
        ('{"type":"audio","audio":NaN}', "not JSON"),
        ("[]", "object"),
        ('"init"', "object"),
        ("{}", "type"),
        ('{"type":5}', "type"),
        ('{"type":["init"]}', "type"),
        ('{"type":"audio"}', "audio"),
        ('{"type":"audio","audio":5}', "audio"),
        ('{"type":"audio","audio":"%%%"}', "base64"),
        ('{"type":"audio","audio":"QUJ"}', "base64"),
        ('{"type":"audio","audio":"QU JD"}', "base64"),
        (json.dumps({"type": "audio", "audio": ODD}), "odd"),
        ('{"type":"dtmf_digit"}', "digit"),
        ('{"type":"dtmf_digit","digit":5}', "digit"),
        ('{"type":"dtmf_digit","digit":"55"}', "digit"),
    ],
)
async def test_a_bad_message_is_named_and_the_call_goes_on(
    message: str, fault: str
) -> None:
    with log():
        async with talking() as talk:
            await talk.core.send(message)
            told = await talk.core.wait_for("error")
            assert fault in told.message["message"]
            await goes_on(talk.core, talk.session)
            assert len(talk.core.of("error")) == 1


async def test_the_100th_bad_message_closes_with_1008() -> None:
    with log():
        async with talking() as talk:
            for _ in range(99):
                await talk.core.send("nonsense")
            await talk.core.wait_for(lambda _: len(talk.core.of("error")) == 99)
            await goes_on(talk.core, talk.session)
            await talk.core.send("nonsense")
            assert await talk.core.wait_closed() == 1008
            assert len(talk.core.of("error")) == 100
            with trio.fail_after(2):
                await talk.session.closed.wait()
            assert talk.session.close_code == 1000


async def test_an_unknown_type_is_ignored_and_logged_once() -> None:
    with log() as lines:
        async with talking() as talk:
            for _ in range(3):
                await talk.core.send({"type": "hold", "digit": "5"})
            await talk.core.send({"type": "resume"})
            await goes_on(talk.core, talk.session)
            assert not talk.core.of("error")
    unknown = [line for line in lines if line["event"] == "unknown message type"]
    assert [line["type"] for line in unknown] == ["hold", "resume"]


async def test_audio_before_init_is_kept_and_delivered() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url) as service,
        calling(service.url) as core,
    ):
        await core.say(b"\x40\x1f" * 1600)
        assert model.knocks == 0
        await core.init()
        session = await model.next_session()
        # All but what the resampler, 2 ms long, holds back.
        heard = await session.heard(198 * 48)
        assert max(heard) > 0


async def test_a_caller_without_init_is_closed_with_1008_after_10_s(
    hurried_clock: MockClock,
) -> None:
    with log() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url) as service,
            calling(service.url) as core,
        ):
            opened_at = trio.current_time()
            await core.say(silence(100))
            assert await core.wait_closed(60) == 1008
            # The clock jumps by itself here, on a busy machine a little too early.
            assert 9.5 <= trio.current_time() - opened_at <= 13
            assert "init" in core.of("error")[0].message["message"]
            assert model.knocks == 0
    assert any("no init" in str(line) for line in lines)


async def test_a_second_init_is_ignored() -> None:
    with log() as lines:
        async with talking() as talk:
            await talk.core.init("call-2")
            await goes_on(talk.core, talk.session)
            assert not talk.core.of("error")
            assert len(talk.model.sessions) == 1
    assert [line["event"] for line in lines].count("second init ignored") == 1
    ended = [line for line in lines if line["event"] == "call ended"]
    assert len(ended) == 1


@pytest.mark.parametrize(
    "uuid",
    [None, 5, True, ["a"], {"a": 1}, "", "a b", "../up", "ünï", "x" * 129, "a\nb: c"],
)
async def test_a_call_id_that_cannot_be_used_is_replaced_by_ours(uuid: object) -> None:
    with log() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, OPENAI_INSTRUCTIONS="You are {{uuid}}.") as service,
            calling(service.url) as core,
        ):
            await core.init(uuid)
            told = await core.wait_for("error")
            assert "uuid" in told.message["message"]
            session = await model.next_session()
            await session.expect("response.create")
            ours = session.session["instructions"].removeprefix("You are ")
            await goes_on(core, session)
    ids = {line["call_id"] for line in lines if "call_id" in line}
    assert ids == {ours.removesuffix(".")}


async def test_the_call_id_of_the_query_string_is_used_without_one_in_init() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, OPENAI_INSTRUCTIONS="You are {{uuid}}.") as service,
        calling(f"{service.url}/?uuid=from-the-webhook") as core,
    ):
        await core.send({"type": "init"})
        session = await model.next_session()
        assert session.session["instructions"] == "You are from-the-webhook."


async def test_silence_follows_when_the_caller_s_audio_stops_in_mid_speech(
    hurried_clock: MockClock,
) -> None:
    async with talking() as talk:
        await talk.core.say(b"\x40\x1f" * 800)
        heard = await talk.session.heard(98 * 48)
        stopped_at = trio.current_time()
        await talk.session.speech_started()
        # 2 s at most, in real time, however long nothing comes.
        more = await talk.session.heard(len(heard) + 2000 * 48 - 96, within_s=10)
        took_s = trio.current_time() - stopped_at
        assert took_s == pytest.approx(2.1, abs=0.3)
        assert set(more[-1500 * 48 :]) == {0}
        await trio.sleep(5)
        assert len(talk.session.audio) <= len(heard) + 2000 * 48 + 96
        assert talk.core.close_code is None


async def test_no_silence_follows_when_the_model_hears_no_speech(
    hurried_clock: MockClock,
) -> None:
    async with talking() as talk:
        await talk.core.say(b"\x40\x1f" * 800)
        heard = await talk.session.heard(98 * 48)
        await trio.sleep(3)
        assert len(talk.session.audio) == len(heard)
