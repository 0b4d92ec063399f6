"""Calls that Asterisk itself has dialled: ended, transferred, and told where to go on."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from attrs import field, frozen
from structlog.typing import EventDict
from trio.testing import MockClock

from tests.peers.ari import PASSWORD, USER, Channel, FakeAri, asterisk_with
from tests.peers.asterisk import FakeAsterisk, dialling
from tests.peers.core import calling
from tests.peers.model import Event, ScriptedModel, ScriptedSession, scripted_model
from trio_sts.wire.asterisk import HangUpChannel

from .desk import clock_stands, loud
from .kit import log
from .service import Service, serving
from .test_port import ask

CALLER = "1795704354.13"
TO_SALES = '{"transfer_extension": "1001"}'
GOODBYE_MS = 500
NEXT = "/calls/call-1/next"
# Nobody is there, and nobody is asked.
NO_AMI = {"AMI_URL": "http://127.0.0.1:1"}


@frozen
class Pbx:
    """A call on Asterisk's own leg, from its greeting on."""

    asterisk: FakeAsterisk
    session: ScriptedSession
    service: Service
    model: ScriptedModel
    lines: list[EventDict] = field(repr=False)

    async def says_goodbye(self, name: str, arguments: str = "{}") -> Event:
        """The agent says so and calls a tool; what the model is told of it."""
        async with self.session.response() as response:
            await response.say(loud(GOODBYE_MS), "Goodbye.")
            await response.call(name, arguments)
        output = await self.session.expect("conversation.item.create", within_s=10)
        item: Event = output["item"]
        return item

    @property
    def outcome(self) -> object:
        """How the call has ended."""
        (line,) = [each for each in self.lines if each["event"] == "call ended"]
        return line["outcome"]


@asynccontextmanager
async def at_pbx(
    query: str = "",
    variables: Mapping[str, str] | None = None,
    /,
    **environ: str,
) -> AsyncGenerator[Pbx]:
    """Hold one call."""
    async with AsyncExitStack() as stack:
        lines = stack.enter_context(log())
        model = await stack.enter_async_context(scripted_model())
        quiet = {**NO_AMI, "STS_SILENCE_PROMPT_S": "0"}
        with clock_stands():
            service = await stack.enter_async_context(
                serving(model.base_url, **{**quiet, **environ})
            )
        url = f"{service.url}/media?uuid=call-1&from=2000{query}"
        asterisk = await stack.enter_async_context(dialling(url, variables=variables))
        session = await model.next_session()
        await session.expect("response.create")
        yield Pbx(asterisk, session, service, model, lines)


def offered(session: ScriptedSession) -> set[str]:
    return {tool["name"] for tool in session.session["tools"]}


async def test_a_hangup_ends_the_leg_once_the_goodbye_was_heard(
    swift_clock: MockClock,
) -> None:
    async with at_pbx() as pbx:
        output = await pbx.says_goodbye("avr_hangup")
        assert output["output"] == "The call is being ended."
        assert await pbx.asterisk.wait_closed() == 1000
        assert pbx.asterisk.heard_ms >= GOODBYE_MS
        (hangup,) = pbx.asterisk.of(HangUpChannel)
        assert hangup.at_s >= pbx.asterisk.played[-1].at_s
        assert await ask(pbx.service, NEXT) == (404, "")
        assert pbx.session.types.count("response.create") == 1
    assert pbx.outcome == "hung up by the agent"


@pytest.mark.parametrize(
    ("query", "place"),
    [("", "default,1001,1"), ("&context=sales", "sales,1001,1")],
)
async def test_a_transfer_is_there_for_the_dialplan_when_the_leg_ends(
    swift_clock: MockClock, query: str, place: str
) -> None:
    async with at_pbx(query) as pbx:
        output = await pbx.says_goodbye("avr_transfer", TO_SALES)
        assert output["output"] == "The caller is being transferred."
        assert await pbx.asterisk.wait_closed() == 1000
        assert pbx.asterisk.heard_ms >= GOODBYE_MS
        assert len(pbx.asterisk.of(HangUpChannel)) == 1
        assert await ask(pbx.service, NEXT) == (200, place)
        assert await ask(pbx.service, NEXT) == (404, "")
    assert pbx.outcome == "transferred"
    assert "1001" not in str(pbx.lines)


async def test_a_transfer_elsewhere_is_refused_as_for_avr_core(
    swift_clock: MockClock,
) -> None:
    async with at_pbx(STS_TRANSFER_TO="100, 2??") as pbx:
        async with pbx.session.response() as response:
            await response.say(loud(GOODBYE_MS), "I put you through.")
            await response.call("avr_transfer", TO_SALES)
        output = await pbx.session.expect("conversation.item.create")
        assert "100, 2??" in json.loads(output["item"]["output"])["error"]
        assert pbx.asterisk.of(HangUpChannel) == []
        assert await ask(pbx.service, NEXT) == (404, "")


