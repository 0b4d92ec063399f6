"""Whether an event is one that the Realtime API declares, by OpenAI's own types."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from openai.types.beta.realtime import RealtimeClientEvent as BetaClientEvent
from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, TypeAdapter, ValidationError

_CLIENT: dict[str, TypeAdapter[Any]] = {
    "ga": TypeAdapter(RealtimeClientEvent),
    "beta": TypeAdapter(BetaClientEvent),
}
_SERVER: dict[str, TypeAdapter[Any]] = {
    "ga": TypeAdapter(RealtimeServerEvent),
    "beta": TypeAdapter(BetaServerEvent),
}


def client_faults(event: Mapping[str, Any], dialect: str) -> list[str]:
    """What is wrong with an event that a client sent; nothing if it is right."""
    return _faults(_CLIENT[dialect], event)


def server_faults(event: Mapping[str, Any], dialect: str) -> list[str]:
    """What is wrong with an event that a server sent; nothing if it is right."""
    return _faults(_SERVER[dialect], event)


def _faults(adapter: TypeAdapter[Any], event: Mapping[str, Any]) -> list[str]:
    try:
        parsed: object = adapter.validate_python(dict(event), strict=True)
    except ValidationError as exc:
        return [str(exc)]
    kind = getattr(parsed, "type", None)
    wrong_kind = [] if kind == event.get("type") else [f"read as {kind}"]
    return wrong_kind + list(_undeclared(parsed, str(event.get("type"))))


def _undeclared(value: object, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        for name in value.model_extra or {}:
            yield f"{path}.{name} is not declared"
        for name in type(value).model_fields:
            yield from _undeclared(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from _undeclared(item, f"{path}[{index}]")
