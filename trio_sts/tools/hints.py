"""Type hints as JSON Schema: what a model may send for a parameter."""

import enum
import types
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Union, cast, get_args, get_origin
from uuid import UUID

from trio_sts.errors import ToolFault

from .docstrings import read_docstring
from .members import members_of

Schema = dict[str, Any]

_SIMPLE: Mapping[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    list: {"type": "array"},
    dict: {"type": "object"},
    Any: {},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
    time: {"type": "string", "format": "time"},
    Decimal: {"type": "number"},
    UUID: {"type": "string", "format": "uuid"},
    tuple: {"type": "array"},
}
_LISTS = (list, Sequence, tuple)
_SETS = (set, frozenset)
_OBJECTS = (dict, Mapping)
_SCALARS = (str, int, float, bool)


def schema_of(hint: Any, inside: tuple[type, ...] = ()) -> Schema:
    """Return the JSON Schema of one hint.

    ``inside`` are the classes whose fields are being described.

    Raises:
        ToolFault: The hint has no form in JSON, or one that is not supported.
    """
    try:
        return dict(_SIMPLE[hint])
    except (KeyError, TypeError):  # not there, or not hashable
        pass
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        words = " ".join(word for word in args[1:] if isinstance(word, str))
        return described(schema_of(args[0], inside), words)
    if origin is Literal:
        return _enumerated(args, hint)
    if origin in {Union, types.UnionType}:
        return _union(args, hint, inside)
    if origin is None:
        return _class(hint, inside)
    return _container(hint, origin, args, inside)


def _container(
    hint: Any, origin: Any, args: tuple[Any, ...], inside: tuple[type, ...]
) -> Schema:
    if origin is tuple and Ellipsis not in args:
        each = [schema_of(one, inside) for one in args]
        size = {"minItems": len(each), "maxItems": len(each)}
        return {"type": "array", **({"prefixItems": each} if each else {}), **size}
    if origin in _LISTS:
        return {"type": "array", "items": schema_of(args[0], inside)}
    if origin in _SETS:
        items = schema_of(args[0], inside)
        return {"type": "array", "items": items, "uniqueItems": True}
    if origin in _OBJECTS and args[0] is str:
        return {"type": "object", "additionalProperties": schema_of(args[1], inside)}
    raise _unsupported(hint)


def described(schema: Schema, words: str) -> Schema:
    """Return ``schema`` with a description, unless there are no words for it."""
    return {**schema, "description": words} if words else schema


def _unsupported(hint: Any) -> ToolFault:
    name = hint.__name__ if isinstance(hint, type) else str(hint)
    return ToolFault(
        f"type {name} is not supported (str, int, float, bool, date, datetime, time, "
        "Decimal, UUID, Literal, Enum, None in a union, list, set, tuple, dict[str, ...], "
        "attrs classes, dataclasses and TypedDicts are)"
    )


def _enumerated(values: Sequence[object], hint: Any) -> Schema:
    for value in values:
        if value is not None and not isinstance(value, _SCALARS):
            raise _unsupported(hint)
    names = {str(schema_of(type(value))["type"]) for value in values}
    kind = {"type": names.pop()} if len(names) == 1 else {}
    return {**kind, "enum": list(values)}


def _union(members: tuple[Any, ...], hint: Any, inside: tuple[type, ...]) -> Schema:
    """Allow any union of scalars, and one other type beside None.

    Of more than that nobody could tell, from the JSON alone, which one is meant.
    """
    others = [member for member in members if member is not type(None)]
    if len(others) > 1 and not all(member in _SCALARS for member in others):
        raise _unsupported(hint)
    return {"anyOf": [schema_of(member, inside) for member in members]}


def _class(hint: Any, inside: tuple[type, ...]) -> Schema:
    if isinstance(hint, NewType):
        return schema_of(hint.__supertype__, inside)
    if isinstance(hint, enum.EnumMeta):
        choices = cast("type[enum.Enum]", hint)
        return _enumerated([choice.value for choice in choices], hint)
    if hint in inside:
        raise _unsupported(hint)
    members = members_of(hint)
    if members is None:
        raise _unsupported(hint)
    texts = read_docstring(hint.__dict__.get("__doc__")).arguments
    properties: Schema = {}
    for member in members:
        part = schema_of(member.hint, (*inside, hint))
        if "description" not in part:
            part = described(part, texts.get(member.attribute, ""))
        properties[member.name] = part
    required = [member.name for member in members if member.is_required]
    return closed_object(properties, required)


def closed_object(properties: Schema, required: list[str]) -> Schema:
    """Return the schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
