"""Asterisk's control messages, both ways and in both forms.

The JSON form is one object with ``event`` or ``command`` in it. The plain form is one line:
the name of the event and ``key:value`` pairs, or the name of the command and what it is
about. A service reads events and writes commands; a stand-in for Asterisk the reverse.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast, get_args

import orjson
from attrs import AttrsInstance
from cattrs import ClassValidationError, Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from trio_sts.errors import BadMessage

from .asterisk import (
    AnswerChannel,
    AsteriskCommand,
    CommandError,
    ContinueMedia,
    Direction,
    DtmfEnd,
    Event,
    FlushMedia,
    Form,
    GetStatus,
    HangUpChannel,
    MarkMedia,
    MediaBufferingCompleted,
    MediaMarkProcessed,
    MediaStart,
    MediaXoff,
    MediaXon,
    PauseMedia,
    QueueDrained,
    ReportQueueDrained,
    SetMediaDirection,
    StartMediaBuffering,
    Status,
    StopMediaBuffering,
    UnknownCommand,
    UnknownEvent,
)
from .avr import DTMF_DIGITS
from .json_object import typed_object

_M = TypeVar("_M", bound=AttrsInstance)
_Fields = Mapping[str, Any]

_EVENTS: Final[Mapping[str, type[Any]]] = {
    "MEDIA_START": MediaStart,
    "DTMF_END": DtmfEnd,
    "MEDIA_XOFF": MediaXoff,
    "MEDIA_XON": MediaXon,
    "MEDIA_MARK_PROCESSED": MediaMarkProcessed,
    "MEDIA_BUFFERING_COMPLETED": MediaBufferingCompleted,
    "QUEUE_DRAINED": QueueDrained,
    "STATUS": Status,
    "ERROR": CommandError,
}
_COMMANDS: Final[Mapping[str, type[Any]]] = {
    "ANSWER": AnswerChannel,
    "HANGUP": HangUpChannel,
    "START_MEDIA_BUFFERING": StartMediaBuffering,
    "STOP_MEDIA_BUFFERING": StopMediaBuffering,
    "FLUSH_MEDIA": FlushMedia,
    "PAUSE_MEDIA": PauseMedia,
    "CONTINUE_MEDIA": ContinueMedia,
    "MARK_MEDIA": MarkMedia,
    "GET_STATUS": GetStatus,
    "REPORT_QUEUE_DRAINED": ReportQueueDrained,
    "SET_MEDIA_DIRECTION": SetMediaDirection,
}
_NAME_OF: Final[Mapping[type[Any], str]] = {
    message: name for table in (_EVENTS, _COMMANDS) for name, message in table.items()
}
# In the plain form these stand alone behind the name: what the one argument is.
_ARGUMENT: Final[Mapping[str, str]] = {
    "MEDIA_MARK_PROCESSED": "correlation_id",
    "MEDIA_BUFFERING_COMPLETED": "correlation_id",
    "MARK_MEDIA": "correlation_id",
    "STOP_MEDIA_BUFFERING": "correlation_id",
    "SET_MEDIA_DIRECTION": "direction",
}
# These are nothing but their names there.
_ALONE: Final = frozenset({"MEDIA_XOFF", "MEDIA_XON", "QUEUE_DRAINED"})
# A peer invents the names of unknown ones, and each is remembered to log it once.
_UNKNOWN_NAME_CHARS: Final = 64
_PLAIN_NAME: Final = re.compile(r"[A-Z][A-Z_]*")
_PAIR: Final = re.compile(r"([a-z_]+):")


def form_of(text: str | bytes) -> Form:
    """The form in which a message is written, to go by its first character."""
    begins = text.lstrip()[:1]
    return "json" if begins in {"{", b"{"} else "plain"


def decode_event(text: str | bytes, form: Form) -> Event:
    """Understand one text message from Asterisk.

    Args:
        text: The message; bytes are UTF-8.
        form: How this connection's messages are written; see `form_of`.

    Raises:
        BadMessage: It is not in that form, has no name, or a field of it is missing or
            wrong. The text names the fault and repeats nothing of the message.
    """
    name, fields = _read(text, form, "event")
    known = _EVENTS.get(name)
    if known is None:
        return UnknownEvent(name[:_UNKNOWN_NAME_CHARS])
    return cast("Event", _structure(name, fields, known, form))


def decode_command(text: str | bytes, form: Form) -> AsteriskCommand:
    """Understand one text message to Asterisk, as its driver does.

    Raises:
        BadMessage: As in `decode_event`.
    """
    name, fields = _read(text, form, "command")
    known = _COMMANDS.get(name)
    if known is None:
        return UnknownCommand(name[:_UNKNOWN_NAME_CHARS])
    return cast("AsteriskCommand", _structure(name, fields, known, form))


def encode_event(event: Event, form: Form) -> bytes:
    """Write one event as Asterisk sends it.

    In the plain form no value may hold white space, but the text of an error may.
    """
    if isinstance(event, UnknownEvent):
        return _write("event", event.event, {}, form)
    return _write("event", _NAME_OF[type(event)], _converter.unstructure(event), form)


def encode_command(command: AsteriskCommand, form: Form) -> bytes:
    """Write one command for Asterisk."""
    if isinstance(command, UnknownCommand):
        return _write("command", command.command, {}, form)
    fields = _converter.unstructure(command)
    return _write("command", _NAME_OF[type(command)], fields, form)


def _read(text: str | bytes, form: Form, what: str) -> tuple[str, _Fields]:
    if form == "json":
        return typed_object(text, what, what)
    if form_of(text) == "json":
        fault = f"the {what} is not in the plain form, which this connection has"
        raise BadMessage(fault)
    try:
        line = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError as exc:
        fault = f"the {what} is not UTF-8"
        raise BadMessage(fault) from exc
    name, _, rest = line.strip().partition(" ")
    if _PLAIN_NAME.fullmatch(name) is None:
        fault = f"the {what} has no name in capital letters"
        raise BadMessage(fault)
    return name, _plain_fields(name, rest)


def _plain_fields(name: str, rest: str) -> dict[str, str]:
    argument = _ARGUMENT.get(name)
    if argument is not None and _PAIR.match(rest) is None:
        return {argument: rest} if rest else {}
    fields: dict[str, str] = {}
    key = ""
    for word in rest.split(" "):
        pair = _PAIR.match(word)
        # The text of an error is the last field, and the only one with spaces in it.
        if pair is not None and key != "error_text":
            key = pair[1]
            fields[key] = word[pair.end() :]
        elif key:
            fields[key] += f" {word}"
    return fields


def _write(what: str, name: str, fields: _Fields, form: Form) -> bytes:
    if form == "json":
        return orjson.dumps({what: name, **fields})
    argument = _ARGUMENT.get(name)
    if argument is not None:
        return f"{name} {fields.get(argument, '')}".rstrip().encode()
    if name in _ALONE:
        return name.encode()
    pairs = [
        f"{key}:{_plain(value)}"
        for key, value in sorted(fields.items(), key=_is_error_text)
        if key != "channel_variables" and (value or key != "channel_id")
    ]
    return " ".join((name, *pairs)).encode()


def _is_error_text(pair: tuple[str, object]) -> bool:
    # It may have spaces in it, so nothing stands behind it.
    return pair[0] == "error_text"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _WrongField(ValueError):
    """A value does not fit its field; the text says what would."""


def _structure(name: str, fields: _Fields, message: type[_M], form: Form) -> _M:
    converter = _converter if form == "json" else _plain_converter
    try:
        return converter.structure(fields, message)
    except ClassValidationError as exc:
        faults = transform_error(exc, path=name, format_exception=_fault)
        raise BadMessage("; ".join(faults)) from exc


def _fault(exc: BaseException, _: type[Any] | None) -> str:
    match exc:
        case _WrongField():
            return str(exc)
        case KeyError():
            return "required field missing"
        case _:
            return "wrong value"


def _of_type(wanted: type[Any], told: str) -> Callable[[object, type[Any]], Any]:
    def structure(value: object, _: type[Any]) -> Any:
        # A bool is an int to Python, and to nobody else.
        if not isinstance(value, wanted) or isinstance(value, bool) is not (
            wanted is bool
        ):
            raise _WrongField(told)
        return value

    return structure


def _plain_number(value: object, _: type[Any]) -> int:
    if not (isinstance(value, str) and value.isascii() and value.isdecimal()):
        raise _WrongField(_NO_NUMBER)
    # What is longer counts nothing here.
    return int(value[:_NUMBER_CHARS])


def _plain_truth(value: object, _: type[Any]) -> bool:
    if value not in {"true", "false"}:
        raise _WrongField(_NO_TRUTH)
    return value == "true"


def _digit(value: object, _: type[Any]) -> str:
    digit = value.upper() if isinstance(value, str) else None
    if digit not in DTMF_DIGITS:
        raise _WrongField("not one of 0-9, *, # and A-D")
    return digit


def _variables(value: object, _: type[Any]) -> dict[str, str]:
    # Only the call's metadata: not worth the call.
    if not isinstance(value, dict):
        return {}
    pairs = cast("dict[str, object]", value).items()
    return {name: text for name, text in pairs if isinstance(text, str)}


def _direction(value: object, _: type[Any]) -> Direction:
    if value not in get_args(Direction):
        raise _WrongField("not both, in or out")
    return cast("Direction", value)


_NO_STRING: Final = "not a string"
_NO_NUMBER: Final = "not a whole number"
_NO_TRUTH: Final = "not true or false"
_NUMBER_CHARS: Final = 18


def _strict_converter(form: Form) -> Converter:
    converter = Converter()
    converter.register_structure_hook(str, _of_type(str, _NO_STRING))
    if form == "json":
        converter.register_structure_hook(int, _of_type(int, _NO_NUMBER))
        converter.register_structure_hook(bool, _of_type(bool, _NO_TRUTH))
    else:
        converter.register_structure_hook(int, _plain_number)
        converter.register_structure_hook(bool, _plain_truth)
    converter.register_structure_hook(
        MediaStart,
        make_dict_structure_fn(
            MediaStart,
            converter,
            channel_variables=override(struct_hook=_variables),
        ),
    )
    converter.register_structure_hook(
        DtmfEnd,
        make_dict_structure_fn(DtmfEnd, converter, digit=override(struct_hook=_digit)),
    )
    converter.register_structure_hook(
        SetMediaDirection,
        make_dict_structure_fn(
            SetMediaDirection,
            converter,
            direction=override(struct_hook=_direction),
        ),
    )
    # Nothing to be told behind a mark or a file is not written.
    for message in (MarkMedia, StopMediaBuffering):
        converter.register_unstructure_hook(
            message,
            make_dict_unstructure_fn(
                message, converter, correlation_id=override(omit_if_default=True)
            ),
        )
    return converter


_converter: Final = _strict_converter("json")
_plain_converter: Final = _strict_converter("plain")
