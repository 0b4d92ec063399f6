"""AVR's documented tools and a user's own, by real speech, in real time."""

from pathlib import Path

import trio

from tests.peers.mounted import avr_tools, needs_node
from trio_sts.embedded import Endpoint, serve_model
from trio_sts.embedded.speech.voice import speak
from trio_sts.phone.ami import AmiStandIn
from trio_sts.phone.core import place_call
from trio_sts.phone.exchange import Exchange
from trio_sts.phone.report import CallReport, Outcome
from trio_sts.phone.script import Pause, Say, Script, Step, WaitForAgent, WaitForSilence

from .service import serving

WEATHER = """
const axios = require('axios');
const { hours } = require('./lib/shop');

module.exports = {
  name: 'get_weather',
  description: 'Tells the weather.',
  input_schema: { type: 'object', properties: {}, required: [] },
  handler: async (uuid, args) => {
    if (typeof axios.post !== 'function') throw new Error('no axios');
    return JSON.stringify({ sky: 'blue', open: hours, call: uuid.slice(-1) });
  },
};
"""
SHOP = "exports.hours = 'all day';"

_QUIET = WaitForSilence(quiet_ms=700)


def asking(*words: str) -> Script:
    """Ask, listen to each answer, and stay on the line until somebody else ends it."""
    steps: list[Step] = [Pause(1)]
    for each in words:
        steps += [Say(speak(each)), WaitForAgent(), _QUIET]
    return (*steps, Pause(15))


@needs_node
async def test_tools_of_avr_and_of_a_user_work_unmodified_by_voice(
    tmp_path: Path,
) -> None:
    where = avr_tools(tmp_path) | {"STS_GREETING": "off"}
    (tmp_path / "tools" / "lib").mkdir()
    (tmp_path / "tools" / "lib" / "shop.js").write_text(SHOP)
    (tmp_path / "tools" / "weather.js").write_text(WEATHER)
    exchange = Exchange()
    ami = AmiStandIn(exchange)
    reports: dict[str, CallReport] = {}
    scripts = {
        "call-7": asking("what is the weather like today", "transfer me to five five"),
        "call-8": asking("thank you goodbye"),
    }

    async def call(url: str, uuid: str) -> None:
        reports[uuid] = await place_call(
            url, scripts[uuid], uuid=uuid, exchange=exchange, max_call_s=40
        )

    async with trio.open_nursery() as nursery:
        model: Endpoint = await nursery.start(serve_model)
        ami_url: str = await nursery.start(ami.serve)
        async with serving(model.url, AMI_URL=ami_url, **where) as service:
            async with trio.open_nursery() as calls:
                for uuid in scripts:
                    calls.start_soon(call, service.url, uuid)
        nursery.cancel_scope.cancel(reason="the calls are over")

    agent = [said.text for said in reports["call-7"].transcripts if said.role != "user"]
    assert "The tool says: sky blue, open all day, call 7" in agent
    assert any("transferring you to five five" in said for said in agent)
    asked = {request.path: request.body for request in ami.requests}
    assert asked["/hangup"] == {"uuid": "call-8"}
    assert asked["/transfer"]["uuid"] == "call-7"
    assert asked["/transfer"]["exten"] == "55"
    assert reports["call-7"].outcome is Outcome.TRANSFERRED
    assert reports["call-8"].outcome is Outcome.AMI_HUNG_UP
    # Neither left before the caller had heard what was announced.
    assert [report.unplayed_s for report in reports.values()] == [0, 0]
