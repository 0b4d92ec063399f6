"""Whether what a function returns can be told to a model, as far as its hint says."""

import enum
import types
from collections.abc import (
    Awaitable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from datetime import date, time
from decimal import Decimal
from pathlib import PurePath
from typing import (
    Annotated,
    Any,
    Literal,
    Never,
    NewType,
    NoReturn,
    Union,
    get_args,
    get_origin,
)
from uuid import UUID

from trio_sts.errors import ToolFault

from .answers import Silent
from .members import members_of

_ALWAYS = frozenset({Any, None, Never, NoReturn, object, Ellipsis})
_TEXTS = (
    str, int, float, bytes, bytearray, enum.Enum, date, time,
    Decimal, PurePath, UUID, Silent, types.NoneType,
)  # fmt: skip


def check_return(hint: Any, inside: tuple[Any, ...] = ()) -> None:
    """Refuse a return type that has no form in JSON, before the first call finds out.

    Raises:
        ToolFault: Naming the type.
    """
    if isinstance(hint, NewType):
        hint = hint.__supertype__
    if hint not in inside and not _is_simple(hint):
        for part in _parts(hint):
            check_return(part, (*inside, hint))


def _parts(hint: Any) -> Iterator[Any]:
    """Yield the types that a value of this one holds.

    Raises:
        ToolFault: There is no way to look into it.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Awaitable, Coroutine}:
        yield args[-1]
    elif origin is Annotated:
        yield args[0]
    elif origin in {Union, types.UnionType} or _is_collection(origin or hint):
        yield from args
    else:
        members = members_of(hint)
        if members is None:
            name = hint.__name__ if isinstance(hint, type) else str(hint)
            fault = f"return type {name} has no form in JSON"
            raise ToolFault(fault)
        for member in members:
            yield member.hint


def _is_simple(hint: Any) -> bool:
    if hint in _ALWAYS or get_origin(hint) is Literal:
        return True
    return isinstance(hint, type) and issubclass(hint, _TEXTS)


def _is_collection(kind: Any) -> bool:
    return kind is Iterable or (
        isinstance(kind, type) and issubclass(kind, Collection | Mapping)
    )
