import json

import httpx
import pytest
import trio
import trio.testing

from tests.tools.calls import Answerer, a_call, error_of
from trio_sts.tools.call_control import call_control_tools
from trio_sts.tools.registry import Registry, ToolOutcome
from trio_sts.tools.resources import Resources
from trio_sts.tools.tool import Kind


class Ami:
    """avr-ami as it answers over HTTP, once the given time has passed."""

    def __init__(
        self, status: int = 200, body: bytes = b'{"message":"ok"}', after_s: float = 0
    ) -> None:
        self.requests: list[tuple[str, str, object]] = []
        self.status = status
        self.body = body
        self.after_s = after_s

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await trio.sleep(self.after_s)
        sent = json.loads(request.content)
        self.requests.append((request.method, str(request.url), sent))
        return httpx.Response(self.status, content=self.body)


async def control(answer: Answerer, name: str, arguments: str = "{}") -> ToolOutcome:
    call = a_call(answer, uuid='a"b-1')
    tools = call_control_tools("http://ami:6006/")
    registry = Registry(tools, control=Resources(http=call.http))
    return await registry.run(name, arguments, call)


async def test_a_hangup_posts_the_call_id() -> None:
    ami = Ami()

    assert (await control(ami, "avr_hangup")).ok
    assert ami.requests == [("POST", "http://ami:6006/hangup", {"uuid": 'a"b-1'})]


async def test_a_transfer_posts_where_to_with_the_usual_context_and_priority() -> None:
    ami = Ami()

    outcome = await control(ami, "avr_transfer", '{"transfer_extension": " 1001 "}')

    assert outcome.ok
    body = {"uuid": 'a"b-1', "exten": "1001", "context": "demo", "priority": "1"}
    assert ami.requests == [("POST", "http://ami:6006/transfer", body)]


async def test_a_transfer_may_name_context_and_priority() -> None:
    ami = Ami()
    arguments = {
        "transfer_extension": "*98",
        "transfer_context": "from-internal",
        "transfer_priority": "2",
    }

    assert (await control(ami, "avr_transfer", json.dumps(arguments))).ok
    (request,) = ami.requests
    assert request[2] == {
        "uuid": 'a"b-1',
        "exten": "*98",
        "context": "from-internal",
        "priority": "2",
    }


@pytest.mark.parametrize(
    "extension", ["", "1001\r\nAction: Originate", "a b", "1" * 81]
)
async def test_nothing_but_a_dialplan_name_reaches_the_telephone_system(
    extension: str,
) -> None:
    ami = Ami()
    arguments = json.dumps({"transfer_extension": extension})

    outcome = await control(ami, "avr_transfer", arguments)

    assert "transfer_extension" in error_of(outcome)
    assert ami.requests == []


async def test_a_transfer_to_nowhere_is_refused() -> None:
    outcome = await control(Ami(), "avr_transfer")

    assert error_of(outcome) == '"transfer_extension" is a required property'


@pytest.mark.parametrize(
    ("ami", "said"),
    [
        (Ami(404, b'{"message":"gone"}'), "does not know this call"),
        (Ami(500, b'{"message":"AMI 10.0.0.1 down"}'), "refused (status 500)"),
        (Ami(302), "refused (status 302)"),
        (Ami(200, b"<html>"), "no understandable answer"),
        (Ami(200, b" " * 100_000 + b"{}"), "no understandable answer"),
    ],
)
async def test_only_success_in_json_is_success(ami: Ami, said: str) -> None:
    assert said in error_of(await control(ami, "avr_hangup"))


async def test_a_slow_telephone_system_is_given_up_after_five_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outcome = await control(Ami(after_s=6), "avr_hangup")

    assert "in time" in error_of(outcome)
    assert trio.current_time() == 5


async def test_an_unreachable_telephone_system_is_told_to_the_model() -> None:
    tools = call_control_tools("http://127.0.0.1:1")
    async with httpx.AsyncClient(trust_env=False) as http:
        context = a_call()
        call = type(context)("u", {}, context.logger, http)
        outcome = await Registry(tools).run("avr_hangup", "{}", call)

    assert "could not be reached" in error_of(outcome)


def test_both_tools_are_call_control_and_say_when_to_use_them() -> None:
    transfer, hangup = call_control_tools("http://ami:6006")

    assert {transfer.kind, hangup.kind} == {Kind.CALL_CONTROL}
    assert transfer.offer().parameters["required"] == ["transfer_extension"]
    assert "goodbye" in hangup.description
