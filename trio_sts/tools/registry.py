"""The tools of the service: what is offered to the model, and running one of them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NoReturn, cast

import trio
from attrs import evolve, field, frozen
from structlog.typing import FilteringBoundLogger

from trio_sts.conversation.config import ControlKind
from trio_sts.errors import ToolError
from trio_sts.wire.realtime.session import FunctionTool

from .answers import Silent, text_of
from .control import CallControl
from .resources import Resources
from .step_watch import watch_steps
from .tool import BUILT_IN, CallContext, EndsCall, Tool

CUT_MARK = " … [cut]"

# A model repairs its arguments from one sentence; a schema can make very long ones.
_REASON_CHARS = 300

# AVR's own call control answers a failure of avr-ami with a sentence about it. Taken for
# one by mistake, a transfer costs a sentence of the model's; missed, ten silent seconds.
_SOUNDS_FAILED = re.compile(
    r"\b(errors?|fail\w*|unable|refused|cannot|could not|couldn't|not found)\b",
    re.IGNORECASE,
)


@frozen
class ToolOutcome:
    """How a tool call ended.

    Attributes:
        output: The text for the model.
        ok: Whether the tool did its work.
        silent: The tool wants nothing said about it: no response is to be asked for.
    """

    output: str = field(repr=False)
    ok: bool
    silent: bool = False


_CONTROL: Mapping[EndsCall, ControlKind] = {
    EndsCall.HANGUP: "hangup",
    EndsCall.TRANSFER: "transfer",
    EndsCall.EITHER: "either",
}


def _by_name(tools: Iterable[Tool]) -> Mapping[str, Tool]:
    return MappingProxyType({tool.name: tool for tool in tools})


@frozen
class Registry:
    """Every tool of the service, shared by its calls; it never changes.

    Attributes:
        tools: By name.
        problems: One line for each tool file that is not, or not fully, in use.
        tool_timeout_s: How long a handler may take, unless its tool says otherwise.
        tool_result_bytes: How much of a result the model is given, as UTF-8.
        work: What tools work with.
        control: What call control works with.
        has_ami: Whether the built-in call control can be had for every call.
    """

    tools: Mapping[str, Tool] = field(converter=_by_name)
    tool_timeout_s: float = 15
    tool_result_bytes: int = 32 * 1024
    problems: tuple[str, ...] = ()
    work: Resources = field(factory=Resources, repr=False)
    control: Resources = field(factory=Resources, repr=False)
    has_ami: bool = True

    def context(
        self,
        uuid: str,
        metadata: Mapping[str, str],
        logger: FilteringBoundLogger,
        control: CallControl | None = None,
    ) -> CallContext:
        """Return what `run` has to know of a call; made once per call.

        ``control`` ends or transfers the call, if avr-ami is not to do so.
        """
        work = self.work
        return CallContext(
            uuid, metadata, logger, work.http, work.threads, control=control
        )

    def call_control(self) -> Mapping[str, ControlKind]:
        """Return the tools that end the call, by name, and how each one ends it."""
        return {
            name: _CONTROL[tool.ends_call]
            for name, tool in self.tools.items()
            if tool.ends_call is not None
        }

    def offered(self) -> tuple[FunctionTool, ...]:
        """Return what the model is told about the tools."""
        return tuple(tool.offer() for tool in self.tools.values())

    async def run(
        self, name: str, arguments_raw: str, context: CallContext
    ) -> ToolOutcome:
        """Run a tool with the model's raw JSON arguments.

        Error handling: Whatever goes wrong in a tool is an outcome: a JSON object with
        the key ``error`` for the model to explain. Only a cancellation passes through.
        """
        log = context.logger.bind(tool=name[:64])
        try:
            tool = self._named(name)
            arguments = _checked(tool, arguments_raw)
        except ToolError as exc:
            log.warning("tool call refused", cause=_cause(exc))
            return _failed(str(exc))
        return await self._answered(tool, arguments, context)

    def _named(self, name: str) -> Tool:
        try:
            return self.tools[name]
        except KeyError:
            reason = f"There is no tool named {name[:64]!r}."
            raise ToolError(reason) from None

    async def _answered(
        self, tool: Tool, arguments: Mapping[str, Any], context: CallContext
    ) -> ToolOutcome:
        log = context.logger.bind(tool=tool.name, source=tool.source)
        limit_s = self.tool_timeout_s if tool.timeout_s is None else tool.timeout_s
        result: object = None
        failure: BaseExceptionGroup[BaseException] | None = None
        scope = trio.CancelScope()
        try:
            with scope:
                scope.deadline = trio.current_time() + limit_s
                result = await self._handled(tool, arguments, context, log)
        # Whatever a tool does is its own outcome; sys.exit() must not end the service.
        except* (Exception, SystemExit) as group:  # noqa: BLE001
            failure = group
        if failure is not None:
            return _failed(_told(failure, log))
        if scope.cancelled_caught:
            log.warning("tool took too long", limit_s=limit_s)
            return _failed("The tool took too long.")
        outcome = self._result(result, log)
        return _judged(tool, outcome, log) if outcome.ok else outcome

    async def _handled(
        self,
        tool: Tool,
        arguments: Mapping[str, Any],
        context: CallContext,
        log: FilteringBoundLogger,
    ) -> object:
        """Run the handler. Call control waits for nobody: neither place nor pool."""
        if tool.ends_call is not None:
            own = self.control
            context = evolve(context, http=own.http, threads=own.threads)
            return await watch_steps(tool.handler(arguments, context), log)
        async with context.places:
            return await watch_steps(tool.handler(arguments, context), log)

    def _result(self, result: object, log: Any) -> ToolOutcome:
        silent = isinstance(result, Silent)
        text = text_of(result.text if isinstance(result, Silent) else result)
        output = cut_to(text, self.tool_result_bytes)
        if output.endswith(CUT_MARK) and output != text:
            log.warning("tool result cut", limit_bytes=self.tool_result_bytes)
        return ToolOutcome(output, ok=True, silent=silent)


def _judged(tool: Tool, outcome: ToolOutcome, log: Any) -> ToolOutcome:
    """Believe an operator's own call control when it says that it has failed."""
    if tool.ends_call is None or tool.source == BUILT_IN:
        return outcome
    if not _SOUNDS_FAILED.search(outcome.output):
        return outcome
    log.warning("call control says that it failed")
    return evolve(outcome, ok=False)


