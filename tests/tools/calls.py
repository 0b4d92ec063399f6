"""What the tests of the tools share: a call, and tools made in one line."""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httpx
import structlog
import trio

from trio_sts.tools.registry import Registry, ToolOutcome
from trio_sts.tools.tool import CallContext, Handler, Kind, Tool, make_tool

Answerer = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


async def _nobody(request: httpx.Request) -> httpx.Response:
    await trio.lowlevel.checkpoint()
    raise httpx.ConnectError("nobody is there", request=request)


def a_call(answer: Answerer = _nobody, *, uuid: str = "call-1") -> CallContext:
    return CallContext(
        uuid=uuid,
        metadata={"from": "2000", "to": "5001"},
        logger=structlog.get_logger(),
        http=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )


def a_tool(
    handler: Handler,
    schema: Mapping[str, Any] | None = None,
    *,
    name: str = "look_up",
    timeout_s: float | None = None,
) -> Tool:
    return make_tool(
        name=name,
        description="Looks things up.",
        input_schema=schema,
        handler=handler,
        kind=Kind.PYTHON,
        timeout_s=timeout_s,
    )


async def run_one(
    handler: Handler, arguments: str = "{}", schema: Mapping[str, Any] | None = None
) -> ToolOutcome:
    registry = Registry([a_tool(handler, schema)], tool_result_bytes=64)
    return await registry.run("look_up", arguments, a_call())


def error_of(outcome: ToolOutcome) -> str:
    """Return the reason in a failure, which has to be the whole of the output."""
    assert not outcome.ok
    told = json.loads(outcome.output)
    assert list(told) == ["error"]
    reason: str = told["error"]
    return reason
