"""Faults in what a response answers: calls where none were due, text before audio."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import trio
from attrs import evolve

from trio_sts.embedded.brain.answers import Reply
from trio_sts.embedded.brain.tools import HANGUP, TRANSFER, call
from trio_sts.embedded.items import Item, new_id
from trio_sts.embedded.response import Response

from .orders import Ordered

_CALLS: Final = ("only_calls", "slow_arguments", "half_call", "same_call_id")
_REMOTE: Final = ("mcp", "mcp_late", "mcp_failed")
_SAME_CALL_ID: Final = "call_0"
_THOUGHTS: Final = ("Let me think. ", "One moment. ", "Nearly there. ")
_BETWEEN_THOUGHTS_S = 0.25
_BETWEEN_ARGUMENTS_S = 0.25
_ARGUMENTS_DELTA = 12


def bent(reply: Reply, faults: Ordered, tools: Sequence[Mapping[str, Any]]) -> Reply:
    """The reply that these faults make of another one.

    The call that a fault needs is of the first tool that is no call control; without
    such a tool the reply stays as it is.
    """
    if remote_fault(faults) is not None:
        return Reply("")
    harmless = [
        tool
        for tool in tools
        if tool.get("type") == "function" and tool["name"] not in {HANGUP, TRANSFER}
    ]
    if not harmless or not any(name in faults for name in _CALLS):
        return reply
    if "only_calls" in faults:
        return Reply("", (call(harmless[0]),))
    return reply if reply.calls else evolve(reply, calls=(call(harmless[0]),))


def parts_of(text: str, faults: Ordered) -> tuple[str, ...]:
    """What is said in each content part of the answer."""
    words = text.split()
    if "two_parts" not in faults or len(words) < 2:  # noqa: PLR2004 (halves)
        return (text,)
    half = len(words) // 2
    return (" ".join(words[:half]), " ".join(words[half:]))


def call_id(faults: Ordered) -> str:
    """The id of a new function call."""
    return _SAME_CALL_ID if "same_call_id" in faults else new_id("call")


async def think(response: Response, for_s: float) -> None:
    """Write a message of thoughts, piece by piece."""
    response.message("output_text")
    for number, wait_s in enumerate(_pauses(for_s, _BETWEEN_THOUGHTS_S)):
        response.text(_THOUGHTS[number % len(_THOUGHTS)])
        await trio.sleep(wait_s)
    response.message_done()


async def send_arguments(response: Response, arguments: str) -> None:
    """Send the arguments of the open call, as slowly as was ordered."""
    order = response.faults.get("slow_arguments")
    if order is None:
        for first in range(0, len(arguments), _ARGUMENTS_DELTA):
            response.arguments(arguments[first : first + _ARGUMENTS_DELTA])
        return
    response.arguments(arguments[:1])
    # Arguments are raw JSON of the model, which may be full of spaces.
    for wait_s in _pauses(order.amount, _BETWEEN_ARGUMENTS_S):
        await trio.sleep(wait_s)
        response.arguments(" ")
    response.arguments(arguments[1:])


def _pauses(total_s: float, each_s: float) -> Iterator[float]:
    whole, rest_s = divmod(total_s, each_s)
    yield from [each_s] * int(whole)
    yield rest_s


def remote_fault(faults: Ordered) -> str | None:
    """Which fault asks for an MCP call."""
    return next((name for name in _REMOTE if name in faults), None)


def begin_remote_call(response: Response, tools: Sequence[Mapping[str, Any]]) -> Item:
    """Call a tool of the session's first MCP server, or of one that it has not."""
    labels = (tool.get("server_label") for tool in tools if tool.get("type") == "mcp")
    return response.begin_remote_call(str(next(labels, "remote")), "look_up", "{}")


async def end_remote_call(response: Response, item: Item) -> None:
    """Answer it after the time that was ordered."""
    name = remote_fault(response.faults)
    await trio.sleep(response.faults[name].amount if name else 0)
    if "mcp_failed" in response.faults:
        told = "The remote tool failed."
        item.error = {"type": "tool_execution_error", "message": told}
    else:
        item.output = "The parcel is on its way."
    response.remote_call_done(item)
