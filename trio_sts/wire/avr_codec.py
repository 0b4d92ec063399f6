"""The JSON of the caller's wire, both ways: text to messages and messages to text.

The service reads `FromCore` and writes `ToCore`; a stand-in for AVR Core does the
reverse. Audio is the bulk, 50 messages a second in each direction and call, so it does
not go through the converter; everything else does.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

import orjson
import pybase64
from attrs import AttrsInstance
from cattrs import ClassValidationError, Converter, transform_error
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from trio_sts.errors import BadMessage

from .avr import (
    DTMF_DIGITS,
    AgentAudio,
    CallerAudio,
    DtmfDigit,
    Failure,
    FromCore,
    Init,
    Interruption,
    ToCore,
    Transcript,
    UnknownFromCore,
    UnknownToCore,
)
from .json_object import typed_object

_M = TypeVar("_M", bound=AttrsInstance)

_FROM_CORE: Mapping[str, type[Init | DtmfDigit]] = {
    "init": Init,
    "dtmf_digit": DtmfDigit,
}
_TO_CORE: Mapping[str, type[Interruption | Transcript | Failure]] = {
    "interruption": Interruption,
    "transcript": Transcript,
    "error": Failure,
}
_TYPE_OF: Mapping[type[Any], str] = {
    message: kind for table in (_FROM_CORE, _TO_CORE) for kind, message in table.items()
}

# A peer invents the names of unknown types, and each is remembered to log it once.
_UNKNOWN_TYPE_CHARS = 64
_FRAME_BYTES = 320
# Audio as everybody writes it.
_AUDIO_BEGINS = b'{"type":"audio","audio":"'
_AUDIO_ENDS = b'"}'


def decode_from_core(text: str | bytes) -> FromCore:
    """Understand one text message from AVR Core.

    Args:
        text: The message; bytes are UTF-8.

    Raises:
        BadMessage: It is not JSON, not an object, has no type, or a field of it is
            missing or wrong. The text names the fault and repeats nothing of the
            message.
    """
    pcm = _plain_audio(text)
    if pcm is not None:
        return CallerAudio(pcm)
    kind, fields = typed_object(text, "message")
    if kind == "audio":
        return CallerAudio(_pcm(fields))
    known = _FROM_CORE.get(kind)
    if known is None:
        return UnknownFromCore(kind[:_UNKNOWN_TYPE_CHARS])
    return _structure(kind, fields, known)


def decode_to_core(text: str | bytes) -> ToCore | UnknownToCore:
    """Understand one text message from an STS service, as AVR Core does.

    Raises:
        BadMessage: As in `decode_from_core`.
    """
    kind, fields = typed_object(text, "message")
    if kind == "audio":
        return AgentAudio(_pcm(fields))
    known = _TO_CORE.get(kind)
    if known is None:
        return UnknownToCore(kind[:_UNKNOWN_TYPE_CHARS])
    return _structure(kind, fields, known)


def encode_to_core(message: ToCore) -> bytes:
    """Write one message for AVR Core; audio of any length becomes one message."""
    if isinstance(message, AgentAudio):
        return _audio(message.pcm)
    return _unstructure(message)


def encode_from_core(message: FromCore) -> bytes:
    """Write one message as AVR Core sends it."""
    match message:
        case CallerAudio(pcm):
            return _audio(pcm)
        case UnknownFromCore(kind):
            return orjson.dumps({"type": kind})
        case _:
            return _unstructure(message)


def encode_frames(pcm: bytes) -> list[bytes]:
    """Write agent audio as AVR Core wants it: one ``audio`` message per frame.

    Args:
        pcm: PCM16LE at 8 kHz; if it is not whole frames of 320 bytes, the last
            message is shorter.
    """
    return [
        _audio(pcm[start : start + _FRAME_BYTES])
        for start in range(0, len(pcm), _FRAME_BYTES)
    ]


def _plain_audio(text: str | bytes) -> bytes | None:
    """The samples of a message that is audio at first sight; None if a look is needed."""
    if (
        isinstance(text, str)
        or not text.startswith(_AUDIO_BEGINS)
        or not text.endswith(_AUDIO_ENDS)
    ):
        return None
    try:
        pcm = pybase64.b64decode(
            text[len(_AUDIO_BEGINS) : -len(_AUDIO_ENDS)], validate=True
        )
    except ValueError:
        return None
    return None if len(pcm) % 2 else pcm


def _audio(pcm: bytes) -> bytes:
    # Base64 needs no escaping, so the message around it can be a constant.
    return _AUDIO_BEGINS + pybase64.b64encode(pcm) + _AUDIO_ENDS


def _pcm(fields: Mapping[str, Any]) -> bytes:
    encoded = fields.get("audio")
    if not isinstance(encoded, str):
        raise BadMessage("audio: the field audio is not a string")
    try:
        pcm = pybase64.b64decode(encoded, validate=True)
    except ValueError as exc:
        raise BadMessage("audio: the field audio is not base64") from exc
    if len(pcm) % 2:
        raise BadMessage("audio: half a sample; the length in bytes is odd")
    return pcm


class _WrongField(ValueError):
    """A value does not fit its field; the text says what would."""


def _structure(kind: str, fields: Mapping[str, Any], message: type[_M]) -> _M:
    try:
        return _converter.structure(fields, message)
    except ClassValidationError as exc:
        faults = transform_error(exc, path=kind, format_exception=_fault)
        raise BadMessage("; ".join(faults)) from exc


def _fault(exc: BaseException, _: type[Any] | None) -> str:
    match exc:
        case _WrongField():
            return str(exc)
        case KeyError():
            return "required field missing"
        case _:
            return "wrong value"


def _unstructure(message: AttrsInstance) -> bytes:
    fields = _converter.unstructure(message)
    return orjson.dumps({"type": _TYPE_OF[type(message)], **fields})


def _string(value: object, _: type[str]) -> str:
    if not isinstance(value, str):
        raise _WrongField("not a string")
    return value


def _digit(value: object, _: type[Any]) -> str:
    # Asterisk writes A to D; a soft phone behind it may not.
    digit = value.upper() if isinstance(value, str) else None
    if digit not in DTMF_DIGITS:
        raise _WrongField("not one of 0-9, *, # and A-D")
    return digit


def _as_sent(value: object, _: type[Any]) -> object:
    return value


def _object_or_nothing(value: object, _: type[Any]) -> dict[str, Any] | None:
    # Only a provider's extras: not worth the call's first message.
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _strict_converter() -> Converter:
    converter = Converter()
    converter.register_structure_hook(str, _string)
    converter.register_structure_hook(
        Init,
        make_dict_structure_fn(
            Init,
            converter,
            uuid=override(struct_hook=_as_sent),
            provider_config=override(struct_hook=_object_or_nothing),
        ),
    )
    # AVR Core leaves out what it has nothing to say about.
    converter.register_unstructure_hook(
        Init,
        make_dict_unstructure_fn(
            Init, converter, provider_config=override(omit_if_default=True)
        ),
    )
    converter.register_structure_hook(
        DtmfDigit,
        make_dict_structure_fn(
            DtmfDigit, converter, digit=override(struct_hook=_digit)
        ),
    )
    return converter


_converter = _strict_converter()
