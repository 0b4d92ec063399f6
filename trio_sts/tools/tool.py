"""What a tool is: its name, its schema, its handler, and the call that it serves."""

import re
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from typing import Any

import httpx
import trio
from attrs import field, frozen
from structlog.typing import FilteringBoundLogger

from trio_sts.errors import ToolFault
from trio_sts.wire.realtime.session import FunctionTool

from .control import CallControl
from .schemas import ArgumentsCheck, compiled, object_schema
from .threads import tool_threads

BUILT_IN = "built in"
HANGUP = "avr_hangup"
TRANSFER = "avr_transfer"

# Tools of one call that run at the same time; one more waits within its own time limit.
TOOLS_AT_ONCE = 8
# What a model is told about one tool. Longer texts leave no room for a conversation.
_DESCRIPTION_CHARS = 32 * 1024

# The Realtime API's own rule for the name of a function.
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Kind(StrEnum):
    """How a tool is run; call control also waits for the goodbye, whoever runs it."""

    CALL_CONTROL = "call control"
    PYTHON = "Python"
    JAVASCRIPT = "JavaScript"
    HTTP = "HTTP"


class EndsCall(StrEnum):
    """What a tool of call control does to the call, and so what it waits for.

    EITHER is for a tool of which nobody has said it: it waits as a hangup does, and when
    it was done the call is left as after a transfer.
    """

    HANGUP = "hangup"
    TRANSFER = "transfer"
    EITHER = "either"


# These names are call control, whoever wrote the tool.
_ALWAYS_ENDS_CALL = {HANGUP: EndsCall.HANGUP, TRANSFER: EndsCall.TRANSFER}


def _places() -> trio.Semaphore:
    return trio.Semaphore(TOOLS_AT_ONCE)


@frozen
class CallContext:
    """The call on whose behalf tools run; `Registry.context` makes it, once per call.

    Attributes:
        uuid: The call's id.
        metadata: What AVR Core told about the call.
        logger: Bound to the call.
        http: Lives with the service.
        threads: Bounds the handlers, of all calls, that are plain functions.
        places: Bounds the tools of this call that run at the same time.
        control: Ends or transfers the call; None leaves that to avr-ami, if there is one.
    """

    uuid: str
    metadata: Mapping[str, str] = field(repr=False)
    logger: FilteringBoundLogger = field(repr=False)
    http: httpx.AsyncClient = field(repr=False)
    threads: trio.CapacityLimiter = field(factory=tool_threads, repr=False)
    places: trio.Semaphore = field(factory=_places, repr=False)
    control: CallControl | None = field(default=None, repr=False)


Handler = Callable[[Mapping[str, Any], CallContext], Coroutine[Any, Any, object]]


@frozen
class Tool:
    """One tool, checked and ready to be offered and run; see `make_tool`.

    Attributes:
        source: The file that it comes from, or `BUILT_IN`.
        timeout_s: Its own limit instead of the general one.
        ends_call: Set for call control, which is run when the goodbye was heard.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    handler: Handler = field(repr=False)
    check: ArgumentsCheck = field(repr=False, eq=False)
    kind: Kind
    source: str = BUILT_IN
    timeout_s: float | None = None
    ends_call: EndsCall | None = None

    def offer(self) -> FunctionTool:
        """Return what the model is told about it."""
        return FunctionTool(self.name, self.description, self.input_schema)

    def violation(self, arguments: Mapping[str, Any]) -> str | None:
        """Return what is wrong with ``arguments``, fit for the model, or None."""
        return self.check.violation(arguments)


def make_tool(
    *,
    name: object,
    description: object,
    input_schema: object,
    handler: Handler,
    kind: Kind,
    source: str = BUILT_IN,
    timeout_s: float | None = None,
    ends_call: object = None,
) -> Tool:
    """Check what an operator wrote and compile its schema.

    ``description`` and ``input_schema`` may be None: no words, no arguments.
    ``ends_call`` is what `checked_ends_call` reads.

    Raises:
        ToolFault: Saying which part is wrong and what is allowed.
    """
    offer = checked_offer(name, description, input_schema)
    ending = checked_ends_call(offer.name, ends_call)
    return Tool(
        name=offer.name,
        description=offer.description,
        input_schema=offer.parameters,
        handler=handler,
        check=compiled(offer.parameters),
        kind=kind if ending is None else Kind.CALL_CONTROL,
        source=source,
        timeout_s=timeout_s,
        ends_call=ending,
    )


def checked_ends_call(name: str | None, written: object) -> EndsCall | None:
    """Read a declaration of call control: True or "hangup", or "transfer".

    `HANGUP` and `TRANSFER` are call control whatever is written.

    Raises:
        ToolFault: It is something else.
    """
    if name in _ALWAYS_ENDS_CALL:
        return _ALWAYS_ENDS_CALL[name]
    if written is None or written is False:
        return None
    if written is True:
        return EndsCall.HANGUP
    if isinstance(written, str) and written in {EndsCall.HANGUP, EndsCall.TRANSFER}:
        return EndsCall(written)
    raise ToolFault("ends_call must be true, false, 'hangup' or 'transfer'")


def checked_offer(
    name: object, description: object, input_schema: object
) -> FunctionTool:
    """Check the part of a tool that the model is told; see `make_tool`."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        fault = f"name {name!r:.80} must be 1 to 64 of a-z A-Z 0-9 _ -"
        raise ToolFault(fault)
    if description is None:
        description = ""
    if not isinstance(description, str):
        raise ToolFault("description must be a string")
    if len(description) > _DESCRIPTION_CHARS:
        fault = f"description is longer than {_DESCRIPTION_CHARS} characters"
        raise ToolFault(fault)
    schema = object_schema(input_schema)
    compiled(schema)
    return FunctionTool(name, description, schema)
