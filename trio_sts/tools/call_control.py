"""The two tools of every deployment: transfer and hang up, through avr-ami."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import trio

from trio_sts.errors import ToolError

from .http_answer import read_up_to
from .tool import HANGUP, TRANSFER, CallContext, Kind, Tool, make_tool

_AMI_TIMEOUT_S = 5
_ANSWER_BYTES = 64 * 1024
_UNREACHABLE = "The telephone system could not be reached."

# The names of a dialplan. Nothing else may get in: what a caller makes the model say
# ends up in a line of Asterisk's manager protocol.
_DIALPLAN_NAME = re.compile(r"[A-Za-z0-9_*#+.@-]{1,80}")

_TRANSFER_WHEN = (
    "Transfers the caller to another extension. Call it when the caller asks for a "
    "person, a department or another extension, or when the instructions say that "
    "somebody else has to take over. Announce the transfer in the same turn, before "
    "calling it: the caller leaves this conversation for good."
)
_HANGUP_WHEN = (
    "Ends the phone call. Call it when the caller says goodbye, or when everything is "
    "done and the caller wants nothing else. Say goodbye in the same turn, before "
    "calling it: the line is closed as soon as the caller has heard it."
)


def call_control_tools(ami_url: str) -> tuple[Tool, Tool]:
    """Return the transfer and the hangup tool, which POST to avr-ami at ``ami_url``."""
    base = ami_url.rstrip("/")

    async def transfer(args: Mapping[str, Any], context: CallContext) -> str:
        body = {
            "uuid": context.uuid,
            "exten": _dialplan_name(args, "transfer_extension"),
            "context": _dialplan_name(args, "transfer_context", "demo"),
            "priority": _dialplan_name(args, "transfer_priority", "1"),
        }
        await _post(context.http, f"{base}/transfer", body)
        return "The caller is being transferred."

    async def hangup(args: Mapping[str, Any], context: CallContext) -> str:
        del args
        await _post(context.http, f"{base}/hangup", {"uuid": context.uuid})
        return "The call is being ended."

    return (
        make_tool(
            name=TRANSFER,
            description=_TRANSFER_WHEN,
            input_schema=_TRANSFER_SCHEMA,
            handler=transfer,
            kind=Kind.CALL_CONTROL,
        ),
        make_tool(
            name=HANGUP,
            description=_HANGUP_WHEN,
            input_schema=None,
            handler=hangup,
            kind=Kind.CALL_CONTROL,
        ),
    )


_TRANSFER_SCHEMA = {
    "type": "object",
    "properties": {
        "transfer_extension": {
            "type": "string",
            "description": "The extension to transfer the caller to.",
        },
        "transfer_context": {
            "type": "string",
            "description": "The dialplan context; leave it out unless you were told.",
        },
        "transfer_priority": {
            "type": "string",
            "description": "The dialplan priority; leave it out unless you were told.",
        },
    },
    "required": ["transfer_extension"],
}


def _dialplan_name(args: Mapping[str, Any], key: str, default: str = "") -> str:
    value: str = args.get(key, default).strip() or default
    if not _DIALPLAN_NAME.fullmatch(value):
        reason = f"{key} is not a valid name in the dialplan."
        raise ToolError(reason)
    return value


async def _post(http: httpx.AsyncClient, url: str, body: Mapping[str, str]) -> None:
    """POST to avr-ami, which answers a JSON object with any status.

    Raises:
        ToolError: In words for the model, unless avr-ami did what was asked.
    """
    try:
        with trio.fail_after(_AMI_TIMEOUT_S):
            request = http.build_request("POST", url, json=body, timeout=None)
            response = await http.send(request, stream=True, follow_redirects=False)
            try:
                answer = await read_up_to(response, _ANSWER_BYTES)
            finally:
                with trio.move_on_after(1, shield=True):
                    await response.aclose()
    except trio.TooSlowError as exc:
        raise ToolError("The telephone system did not answer in time.") from exc
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
        raise ToolError(_UNREACHABLE) from exc
    _check(response.status_code, answer)


def _check(status: int, answer: bytes) -> None:
    if status == httpx.codes.NOT_FOUND.value:
        raise ToolError("The telephone system does not know this call any more.")
    if not httpx.codes.is_success(status):
        reason = f"The telephone system refused (status {status})."
        raise ToolError(reason)
    try:
        orjson.loads(answer)
    except orjson.JSONDecodeError as exc:
        raise ToolError("The telephone system gave no understandable answer.") from exc
