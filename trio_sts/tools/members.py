"""What an object of an operator's class consists of: attrs, dataclass or TypedDict."""

import dataclasses
from typing import (
    Any,
    NotRequired,
    Required,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import attrs
from attrs import frozen


@frozen
class Member:
    """A field of a class, or a key of a TypedDict.

    Attributes:
        name: In JSON.
        attribute: In Python; differs for attrs fields with an alias.
    """

    name: str
    attribute: str
    hint: Any
    is_required: bool


def members_of(kind: Any) -> list[Member] | None:
    """Return what has to be given to make an object; None for any other class.

    Raises:
        NameError, TypeError: A hint cannot be read.
    """
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        required: frozenset[str] = kind.__required_keys__
        return [
            Member(name, name, _bare(hint), _is_key(hint, name in required))
            for name, hint in hints.items()
        ]
    if not isinstance(kind, type):
        return None
    if attrs.has(kind):
        hints = get_type_hints(kind, include_extras=True)
        fields = cast("tuple[attrs.Attribute[Any], ...]", attrs.fields(kind))
        return [
            Member(
                each.alias or each.name,
                each.name,
                hints.get(each.name, Any),
                each.default is attrs.NOTHING,
            )
            for each in fields
            if each.init
        ]
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        return [
            Member(each.name, each.name, hints[each.name], _has_no_default(each))
            for each in dataclasses.fields(kind)
            if each.init
        ]
    return None


def _is_key(hint: Any, declared: bool) -> bool:
    """Whether a key has to be there; Python itself misses what postponed hints say."""
    origin = get_origin(hint)
    return origin is Required or (declared and origin is not NotRequired)


def _bare(hint: Any) -> Any:
    """Return what is required, or not."""
    return get_args(hint)[0] if get_origin(hint) in {Required, NotRequired} else hint


def _has_no_default(field: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing
