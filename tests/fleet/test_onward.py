"""Calls of Asterisk's own in several workers, and a dialplan that asks at the port."""

from pathlib import Path

from tests.peers.asterisk import FakeAsterisk, dialling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model
from tests.system.desk import loud

from .kit import fleet
from .test_workers import status

_SALES = '{"transfer_extension": "1001"}'


async def test_the_parent_tells_where_each_worker_s_calls_go_on(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        fleet(tmp_path, model, AMI_URL="http://127.0.0.1:1") as service,
    ):
        url = f"{service.url}/media?context=sales&uuid="
        async with dialling(f"{url}call-1") as one:
            session = await _greeted(model)
            async with dialling(f"{url}call-2") as other:
                await transferred(await _greeted(model), other)
            await transferred(session, one)
        assert len(service.calls_of()) == 2
        for number in (2, 1):
            path = f"/calls/call-{number}/next"
            assert await status(service, path) == (200, "sales,1001,1")
            assert await status(service, path) == (404, "")


async def _greeted(model: ScriptedModel) -> ScriptedSession:
    session = await model.next_session()
    await session.expect("response.create")
    return session


async def transferred(session: ScriptedSession, asterisk: FakeAsterisk) -> None:
    """The agent transfers the caller, and Asterisk's leg is over."""
    async with session.response() as response:
        await response.say(loud(200), "I put you through.")
        await response.call("avr_transfer", _SALES)
    assert await asterisk.wait_closed(20) == 1000
