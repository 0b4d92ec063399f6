"""The two tools of every deployment: transfer and hang up."""

from collections.abc import Mapping
from typing import Any

from trio_sts.dialplan import FIRST_PRIORITY, Target, is_name
from trio_sts.errors import ToolError

from .control import CallControl
from .control_ami import AmiControl
from .tool import HANGUP, TRANSFER, CallContext, Kind, Tool, make_tool

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


def call_control_tools(ami_url: str | None) -> tuple[Tool, Tool]:
    """Return the transfer and the hangup tool.

    They use what a call has for it, else avr-ami at ``ami_url``.
    """

    def control_of(context: CallContext) -> CallControl:
        if context.control is not None:
            return context.control
        if ami_url is None:
            raise ToolError("This call cannot be ended or transferred from here.")
        return AmiControl(ami_url, context.uuid, context.http)

    async def transfer(args: Mapping[str, Any], context: CallContext) -> str:
        control = control_of(context)
        target = Target(
            extension=_dialplan_name(args, "transfer_extension"),
            context=_dialplan_name(args, "transfer_context", control.default_context),
            priority=_dialplan_name(args, "transfer_priority", FIRST_PRIORITY),
        )
        await control.transfer(target)
        return "The caller is being transferred."

    async def hangup(args: Mapping[str, Any], context: CallContext) -> str:
        del args
        await control_of(context).hang_up()
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
    if not is_name(value):
        reason = f"{key} is not a valid name in the dialplan."
        raise ToolError(reason)
    return value
