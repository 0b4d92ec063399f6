"""The inputs and commands of the core as JSON, masked on the way.

An object is written with its class as ``is`` and its fields; what is its default is left
out, bytes are written as how many there are. A field that holds a string is a text, and
masked as such, unless the tables here say that it is something else: a field that is added
somewhere and forgotten here is masked.
"""

from collections.abc import Callable, Collection, Mapping
from types import NoneType, UnionType
from typing import Any, Final, cast, get_args, get_origin, get_type_hints

from attrs import NOTHING, Attribute, fields, frozen, has

from trio_sts.conversation import commands, inputs
from trio_sts.conversation.config import Permitted, Rules
from trio_sts.conversation.rules.opening import is_usable_uuid
from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime import events, items, requests

from .masking import NO_PATTERN, Masked, Masker, Value, own

Json = dict[str, Value]
_Write = Callable[[Masker, Any], Value]

INFINITE: Final = "inf"
# An integer of more than 64 bits begins so, or with a minus before it.
HUGE: Final = "0x"
# More than a resampler keeps.
_END_BYTES: Final = 256

# What a field of this name holds is an id, a type, a name, a number: no words.
_PLAIN: Final = frozenset(
    {
        "call_id",
        "code",
        "event",
        "event_id",
        "id",
        "input_format",
        "item_id",
        "key",
        "kind",
        "level",
        "model",
        "name",
        "outcome",
        "output_format",
        "param",
        "previous_item_id",
        "request_id",
        "response_id",
        "role",
        "server_label",
        "status",
        "tool_choice",
        "type",
    }
)
_TYPED: Final = "input_text"
_COUNTED: Final = ("seconds", "input_tokens", "output_tokens")


@frozen
class Crash:
    """In the place of commands: the core has failed at an input.

    ``error`` is the class of what was raised.
    """

    error: str


def _plain(masker: Masker, value: str) -> Masked:
    return masker.plain(value)


def _text(masker: Masker, value: str) -> Masked:
    return masker.text(value)


def _number(_: Masker, value: Any) -> Value:
    if value in (float("inf"), float("-inf")):
        return own(INFINITE if value == float("inf") else f"-{INFINITE}")
    if isinstance(value, int) and not _is_written(value):
        return own(hex(value))
    number: float | None = value
    return number


def _is_written(number: Any) -> bool:
    """Whether the JSON library writes it; a peer may send a number of any length."""
    return not isinstance(number, int) or -(2**63) <= number < 2**64


def _length(_: Masker, value: bytes) -> int:
    return len(value)


def audio_length(audio: bytes) -> int | list[Value]:
    """How many bytes of agent audio, and how many of silence they end with, if any.

    A resampler has nothing to add to an item that ends in silence.
    """
    if not audio or audio[-1]:
        return len(audio)
    end = audio[-_END_BYTES:]
    return [len(audio), len(end) - len(end.rstrip(b"\0"))]


def _audio(_: Masker, value: bytes) -> Value:
    return audio_length(value)


def _objects(masker: Masker, value: Any) -> Value:
    if isinstance(value, tuple):
        return [written(masker, each) for each in cast("tuple[object, ...]", value)]
    return written(masker, value)


def _content(masker: Masker, value: tuple[items.ContentPart, ...]) -> Value:
    """What we have typed comes back, keys too: it is known from the command already."""
    return [
        {
            "is": own("ContentPart"),
            "type": own(_TYPED),
            "text": masker.private(each.text or ""),
        }
        if each.type == _TYPED
        else written(masker, each)
        for each in value
    ]


def _nothing(_: Masker, __: object) -> None:
    return None


def _uuid(masker: Masker, value: object) -> Masked | None:
    """One that cannot be used may be anything."""
    return masker.plain(str(value)) if is_usable_uuid(value) else None


def _usage(_: Masker, value: Mapping[str, Any]) -> Json:
    """Seconds and tokens, as far as they are numbers."""
    found = {name: value.get(name) for name in _COUNTED}
    return {
        k: v for k, v in found.items() if isinstance(v, int | float) and _is_written(v)
    }


def _item_error(masker: Masker, value: Mapping[str, Any] | str) -> Value:
    if isinstance(value, str):
        return masker.message(value)
    kind = value.get("type")
    told = masker.plain(kind) if isinstance(kind, str) else None
    # What is empty is no error.
    return {"type": told} if value else {}


def _names(masker: Masker, value: Collection[str]) -> Value:
    return [masker.plain(each) for each in sorted(value)]


def _patterns(masker: Masker, value: tuple[str, ...]) -> Value:
    """Masked arguments are judged by one pattern of their own."""
    if not masker.keeps_text:
        return [own(NO_PATTERN)] if value else []
    return [masker.plain(each) for each in value]


def _permitted(masker: Masker, value: Permitted) -> Value:
    """From here on arguments are judged by these."""
    masker.patterns = value.transfer_to
    return written(masker, value)


def _arguments(masker: Masker, value: str) -> Masked:
    return masker.arguments(value)


def _given_arguments(masker: Masker, value: str) -> Masked:
    return masker.given("arguments", value)


def _given_output(masker: Masker, value: str) -> Masked:
    return masker.given("output", value)


