"""Call control of the calls that Asterisk itself dials: by the leg's end, and by ARI."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import structlog
import trio
import trio.testing
from attrs import define, evolve, field
from structlog.testing import capture_logs

from tests.peers.ari import PASSWORD, USER, Channel, FakeAri, asterisk_with
from tests.tools.calls import a_call, error_of
from trio_sts.dialplan import Target
from trio_sts.errors import ToolError
from trio_sts.settings import Settings
from trio_sts.tools.ari import Ari, channel_of
from trio_sts.tools.call_control import call_control_tools
from trio_sts.tools.control_ari import with_ari
from trio_sts.tools.control_leg import LegControl
from trio_sts.tools.http_client import tool_http_client
from trio_sts.tools.registry import Registry, ToolOutcome
from trio_sts.tools.targets import Targets
from trio_sts.wire.avr import HangUp

UUID, CALLER = "call-1", "1795704354.13"
TO_SALES = '{"transfer_extension": "1001"}'


@define(eq=False)
class Line:
    """A call on a leg that Asterisk has dialled, and what becomes of it."""

    ari: FakeAri | None = None
    metadata: Mapping[str, str] = field(factory=lambda: {"uniqueid": CALLER})
    targets: Targets = field(factory=Targets)
    posted: list[HangUp] = field(factory=list[HangUp])
    can_keep: bool = True

    async def keep(self, uuid: str, target: Target) -> None:
        if not self.can_keep:
            raise ToolError("The transfer could not be noted down.")
        await self.targets.keep(uuid, target)

    async def does(self, name: str, arguments: str = "{}") -> ToolOutcome:
        leg = LegControl(
            UUID, self.metadata.get("context", "default"), self.posted.append, self.keep
        )
        async with self._client() as http:
            ari = None
            if self.ari is not None:
                auth = httpx.BasicAuth(USER, PASSWORD)
                ari = Ari(self.ari.url, auth, http)
            control = with_ari(leg, ari, self.metadata, structlog.get_logger())
            call = evolve(a_call(), control=control)
            # avr-ami is not asked, whatever its address is.
            registry = Registry(call_control_tools("http://127.0.0.1:1"))
            return await registry.run(name, arguments, call)

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[httpx.AsyncClient]:
        if self.ari is not None and "127.0.0.1" not in self.ari.url:
            async with httpx.AsyncClient(
                transport=httpx.MockTransport(self.ari)
            ) as http:
                yield http
            return
        async with tool_http_client() as http:
            yield http


async def test_a_hangup_ends_the_leg() -> None:
    line = Line()
    assert (await line.does("avr_hangup")).ok
    assert line.posted == [HangUp()]


async def test_a_transfer_is_kept_for_the_dialplan_before_the_leg_ends() -> None:
    line = Line()
    kept: list[Target | None] = []

    async def keep(uuid: str, target: Target) -> None:
        assert line.posted == []
        await line.targets.keep(uuid, target)
        kept.append(line.targets.look(uuid))

    leg = LegControl(UUID, "default", line.posted.append, keep)
    await leg.transfer(Target("default", "1001", "1"))
    assert [str(each) for each in kept] == ["default,1001,1"]
    assert line.posted == [HangUp()]


@pytest.mark.parametrize(
    ("metadata", "arguments", "place"),
    [
        ({}, {"transfer_extension": "1001"}, "default,1001,1"),
        ({"context": "sales"}, {"transfer_extension": " 1001 "}, "sales,1001,1"),
        (
            {"context": "sales"},
            {
                "transfer_extension": "*98",
                "transfer_context": "from-internal",
                "transfer_priority": "again",
            },
            "from-internal,*98,again",
        ),
    ],
)
async def test_a_transfer_goes_to_the_context_that_is_named_or_the_dialplan_s_own(
    metadata: dict[str, str], arguments: dict[str, str], place: str
) -> None:
    line = Line(metadata=metadata)
    assert (await line.does("avr_transfer", json.dumps(arguments))).ok
    assert str(line.targets.take(UUID)) == place


@pytest.mark.parametrize("extension", ["", "1001,1)", "10\n01", "${SHELL(id)}", "a b"])
async def test_nothing_but_names_of_a_dialplan_is_kept(extension: str) -> None:
    line = Line()
    outcome = await line.does(
        "avr_transfer", json.dumps({"transfer_extension": extension})
    )
    assert "transfer_extension" in error_of(outcome)
    assert (line.targets.take(UUID), line.posted) == (None, [])


async def test_a_transfer_that_cannot_be_kept_leaves_the_caller_here() -> None:
    line = Line(can_keep=False)
    outcome = await line.does("avr_transfer", TO_SALES)
    assert "could not be noted down" in error_of(outcome)
    assert line.posted == []


@pytest.mark.parametrize("sockets", [False, True])
async def test_ari_tells_the_dialplan_behind_dial_by_a_variable(sockets: bool) -> None:
    caller = Channel()
    ari = FakeAri({CALLER: caller})
    line = Line(ari)
    if sockets:
        async with asterisk_with(ari):
            assert (await line.does("avr_transfer", TO_SALES)).ok
    else:
        assert (await line.does("avr_transfer", TO_SALES)).ok
    assert caller.variables == {"TRIO_STS_NEXT": "default,1001,1"}
    assert caller.is_up
    assert line.posted == [HangUp()]
    # For a dialplan that asks us.
    assert str(line.targets.take(UUID)) == "default,1001,1"


async def test_what_ari_was_told_needs_nobody_to_keep_it() -> None:
    line = Line(FakeAri({CALLER: Channel()}), can_keep=False)
    assert (await line.does("avr_transfer", TO_SALES)).ok
    assert line.posted == [HangUp()]


@pytest.mark.parametrize(("priority", "step"), [("2", 2), ("again", "again")])
async def test_ari_itself_sends_a_channel_that_an_application_of_it_holds(
    priority: str, step: object
) -> None:
    caller = Channel(in_stasis=True)
    line = Line(FakeAri({CALLER: caller}))
    arguments = {
        "transfer_extension": "1001",
        "transfer_context": "sales",
        "transfer_priority": priority,
    }
    assert (await line.does("avr_transfer", json.dumps(arguments))).ok
    assert caller.went_to == ("sales", "1001", step)
    assert line.posted == [HangUp()]
    assert line.targets.take(UUID) is None


@pytest.mark.parametrize("in_stasis", [False, True])
async def test_ari_hangs_the_caller_up(in_stasis: bool) -> None:
    caller = Channel(in_stasis)
    line = Line(FakeAri({CALLER: caller}))
    assert (await line.does("avr_hangup")).ok
    assert not caller.is_up
    assert line.posted == [HangUp()]


async def test_a_channel_may_be_told_by_its_name() -> None:
    name = "PJSIP/+39 alice-00000001".replace(" ", "")
    caller = Channel()
    ari = FakeAri({name: caller})
    async with asterisk_with(ari):
        line = Line(ari, metadata={"channel": name})
        assert (await line.does("avr_transfer", TO_SALES)).ok
        assert caller.variables["TRIO_STS_NEXT"] == "default,1001,1"
        assert (await line.does("avr_hangup")).ok
        assert not caller.is_up


@pytest.mark.parametrize("action", ["avr_hangup", "avr_transfer"])
@pytest.mark.parametrize(
    ("faults", "why"),
    [
        ({"channels": {}}, "does not know this call"),
        ({"read_only": True}, "refused (status 403)"),
        ({"after_s": 6}, "in time"),
        ({"after_s": 4.9}, "in time"),
        ({"url": "http://127.0.0.1:1/ari"}, "be reached"),
    ],
)
async def test_what_ari_does_not_do_the_dialplan_does(
    faults: dict[str, Any],
    why: str,
    action: str,
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.05
    ari = evolve(FakeAri({CALLER: Channel()}), **faults)
    line = Line(ari)
    with capture_logs() as lines:
        assert (await line.does(action, TO_SALES)).ok
    assert trio.current_time() <= 5.1
    assert line.posted == [HangUp()]
    if action == "avr_transfer":
        assert str(line.targets.take(UUID)) == "default,1001,1"
    failures = [each for each in lines if each["event"].startswith("ARI failed")]
    if (action, ari.after_s) == ("avr_hangup", 4.9):
        assert failures == []
    else:
        (failure,) = failures
        assert why in failure["why"]
    assert "1001" not in str(lines)


async def test_a_variable_that_ari_did_not_set_is_noticed() -> None:
    # `/asterisk/variable` answers 204 whether or not the function did something.
    line = Line(FakeAri({CALLER: Channel()}, has_export=False))
    with capture_logs() as lines:
        assert (await line.does("avr_transfer", TO_SALES)).ok
    assert [each["event"] for each in lines if "ARI" in each["event"]] != []
    assert str(line.targets.take(UUID)) == "default,1001,1"


@pytest.mark.parametrize("told", ["", "a b", "1,TRIO_STS_NEXT)", "x" * 151])
async def test_without_a_sound_channel_ari_is_not_asked(told: str) -> None:
    ari = FakeAri({CALLER: Channel()})
    line = Line(ari, metadata={"uniqueid": told})
    with capture_logs() as lines:
        assert (await line.does("avr_transfer", TO_SALES)).ok
    assert ari.asked == []
    assert lines[0]["why"] == "the dialplan passes no uniqueid"
    assert str(line.targets.take(UUID)) == "default,1001,1"


def test_the_unique_id_is_preferred_to_the_name() -> None:
    both = {"channel": "PJSIP/alice-00000001", "uniqueid": CALLER}
    assert channel_of(both) == CALLER
    assert channel_of({**both, "uniqueid": "no id"}) == "PJSIP/alice-00000001"


async def test_ari_is_used_only_if_all_of_it_is_set() -> None:
    settings = Settings(
        ari_url="http://127.0.0.1:8088/ari/", ari_user=USER, ari_password=PASSWORD
    )
    async with tool_http_client() as http:
        assert Ari.of(Settings(), http) is None
        assert Ari.of(evolve(settings, ari_user=None), http) is None
        ari = FakeAri({CALLER: Channel()})
        async with asterisk_with(ari):
            found = Ari.of(evolve(settings, ari_url=f"{ari.url}/"), http)
            assert found is not None
            await found.hang_up(CALLER)
    assert ari.asked == [("DELETE", f"/channels/{CALLER}")]
    assert PASSWORD not in repr(found)
