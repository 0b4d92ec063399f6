"""Operators' own tools in the whole service: AVR's files do not break its rules."""

import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import psutil
import trio
from attrs import frozen

from tests.peers.core import FakeCore, calling, silence
from tests.peers.model import ScriptedSession, scripted_model
from tests.peers.mounted import avr_tools, needs_node
from trio_sts.phone.ami import AmiAnswer, AmiStandIn
from trio_sts.phone.exchange import Exchange
from trio_sts.phone.report import Outcome

from .service import serving
from .test_call import tone
from .test_process import KEY, exit_code, run, running

pytestmark = needs_node


@frozen
class Desk:
    """A call in a deployment with AVR's own tools in JavaScript."""

    core: FakeCore
    session: ScriptedSession
    ami: AmiStandIn
    dropped: list[Outcome]


@asynccontextmanager
async def avr_desk(base: Path) -> AsyncGenerator[Desk]:
    """Hold one call, from its greeting on."""
    exchange = Exchange()
    ami = AmiStandIn(exchange)
    dropped: list[Outcome] = []
    async with trio.open_nursery() as nursery:
        ami_url: str = await nursery.start(partial(ami.serve, port=0))
        async with (
            scripted_model() as model,
            serving(model.base_url, AMI_URL=ami_url, **avr_tools(base)) as service,
            calling(service.url) as core,
        ):
            with exchange.connected("call-5", dropped.append):
                await core.init("call-5")
                session = await model.next_session()
                await session.expect("response.create")
                offered = {tool["name"]: tool for tool in session.session["tools"]}
                assert "The dialplan context." in str(offered["avr_transfer"])
                yield Desk(core, session, ami, dropped)
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_a_hangup_in_javascript_waits_until_the_goodbye_was_heard(
    tmp_path: Path,
) -> None:
    async with avr_desk(tmp_path) as desk:
        async with desk.session.response() as response:
            await response.say(tone(2000, rate_hz=24000), "Goodbye then.")
            await response.call("avr_hangup")
        first = await desk.core.wait_for("audio")
        await desk.core.speak(silence(2500))
        output = await desk.session.expect("conversation.item.create")
        (request,) = desk.ami.requests
        assert (request.path, request.body) == ("/hangup", {"uuid": "call-5"})
        assert request.at_s - first.at_s >= 2.0
        assert 2000 <= desk.core.audio_ms <= 2020
        assert desk.dropped == [Outcome.AMI_HUNG_UP]
        assert output["item"]["output"] == "Done"
        assert await desk.core.wait_closed(4) == 1000
        assert desk.session.types.count("response.create") == 1


async def test_a_transfer_in_javascript_waits_until_it_was_announced(
    tmp_path: Path,
) -> None:
    async with avr_desk(tmp_path) as desk:
        async with desk.session.response() as response:
            await response.say(tone(1000, rate_hz=24000), "I am transferring you.")
            await response.call("avr_transfer", '{"transfer_extension": "600"}')
        first = await desk.core.wait_for("audio")
        await desk.core.speak(silence(1500))
        await desk.session.expect("conversation.item.create")
        (request,) = desk.ami.requests
        assert request.path == "/transfer"
        assert request.body["exten"] == "600"
        assert request.at_s - first.at_s >= 1.0
        assert desk.dropped == [Outcome.TRANSFERRED]
        assert desk.session.types.count("response.create") == 1


async def test_a_transfer_that_only_says_that_it_failed_leaves_the_call_to_the_model(
    tmp_path: Path,
) -> None:
    async with avr_desk(tmp_path) as desk:
        desk.ami.answers["/transfer"] = AmiAnswer(500)
        async with desk.session.response() as response:
            await response.call("avr_transfer", '{"transfer_extension": "600"}')
        output = await desk.session.expect("conversation.item.create")
        await desk.session.expect("response.create")
        assert "status code 500" in output["item"]["output"]
        async with desk.session.response() as response:
            await response.say(tone(300, rate_hz=24000), "That did not work.")
        await desk.core.wait_audio(300)
        assert desk.core.close_code is None


async def test_a_hangup_that_only_says_that_it_failed_still_ends_the_call(
    tmp_path: Path,
) -> None:
    async with avr_desk(tmp_path) as desk:
        desk.ami.answers["/hangup"] = AmiAnswer(404)
        async with desk.session.response() as response:
            await response.say(tone(100, rate_hz=24000), "Goodbye.")
            await response.call("avr_hangup")
        # Not after the 3 s in which AVR Core would end a call that avr-ami has dropped.
        assert await desk.core.wait_closed(2) == 1000


async def test_a_stop_leaves_no_host_of_javascript_behind(tmp_path: Path) -> None:
    async with (
        scripted_model() as model,
        running(
            tmp_path,
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=model.base_url,
            AMI_URL="http://127.0.0.1:9",
            STS_DRAIN_S="1",
            **avr_tools(tmp_path),
        ) as service,
        calling(service.url) as core,
    ):
        (host,) = psutil.Process(service.process.pid).children(recursive=True)
        await core.init()
        session = await model.next_session()
        async with session.response() as response:
            await response.call("avr_transfer", '{"transfer_extension": "600"}')
        output = await session.expect("conversation.item.create")
        assert "Error during the transfer" in output["item"]["output"]
        service.process.send_signal(signal.SIGTERM)
        assert await core.wait_closed(4) == 1001
        assert await exit_code(service, 5) == 0
        assert not host.is_running()
    assert not [line for line in service.log if line["level"] == "error"]
    says = [line for line in service.log if line["event"] == "tool says"]
    assert [line["level"] for line in says] == ["warning"]

    assert [line["call_id"] for line in says] == ["call-1"], says


async def test_a_start_that_fails_is_one_line_beside_javascript_too(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, output = await run(
            tmp_path, "serve", OPENAI_API_KEY=KEY, PORT=port, **avr_tools(tmp_path)
        )
    assert code == 1
    assert "Traceback" not in output
    assert [line for line in output.splitlines() if "cannot run" in line]


async def test_no_cookie_of_one_call_is_sent_for_the_next(tmp_path: Path) -> None:
    async with serving("http://127.0.0.1:9", TOOLS_DIR=str(tmp_path)) as service:
        http = service.server.services.http
        request = http.build_request("GET", "http://crm.test/")
        answer = httpx.Response(
            200, headers={"set-cookie": "session=caller-1"}, request=request
        )
        http.cookies.extract_cookies(answer)
        assert "cookie" not in http.build_request("GET", "http://crm.test/").headers
