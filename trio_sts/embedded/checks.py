"""Checks of what a client sends, each refusing in the Realtime API's words."""

from collections.abc import Callable, Mapping
from typing import Any

from .refusal import Refusal
from .shapes import is_array, is_object

Check = Callable[[Any, str], object]
Schema = Mapping[str, "Check | Schema"]


def field_of(
    value: Any, param: str, schema: Schema, refused: tuple[str, ...] = ()
) -> None:
    """Check an object field by field.

    Args:
        value: What should be an object.
        param: Its name, as in ``session.audio``.
        schema: A check or another schema for each field that is known.
        refused: Names of fields that are to be unknown, wherever they are.

    Raises:
        Refusal: A field is unknown or wrong; the first one is named.
    """
    for name, item in mapping(value, param).items():
        path = f"{param}.{name}"
        check = schema.get(name)
        if check is None or name in refused:
            raise Refusal("unknown_parameter", f"Unknown parameter: '{path}'.", path)
        if callable(check):
            check(item, path)
        else:
            field_of(item, path, check, refused)


def mapping(value: Any, param: str) -> dict[str, Any]:
    """An object; else `Refusal`."""
    if not is_object(value):
        raise _invalid_type(param, "an object")
    return value


def array(value: Any, param: str) -> list[Any]:
    """An array; else `Refusal`."""
    if not is_array(value):
        raise _invalid_type(param, "an array")
    return value


def _invalid_type(param: str, wanted: str) -> Refusal:
    return Refusal(
        "invalid_type", f"Invalid type for '{param}': expected {wanted}.", param
    )


def _invalid_value(value: Any, param: str, wanted: str) -> Refusal:
    shown = repr(value)[:60]
    return Refusal(
        "invalid_value",
        f"Invalid value: {shown}. Supported values are: {wanted}.",
        param,
    )


def text(value: Any, param: str) -> None:
    """A string."""
    if not isinstance(value, str):
        raise _invalid_type(param, "a string")


def boolean(value: Any, param: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise _invalid_type(param, "a boolean")


def number(low: float, high: float) -> Check:
    """A number from ``low`` to ``high``."""

    def check(value: Any, param: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _invalid_type(param, "a number")
        if value < low:
            raise Refusal(
                "decimal_below_min_value",
                f"Invalid '{param}': decimal below minimum value {low}.",
                param,
            )
        if value > high:
            raise Refusal(
                "decimal_above_max_value",
                f"Invalid '{param}': decimal above maximum value {high}.",
                param,
            )

    return check


def whole(low: int, high: int) -> Check:
    """A whole number from ``low`` to ``high``."""

    def check(value: Any, param: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _invalid_type(param, "an integer")
        if value < low:
            raise Refusal(
                "integer_below_min_value",
                f"Invalid '{param}': integer below minimum value {low}.",
                param,
            )
        if value > high:
            raise Refusal(
                "integer_above_max_value",
                f"Invalid '{param}': integer above maximum value {high}.",
                param,
            )

    return check


def optional(schema: "Check | Schema") -> Check:
    """Null, or what else is allowed."""

    def check(value: Any, param: str) -> None:
        if value is None:
            return
        if callable(schema):
            schema(value, param)
        else:
            field_of(value, param, schema)

    return check


def texts(value: Any, param: str) -> None:
    """A list of strings, or none."""
    for index, item in enumerate(array(value, param) if value is not None else ()):
        text(item, f"{param}[{index}]")


def anything(value: Any, param: str) -> None:
    """Whatever it is."""


def one_of(*choices: str) -> Check:
    """One of some strings."""

    def check(value: Any, param: str) -> None:
        if value not in choices:
            wanted = ", ".join(f"'{choice}'" for choice in choices)
            raise _invalid_value(value, param, wanted)

    return check


def fixed(only: Any) -> Check:
    """One value and no other."""

    def check(value: Any, param: str) -> None:
        if value != only:
            raise _invalid_value(value, param, repr(only))

    return check


def either(
    *choices: str, keys: tuple[str, ...] = (), low: int = 0, high: int = 0
) -> Check:
    """One of some strings, an object with these keys, or a number in this range."""

    def check(value: Any, param: str) -> None:
        if is_object(value) and keys:
            field_of(value, param, dict.fromkeys(keys, anything))
        elif high and not isinstance(value, str):
            whole(low, high)(value, param)
        else:
            one_of(*choices)(value, param)

    return check