@pytest.mark.parametrize("in_stasis", [False, True])
async def test_ari_is_told_before_the_leg_ends(
    swift_clock: MockClock, in_stasis: bool
) -> None:
    caller = Channel(in_stasis)
    async with asterisk_with(FakeAri({CALLER: caller})) as ari:
        async with at_pbx(f"&uniqueid={CALLER}", **by_ari(ari)) as pbx:
            await pbx.says_goodbye("avr_transfer", TO_SALES)
            assert await pbx.asterisk.wait_closed() == 1000
            if in_stasis:
                assert caller.went_to == ("default", "1001", 1)
            else:
                assert caller.variables == {"TRIO_STS_NEXT": "default,1001,1"}
        assert pbx.outcome == "transferred"
    assert caller.is_up


async def test_ari_hangs_the_caller_up_after_the_goodbye(
    swift_clock: MockClock,
) -> None:
    caller = Channel()
    async with asterisk_with(FakeAri({CALLER: caller})) as ari:
        async with at_pbx(f"&uniqueid={CALLER}", **by_ari(ari)) as pbx:
            await pbx.says_goodbye("avr_hangup")
            assert await pbx.asterisk.wait_closed() == 1000
            assert pbx.asterisk.heard_ms >= GOODBYE_MS
    assert not caller.is_up
    assert pbx.outcome == "hung up by the agent"


async def test_an_ari_that_is_away_costs_nothing_but_a_warning(
    swift_clock: MockClock,
) -> None:
    async with asterisk_with(FakeAri()) as ari:
        pass
    async with at_pbx(f"&uniqueid={CALLER}", **by_ari(ari)) as pbx:
        await pbx.says_goodbye("avr_transfer", TO_SALES)
        assert await pbx.asterisk.wait_closed() == 1000
        assert await ask(pbx.service, NEXT) == (200, "default,1001,1")
    (warning,) = [each for each in pbx.lines if each["event"].startswith("ARI")]
    assert (warning["call_id"], warning["action"]) == ("call-1", "transfer")
    assert PASSWORD not in str(pbx.lines)


def by_ari(ari: FakeAri) -> dict[str, str]:
    return {
        "STS_ARI_URL": ari.url,
        "STS_ARI_USER": USER,
        "STS_ARI_PASSWORD": PASSWORD,
    }


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        ({}, "sales,100,1"),
        ({"STS_FALLBACK_CONTEXT": "office"}, "office,100,1"),
    ],
)
async def test_a_caller_who_has_lost_the_model_goes_to_the_fallback(
    swift_clock: MockClock, environ: dict[str, str], place: str
) -> None:
    human = {"STS_APOLOGY": "off", "STS_FALLBACK_EXTENSION": "100", **environ}
    async with at_pbx("&context=sales", **human) as pbx:
        async with pbx.session.response() as response:
            await response.say(loud(GOODBYE_MS), "Good morning.")
        await pbx.asterisk.wait_heard(GOODBYE_MS)
        refused = {"type": "insufficient_quota", "code": "insufficient_quota"}
        response = await pbx.session.begin()
        await response.done("failed", error=refused)
        assert await pbx.asterisk.wait_closed(30) == 1000
        assert await ask(pbx.service, NEXT) == (200, place)
    assert pbx.outcome == "transferred"


async def test_without_avr_ami_asterisk_s_calls_alone_have_call_control(
    swift_clock: MockClock,
) -> None:
    async with at_pbx(AMI_URL="ftp://unusable") as pbx:
        assert offered(pbx.session) == {"avr_hangup", "avr_transfer"}
        async with calling(pbx.service.url) as core:
            await core.init("call-2")
            session = await pbx.model.next_session()
            assert offered(session) == set()
        await pbx.says_goodbye("avr_hangup")
        assert await pbx.asterisk.wait_closed() == 1000
    assert "call-1" in str(pbx.lines)


async def test_variables_of_the_channel_are_metadata_below_the_query(
    swift_clock: MockClock,
) -> None:
    async with at_pbx(
        "&SKILL=billing",
        {"SKILL": "sales", "__CUSTOMER": "{{uuid}} Smith\n", "token": "hush-hush"},
        OPENAI_INSTRUCTIONS="{{SKILL}}, {{CUSTOMER}}, {{from}}, {{token}}",
    ) as pbx:
        told = pbx.session.session["instructions"]
        assert told == "billing, uuid Smith, 2000, {{token}}"
