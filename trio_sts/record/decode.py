"""The inputs of the core back from the JSON of a call file: what `encode` has written."""

from collections.abc import Collection, Mapping
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

from attrs import fields

from trio_sts.conversation import inputs
from trio_sts.conversation.config import Rules
from trio_sts.conversation.inputs import Input
from trio_sts.errors import BadMessage

from .encode import CLASSES, HUGE, INFINITE, members

_INPUTS: Final = {each.__name__ for each in get_args(inputs.Input)}


def read_audio(told: int | list[int]) -> bytes:
    """`audio_length` back: some sound, and silence where that was."""
    length, silent = told if isinstance(told, list) else (told, 0)
    return b"\1" * (length - silent) + bytes(silent)


def read_rules(told: Mapping[str, Any]) -> Rules:
    """`written_rules` back; silence as long as the sound was.

    Raises:
        ValueError: A value is none of that rule's.
    """
    given: dict[str, Any] = {}
    hints = get_type_hints(Rules)
    for each in fields(Rules):
        if each.name in told:
            given[each.name] = _read(hints[each.name], told[each.name])
    return Rules(**given)


def read_input(told: Mapping[str, Any]) -> Input:
    """`written` back, for inputs.

    Raises:
        ValueError: It is none that this version knows.
    """
    if told.get("is") not in _INPUTS:
        why = f"{str(told.get('is'))[:60]!r} is no input that this version knows"
        raise ValueError(why)
    found: Input = _read_object(told)
    return found


def _read_object(told: Mapping[str, Any]) -> Any:
    name = told.get("is")
    if name == "BadMessage":
        return BadMessage(str(told.get("text", "")))
    cls = CLASSES.get(str(name))
    if cls is None:
        why = f"{str(name)[:60]!r} is nothing that this version knows"
        raise ValueError(why)
    hints = get_type_hints(cls)
    given = {key: _read(hints[key], each) for key, each in told.items() if key in hints}
    try:
        return cls(**given)
    except TypeError as exc:
        raise ValueError(str(exc)) from exc


def _read(hint: Any, value: object) -> Any:
    if isinstance(value, dict) and "is" in value:
        return _read_object(cast("Mapping[str, Any]", value))
    kinds = members(hint)
    if bytes in kinds and isinstance(value, int | list):
        return read_audio(cast("int | list[int]", value))
    if isinstance(value, list):
        told = cast("list[object]", value)
        listed = [_read(object, each) for each in told]
        return frozenset(listed) if get_origin(hint) is Collection else tuple(listed)
    if value == INFINITE and float in kinds:
        return float(INFINITE)
    if (
        str not in kinds
        and isinstance(value, str)
        and value.lstrip("-").startswith(HUGE)
    ):
        return int(value, 16)
    return cast("Any", value)