def _free(masker: Masker, value: Any) -> Value:
    """Of the core's own making: notes."""
    if isinstance(value, str):
        return masker.plain(value)
    if isinstance(value, list | tuple):
        return [_free(masker, each) for each in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        named = cast("Mapping[str, Any]", value)
        return {key: _free(masker, each) for key, each in named.items()}
    return _number(masker, value)


def _fields_of_note(masker: Masker, value: Mapping[str, Any]) -> Json:
    return {key: _free(masker, each) for key, each in value.items()}


def _fields_of_record(masker: Masker, value: Mapping[str, Any]) -> Json:
    """An entry of the transcript: only its texts are words."""
    told: Json = {}
    for key, each in value.items():
        if key == "arguments":
            told[key] = masker.given("arguments", each)
        elif key == "text":
            told[key] = masker.given("output", each)
        else:
            told[key] = _free(masker, each)
    return told


_SPECIAL: Final[Mapping[tuple[type, str], _Write]] = {
    (avr.Init, "uuid"): _uuid,
    (avr.Init, "provider_config"): _nothing,
    (avr.DtmfDigit, "digit"): lambda masker, value: masker.digit(value),
    (commands.Begin, "uuid"): _plain,
    (commands.Begin, "provider_config"): _nothing,
    (commands.Note, "fields"): _fields_of_note,
    (commands.Record, "fields"): _fields_of_record,
    (Crash, "error"): _plain,
    (commands.RunTool, "arguments"): _given_arguments,
    (events.ArgumentsDone, "arguments"): _arguments,
    (events.AudioDelta, "audio"): _audio,
    (events.TranscriptionCompleted, "usage"): _usage,
    (inputs.BadEvent, "fault"): _objects,
    (inputs.ModelReady, "permitted"): _permitted,
    (inputs.ToolFinished, "output"): lambda masker, value: masker.output(value),
    (items.ErrorDetail, "message"): lambda masker, value: masker.message(value),
    (items.Item, "arguments"): _arguments,
    (items.Item, "content"): _content,
    (items.Item, "output"): lambda masker, value: masker.output(value),
    (items.Item, "error"): _item_error,
    (items.Response, "metadata"): _nothing,
    (items.Response, "reason"): _plain,
    (Permitted, "tools"): _names,
    (Permitted, "transfer_to"): _patterns,
    (requests.CreateFunctionCall, "arguments"): _given_arguments,
    (requests.CreateFunctionOutput, "output"): _given_output,
    (requests.CreateResponse, "metadata"): _nothing,
    (requests.UpdateSession, "session"): _nothing,
}


# Written even if it is the default.
_ALWAYS: Final = frozenset({(inputs.ModelReady, "permitted")})


@frozen
class _Field:
    name: str
    default: Any
    write: _Write


def _default(owner: type, attribute: "Attribute[Any]") -> Any:
    if (owner, attribute.name) in _ALWAYS:
        return NOTHING
    default: Any = attribute.default
    made: Any = getattr(default, "factory", None)
    return default if made is None else made()


def _writer(owner: type, name: str, hint: Any) -> _Write:
    special = _SPECIAL.get((owner, name))
    if special is not None:
        return special
    kinds = members(hint)
    if bytes in kinds:
        return _length
    if any(has(kind) for kind in kinds):
        return _objects
    if kinds <= {bool, int, float, NoneType}:
        return _number
    return _plain if name in _PLAIN else _text


def members(hint: Any) -> set[Any]:
    """The classes that a hint is made of; those in a tuple too."""
    if isinstance(hint, UnionType) or get_origin(hint) is not None:
        found: set[Any] = set()
        for each in get_args(hint):
            found |= members(each)
        return found
    return {hint} if isinstance(hint, type) else {type(hint)}


def _written_fields(cls: type) -> tuple[_Field, ...]:
    hints = get_type_hints(cls)
    return tuple(
        _Field(
            each.name, _default(cls, each), _writer(cls, each.name, hints[each.name])
        )
        for each in fields(cls)
    )


def _classes() -> dict[str, type]:
    unions = (
        inputs.Input,
        commands.Command,
        requests.ClientEvent,
        avr.ToCore,
    )
    named = {each for union in unions for each in get_args(union)} - {BadMessage}
    parts = {
        Crash,
        items.ContentPart,
        items.ErrorDetail,
        items.Item,
        items.RateLimit,
        items.Response,
        items.SessionInfo,
        items.Usage,
        Permitted,
    }
    return {each.__name__: each for each in named | parts}


CLASSES: Final = _classes()
_FIELDS: Final = {each: _written_fields(each) for each in CLASSES.values()}


def written(masker: Masker, value: object) -> Value:
    """An input or a command, or a part of one, as it may stand in a file."""
    kind = type(value)
    if isinstance(value, BadMessage):
        return {"is": own("BadMessage"), "text": masker.text(str(value))}
    if isinstance(value, requests.CreateMessage) and value.private:
        return {
            "is": own("CreateMessage"),
            "text": masker.private(value.text),
            "private": True,
        }
    told: Json = {"is": own(kind.__name__)}
    for each in _FIELDS[kind]:
        content = getattr(value, each.name)
        if content is None or content == each.default:
            continue
        kept = each.write(masker, content)
        if kept is not None:
            told[each.name] = kept
    return told


def written_rules(rules: Rules) -> Json:
    """The numbers that a conversation obeys; sound by its length."""
    told: Json = {}
    for each in fields(Rules):
        value = getattr(rules, each.name)
        told[each.name] = len(value) if isinstance(value, bytes) else _number_in(value)
    return told


def _number_in(value: Any) -> Value:
    """Of the operator's settings: numbers, names of tools, an extension."""
    if isinstance(value, Mapping):
        named = cast("Mapping[str, str]", value)
        return {key: own(each) for key, each in named.items()}
    if isinstance(value, tuple):
        return [own(each) for each in cast("tuple[str, ...]", value)]
    if isinstance(value, str):
        return own(value)
    infinite = value == float("inf")
    number: float | None = value
    return own(INFINITE) if infinite else number
