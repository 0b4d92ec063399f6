"""Asterisk's REST interface does to a channel what the call control by ARI relies on."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
import trio
from websockets.sync.client import connect

from trio_sts.dialplan import Target
from trio_sts.errors import ToolError
from trio_sts.tools.ari import Ari
from trio_sts.tools.ari_verdict import ask_ari
from trio_sts.tools.http_client import tool_http_client

from .asterisk import Asterisk

_URL = "http://127.0.0.1:8088/ari"
# Those of deploy/asterisk/ari.conf.
_USER, _PASSWORD = "trio-sts", "change-me"
_APPLICATION = "tests"
_WITHIN_S = 10
_PLACE = Target("elsewhere", "1001", "1")


@asynccontextmanager
async def ari(password: str = _PASSWORD) -> AsyncGenerator[Ari]:
    async with tool_http_client() as http:
        yield Ari(_URL, httpx.BasicAuth(_USER, password), http)


def uniqueids(asterisk: Asterisk) -> dict[str, str]:
    """Where each channel is in the dialplan, by its unique id."""
    rows = asterisk.cli("core show channels concise").split()
    fields = [row.split("!") for row in rows if row.count("!") > 10]
    return {each[-1]: f"{each[1]},{each[2]}" for each in fields}


@contextmanager
def waiting(asterisk: Asterisk, application: str) -> Generator[str]:
    """A channel in an application, by its unique id; nothing is left of it."""
    for line in (
        f"1,1,{application} into waiting",
        "1001,1,Wait,30 into elsewhere",
    ):
        asterisk.cli(f"dialplan add extension {line} replace")
    asterisk.cli("channel originate Local/1@waiting application Wait 30")
    (uniqueid,) = [
        each for each, place in uniqueids(asterisk).items() if place == "waiting,1"
    ]
    try:
        yield uniqueid
    finally:
        asterisk.cli("channel request hangup all")


async def until_at(asterisk: Asterisk, uniqueid: str, place: str | None) -> None:
    """Wait until a channel is at a place of the dialplan; None is gone."""
    with trio.fail_after(_WITHIN_S):
        await trio.lowlevel.checkpoint()
        while uniqueids(asterisk).get(uniqueid) != place:  # noqa: ASYNC110
            await trio.sleep(0.05)


async def test_a_channel_in_the_dialplan_gets_the_variable(asterisk: Asterisk) -> None:
    with waiting(asterisk, "Wait,30") as uniqueid:
        async with ari() as interface:
            assert not await interface.send(uniqueid, _PLACE)
            # It has not been moved.
            assert uniqueids(asterisk)[uniqueid] == "waiting,1"
            path = f"channels/{uniqueid}/variable?variable=TRIO_STS_NEXT"
            answered = await interface.ask("GET", path)
            assert b'"elsewhere,1001,1"' in answered.body
            await interface.hang_up(uniqueid)
        await until_at(asterisk, uniqueid, None)


async def test_a_channel_of_an_application_goes_on_at_once(asterisk: Asterisk) -> None:
    events = f"ws://127.0.0.1:8088/ari/events?app={_APPLICATION}"
    with connect(f"{events}&api_key={_USER}:{_PASSWORD}"):
        with waiting(asterisk, f"Stasis,{_APPLICATION}") as uniqueid:
            async with ari() as interface:
                assert await interface.send(uniqueid, _PLACE)
                await until_at(asterisk, uniqueid, "elsewhere,1001")
                await interface.hang_up(uniqueid)
            await until_at(asterisk, uniqueid, None)


async def test_a_channel_that_is_gone_is_told(asterisk: Asterisk) -> None:
    async with ari() as interface:
        with pytest.raises(ToolError, match="does not know this call"):
            await interface.send("1.1", _PLACE)
        with pytest.raises(ToolError, match="does not know this call"):
            await interface.hang_up("1.1")


async def test_a_check_finds_the_version_and_a_wrong_password(
    asterisk: Asterisk,
) -> None:
    async with ari() as interface:
        verdict = await ask_ari(interface)
    assert verdict.level == "ok"
    assert verdict.told.startswith("ARI of Asterisk 2")
    async with ari("another") as interface:
        verdict = await ask_ari(interface)
    assert verdict.told.startswith("ARI refuses the user (status 401)")
