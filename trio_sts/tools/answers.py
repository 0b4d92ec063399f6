"""What a tool answers, as the text that the model is given."""

import json

import cattrs.preconf.json
from attrs import field, frozen


@frozen
class Silent:
    """An answer after which the model is not asked to say anything.

    The model is given ``text`` like any other answer and may use it later::

        @tool
        async def note_down(order: int) -> Silent:
            ...
            return Silent("noted")
    """

    text: object = field(default="", repr=False)


def text_of(answer: object) -> str:
    """Return an answer as text: a string as it is, None as nothing, the rest as JSON.

    A tool that has answered has done its work. So this never fails: what has no form in
    JSON becomes its `str`, or nothing.
    """
    if answer is None:
        return ""
    if isinstance(answer, str):
        return answer
    try:
        return json.dumps(answer, ensure_ascii=False, default=_in_json)
    except Exception:  # noqa: BLE001 - odd keys, circles, and the operator's own classes
        return _str(answer)


# Of attrs classes and dataclasses, enums, dates and sets.
_converter = cattrs.preconf.json.make_converter()


def _in_json(value: object) -> object:
    """Return something nearer to JSON than ``value``."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    nearer: object = _converter.unstructure(value)
    return _str(value) if nearer is value else nearer


def _str(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - the operator's own __str__
        return ""
