"""The tools of one call: switched off, chosen, and transfers fenced in."""

from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import structlog
import trio

from trio_sts.tools.call_control import call_control_tools
from trio_sts.tools.percall import CallTools
from trio_sts.tools.registry import Registry
from trio_sts.tools.tool import CallContext, Kind, make_tool


async def look_up(args: Mapping[str, Any], context: CallContext) -> str:
    await trio.lowlevel.checkpoint()
    return "found"


REGISTRY = Registry(
    [
        *call_control_tools("http://ami:6006"),
        make_tool(
            name="look_up",
            description="Looks.",
            input_schema=None,
            handler=look_up,
            kind=Kind.PYTHON,
        ),
    ]
)
ALL = {"avr_hangup", "avr_transfer", "look_up"}


def names(tools: CallTools) -> set[str]:
    return {tool.name for tool in tools.offered()}


async def ran(tools: CallTools, name: str, **arguments: str) -> dict[str, Any] | str:
    async with httpx.AsyncClient() as http:
        context = CallContext("call-1", {}, structlog.get_logger(), http)
        outcome = await tools.run(name, orjson.dumps(arguments).decode(), context)
    if outcome.ok:
        return outcome.output
    parsed: dict[str, Any] = orjson.loads(outcome.output)
    return parsed


def test_every_tool_is_offered_unless_something_says_otherwise() -> None:
    assert names(CallTools(REGISTRY)) == ALL
    assert names(CallTools(REGISTRY, off={"avr_transfer"})) == ALL - {"avr_transfer"}
    assert names(CallTools(REGISTRY, only={"look_up", "none"})) == {"look_up"}
    assert names(CallTools(REGISTRY, only=())) == set()
    # What is switched off stays off, whoever names it.
    assert names(CallTools(REGISTRY, off={"look_up"}, only={"look_up"})) == set()


async def test_without_avr_ami_a_call_that_needs_it_has_no_call_control() -> None:
    registry = Registry(REGISTRY.tools.values(), has_ami=False)
    assert names(CallTools(registry)) == {"look_up"}
    refused = await ran(CallTools(registry), "avr_hangup")
    assert refused == {"error": "There is no tool named 'avr_hangup'."}
    assert CallTools(registry).permitted().tools == {"look_up"}
    # Asterisk itself has dialled: the end of its leg is enough.
    assert names(CallTools(registry, has_control=True)) == ALL
    off = CallTools(registry, off={"avr_transfer"}, has_control=True)
    assert names(off) == ALL - {"avr_transfer"}


async def test_an_operator_s_own_call_control_is_offered_to_every_call() -> None:
    own = make_tool(
        name="avr_hangup",
        description="Hangs up.",
        input_schema=None,
        handler=look_up,
        kind=Kind.JAVASCRIPT,
        source="tools/avr_hangup.js",
    )
    registry = Registry([own], has_ami=False)
    assert names(CallTools(registry)) == {"avr_hangup"}
    assert await ran(CallTools(registry), "avr_hangup") == "found"


async def test_the_core_s_own_hangup_without_anybody_to_do_it_fails_in_words() -> None:
    registry = Registry(call_control_tools(None), has_ami=False)
    async with httpx.AsyncClient() as http:
        context = CallContext("call-1", {}, structlog.get_logger(), http)
        outcome = await registry.run("avr_hangup", "{}", context)
    assert not outcome.ok
    assert "cannot be ended" in outcome.output


async def test_a_tool_that_is_not_offered_does_not_run() -> None:
    tools = CallTools(REGISTRY, off={"look_up"})
    assert await ran(tools, "look_up") == {"error": "There is no tool named 'look_up'."}
    assert await ran(CallTools(REGISTRY), "look_up") == "found"


def schema(*patterns: str) -> dict[str, Any]:
    tools = CallTools(REGISTRY, transfer_to=patterns).offered()
    tool = next(tool for tool in tools if tool.name == "avr_transfer")
    shown: dict[str, Any] = tool.parameters["properties"]["transfer_extension"]
    return shown


def test_the_model_is_told_where_it_may_transfer_to() -> None:
    assert "enum" not in schema()
    assert schema("100", "200")["enum"] == ["100", "200"]
    assert "enum" not in schema("100", "2??")
    assert schema("100", "2??")["description"].endswith(": 100, 2??.")
    # The service's own is left as it is.
    assert "enum" not in schema()


async def test_a_transfer_elsewhere_is_refused_without_asking_avr_ami() -> None:
    tools = CallTools(REGISTRY, transfer_to=("100", "2??"))
    answer = await ran(tools, "avr_transfer", transfer_extension="300")
    assert answer == {
        "error": "This call cannot be transferred to that extension, only to 100, 2??."
    }


def test_a_conversation_is_told_what_its_call_may_do() -> None:
    tools = CallTools(REGISTRY, off={"avr_hangup"}, transfer_to=("100",))
    permitted = tools.permitted()
    assert permitted.tools == ALL - {"avr_hangup"}
    assert permitted.transfer_to == ("100",)
