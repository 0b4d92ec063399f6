"""Tools in the good way: a function with type hints and a docstring, under ``@tool``."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from decimal import Decimal
from functools import partial
from typing import (
    Any,
    Generic,
    Literal,
    ParamSpec,
    TypeVar,
    get_type_hints,
    is_typeddict,
    overload,
)
from uuid import UUID

import cattrs.preconf.json
import httpx
from attrs import field, frozen
from structlog.typing import FilteringBoundLogger

from trio_sts.errors import ToolError, ToolFault

from .answers import Silent
from .docstrings import read_docstring
from .hints import Schema, closed_object, described, schema_of
from .members import members_of
from .returns import check_return
from .threads import call_either_way
from .tool import CallContext, Kind, Tool, make_tool

EndsCallOption = bool | Literal["hangup", "transfer"]
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


@frozen
class Call:
    """What a tool may know of its call: a parameter with this type is given it.

    Attributes:
        uuid: The call's id in AVR.
        metadata: What AVR Core told about the call: ``from``, ``to``, ``channel``, ...
        log: A logger that is bound to the call.
        http: A client that lives as long as the service; do not close it.
    """

    uuid: str
    metadata: Mapping[str, str] = field(repr=False)
    log: FilteringBoundLogger = field(repr=False)
    http: httpx.AsyncClient = field(repr=False)


@frozen
class ToolFunction(Generic[P, R_co]):
    """A function that is offered to the model; it can still be called as itself."""

    function: Callable[P, R_co]
    name: str | None = None
    description: str | None = None
    timeout_s: float | None = None
    ends_call: EndsCallOption = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function itself."""
        return self.function(*args, **kwargs)


@overload
def tool(function: Callable[P, R_co], /) -> ToolFunction[P, R_co]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float | None = None,
    ends_call: EndsCallOption = False,
) -> Callable[[Callable[P, R_co]], ToolFunction[P, R_co]]: ...
def tool(
    function: Callable[P, R_co] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout_s: float | None = None,
    ends_call: EndsCallOption = False,
) -> ToolFunction[P, R_co] | Callable[[Callable[P, R_co]], ToolFunction[P, R_co]]:
    """Offer a function to the model.

    Its name, its docstring and the hints of its parameters become the tool; the
    ``Args:`` of the docstring, or ``Annotated[..., "words"]``, describe the parameters.
    An ``async def`` runs in the call's own nursery, a plain ``def`` in a thread. What it
    returns is told to the model: a string as it is, anything else as JSON. After
    ``Silent(...)`` the model is not asked to say anything.

    Args:
        function: What to offer, when used without parentheses.
        name: Instead of the function's name.
        description: Instead of the docstring's first part.
        timeout_s: Instead of the service's own limit.
        ends_call: True for a tool that hangs up, ``"transfer"`` for one that transfers:
            it is run when the caller has heard what was said before.
    """

    def decorate(function: Callable[P, R_co]) -> ToolFunction[P, R_co]:
        return ToolFunction(function, name, description, timeout_s, ends_call)

    return decorate if function is None else decorate(function)


def build_tool(offered: ToolFunction[..., Any], source: str) -> Tool:
    """Read the hints and make the tool.

    Raises:
        ToolFault: Naming the parameter whose hint is missing or not supported.
    """
    function = offered.function
    doc = read_docstring(function.__doc__)
    hints = _hints(function)
    parameters = tuple(_parameters(function, hints))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolFault("a generator cannot be a tool")
    check_return(hints.get("return", Any))
    converter = _converter()
    schema = _schema(parameters, doc.arguments, converter)
    structure = {each.name: _structure(converter, each) for each in parameters}

    async def run(args: Mapping[str, Any], context: CallContext) -> object:
        call = Call(context.uuid, context.metadata, context.logger, context.http)
        values = {name: structure[name](value) for name, value in args.items()}
        values |= {each.name: call for each in parameters if each.is_call}
        result = await call_either_way(context.threads, function, **values)
        if isinstance(result, Silent):
            return Silent(converter.unstructure(result.text))
        return converter.unstructure(result)

    return make_tool(
        name=offered.name or function.__name__,
        description=offered.description or doc.description,
        input_schema=schema,
        handler=run,
        kind=Kind.PYTHON,
        source=source,
        timeout_s=offered.timeout_s,
        ends_call=offered.ends_call,
    )


@frozen
class _Parameter:
    name: str
    hint: Any
    default: object

    @property
    def is_call(self) -> bool:
        return self.hint is Call

    def fault(self, text: object) -> ToolFault:
        return ToolFault(f"parameter {self.name!r}: {text}")


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError, AttributeError) as exc:
        fault = f"type hints cannot be read: {exc}"
        raise ToolFault(fault) from exc


def _parameters(
    function: Callable[..., Any], hints: Mapping[str, Any]
) -> Iterator[_Parameter]:
    for name, parameter in inspect.signature(function).parameters.items():
        each = _Parameter(name, hints.get(name), parameter.default)
        if parameter.kind not in {
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        }:
            raise each.fault("cannot be given by name")
        if name not in hints:
            raise each.fault("has no type hint")
        yield each


def _schema(
    parameters: tuple[_Parameter, ...],
    texts: Mapping[str, str],
    converter: cattrs.Converter,
) -> Schema:
    properties: Schema = {}
    required: list[str] = []
    for each in parameters:
        if each.is_call:
            continue
        try:
            part = schema_of(each.hint)
        except ToolFault as fault:
            raise each.fault(fault) from fault
        if "description" not in part:
            part = described(part, texts.get(each.name, ""))
        if each.default is inspect.Parameter.empty:
            required.append(each.name)
        elif each.default is not None:
            part["default"] = converter.unstructure(each.default)
        properties[each.name] = part
    return closed_object(properties, required)


def _converter() -> cattrs.Converter:
    # It knows dates as well, as JSON has them.
    converter = cattrs.preconf.json.make_converter(use_alias=True)
    converter.register_structure_hook(time, lambda text, _: time.fromisoformat(text))
    converter.register_structure_hook(UUID, lambda text, _: UUID(text))
    # cattrs takes a key for required where its hint is postponed, as Python does.
    converter.register_structure_hook_factory(
        is_typeddict, partial(_structure_keys, converter)
    )
    # Of the number as it was written, and not of its binary neighbour.
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    return converter


def _structure_keys(
    converter: cattrs.Converter, kind: Any
) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    hints = {member.name: member.hint for member in members_of(kind) or ()}

    def structure(value: Mapping[str, Any], _: Any) -> dict[str, Any]:
        return {
            name: converter.structure(part, hints[name]) for name, part in value.items()
        }

    return structure


def _structure(
    converter: cattrs.Converter, each: _Parameter
) -> Callable[[object], object]:
    def structure(value: object) -> object:
        try:
            return converter.structure(value, each.hint)
        except Exception as exc:  # whatever a validator of the operator's class raises
            reason = f"{each.name}: this value is refused."
            raise ToolError(reason) from exc

    return structure