def cut_to(text: str, limit_bytes: int) -> str:
    """Return ``text`` in at most ``limit_bytes`` of UTF-8, with a mark where it was cut.

    Lone surrogates, which no peer can be sent, become question marks.
    """
    data = text.encode(errors="replace")
    if len(data) <= limit_bytes:
        return data.decode()
    mark = CUT_MARK.encode()
    kept = data[: max(0, limit_bytes - len(mark))]
    return kept.decode(errors="ignore") + CUT_MARK


def _checked(tool: Tool, arguments_raw: str) -> Mapping[str, Any]:
    """Return the arguments as an object that fits the tool's schema.

    Raises:
        ToolError: Naming the fault for the model, which made it.
    """
    try:
        # Not strict: models put bare line ends into their strings.
        arguments: object = json.loads(
            arguments_raw.strip() or "{}", strict=False, parse_constant=_no_json
        )
    except (ValueError, RecursionError) as exc:
        raise ToolError("The arguments are not valid JSON.") from exc
    if not isinstance(arguments, dict):
        raise ToolError("The arguments must be a JSON object.")
    checked = cast("dict[str, Any]", arguments)
    try:
        violation = tool.violation(checked)
    except (ValueError, RecursionError) as exc:  # too deep, or numbers too large
        raise ToolError("The arguments cannot be checked.") from exc
    if violation is not None:
        raise ToolError(violation[:_REASON_CHARS])
    return checked


def _no_json(constant: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python takes for JSON and nobody else."""
    raise ValueError(constant)


def _told(failure: BaseExceptionGroup[BaseException], log: Any) -> str:
    """Log a handler's failure and return what the model may know of it."""
    refusals, others = failure.split(ToolError)
    if refusals is None or others is not None:
        log.error("tool failed", exc_info=failure)
        return "The tool failed."
    refusal = next(_leaves(refusals))
    reason = str(refusal)[:_REASON_CHARS]
    log.warning("tool refused", reason=reason, cause=_cause(refusal))
    return reason


def _leaves(group: BaseExceptionGroup[ToolError]) -> Iterator[ToolError]:
    for inner in group.exceptions:
        if isinstance(inner, BaseExceptionGroup):
            yield from _leaves(inner)
        else:
            yield inner


def _cause(exc: ToolError) -> str | None:
    """Return what is behind a failure, for the log."""
    return None if exc.__cause__ is None else repr(exc.__cause__)[:500]


def _failed(reason: str) -> ToolOutcome:
    reason = reason.encode(errors="replace").decode()
    return ToolOutcome(json.dumps({"error": reason}, ensure_ascii=False), ok=False)
