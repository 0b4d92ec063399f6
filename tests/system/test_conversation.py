"""Real speech, real sockets, real time: what the caller hears and the model remembers."""

from functools import partial

import trio
from structlog.testing import capture_logs

from tests.peers.core import calling, silence
from tests.peers.model import scripted_model
from trio_sts.embedded import Endpoint, serve_model
from trio_sts.embedded.brain.knowledge import FACTS
from trio_sts.embedded.speech.voice import speak
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.core import place_call
from trio_sts.phone.events import Event, Levels
from trio_sts.phone.exchange import Exchange
from trio_sts.phone.script import HangUp, Pause, Say, WaitForAgent, WaitForSilence

from .service import serving
from .test_call import tone


async def test_talked_over_the_agent_stops_and_remembers_what_was_heard() -> None:
    seen: list[Event] = []
    story = next(fact for fact in FACTS if "tell me a story" in fact.asked)
    quiet = WaitForSilence()
    script = (
        WaitForAgent(),
        quiet,
        Say(speak("tell me a story")),
        WaitForAgent(),
        Pause(3.0),
        Say(speak("what kind of books do you have")),
        WaitForAgent(),
        quiet,
        HangUp(),
    )
    async with trio.open_nursery() as nursery:
        model: Endpoint = await nursery.start(serve_model)
        async with serving(model.url) as service:
            report = await place_call(
                service.url, script, view=seen.append, max_call_s=60
            )
        nursery.cancel_scope.cancel(reason="the call is over")

    assert report.conversed
    (interruption,) = report.interruptions
    greeting, cut, answer = (
        item
        for item in model.sessions[0].conversation.items
        if item.role == "assistant"
    )
    # What the caller heard of the story is all that was played but the other two.
    heard_ms = report.played_s * 1000 - greeting.audio_ms - answer.audio_ms
    assert abs(cut.audio_ms - heard_ms) <= 150
    assert cut.audio_ms > 2000
    assert story.answer.startswith(cut.said)
    assert len(cut.said) < len(story.answer) / 2
    told = [said.text for said in report.transcripts if said.role == "agent"]
    assert story.answer.startswith(told[1])
    assert told[1] != story.answer
    assert "coffee" in answer.said

    answered_ms = (report.turns[-1].answer_slot or 0) * 20
    hush = [
        event.agent_rms
        for event in seen
        if isinstance(event, Levels)
        and interruption.at_ms + 100 <= event.at_ms < answered_ms
    ]
    assert hush
    assert max(hush) == 0


async def test_the_line_is_dropped_only_after_the_whole_goodbye_was_heard() -> None:
    exchange = Exchange()
    ami = AmiStandIn(exchange)
    dropped: list[str] = []
    async with trio.open_nursery() as nursery:
        ami_url: str = await nursery.start(partial(ami.serve, port=0))
        async with (
            scripted_model() as model,
            serving(model.base_url, AMI_URL=ami_url) as service,
            calling(service.url) as core,
        ):
            held = exchange.connected("call-5", dropped.append)
            await core.init("call-5")
            session = await model.next_session()
            await session.expect("response.create")
            async with session.response() as response:
                await response.say(tone(5000, rate_hz=24000), "Goodbye then.")
                await response.call("avr_hangup")
            first = await core.wait_for("audio")
            with held:
                await core.speak(silence(5500))
                await session.expect("conversation.item.create")
            (request,) = ami.requests
            assert request.path == "/hangup"
            assert request.body == {"uuid": "call-5"}
            # The resampler's tail fills one more frame.
            assert 5000 <= core.audio_ms <= 5020
            assert dropped == ["avr-ami hung up"]
            assert request.at_s - first.at_s >= 5.0
            # AVR Core would end the call now; as it does not, we do after 3 s.
            assert await core.wait_closed(4) == 1000
            assert session.types.count("response.create") == 1
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_keys_reach_the_model_as_one_message_and_the_log_masked() -> None:
    with capture_logs() as lines:
        async with (
            scripted_model() as model,
            serving(model.base_url, STS_GREETING="off") as service,
            calling(service.url) as core,
        ):
            await core.init()
            session = await model.next_session()
            await core.press("123#")
            created = await session.expect("conversation.item.create")
            await session.expect("response.create")
            (part,) = created["item"]["content"]
            assert "123" in part["text"]
    assert session.types.count("conversation.item.create") == 1
    assert "***" in [line.get("keys") for line in lines]
    assert "123" not in str(lines)
