"""The JSON of the model's wire, both ways: text to events and requests to text.

Audio is the bulk of both directions, so it does not go through the converter.
"""

from collections.abc import Mapping
from typing import Any, cast

import orjson
import pybase64

from trio_sts.errors import BadMessage
from trio_sts.wire.json_object import object_or_none, typed_object

from . import events
from .decode import structure
from .encode import request_fields
from .requests import AppendAudio, ClientEvent
from .session import Dialect

_EVENTS: Mapping[str, type[Any]] = {
    "session.created": events.SessionCreated,
    "session.updated": events.SessionUpdated,
    "error": events.ErrorEvent,
    "input_audio_buffer.speech_started": events.SpeechStarted,
    "input_audio_buffer.speech_stopped": events.SpeechStopped,
    "input_audio_buffer.committed": events.InputCommitted,
    "input_audio_buffer.timeout_triggered": events.InputTimeout,
    "conversation.item.added": events.ItemAdded,
    "conversation.item.done": events.ItemDone,
    "conversation.item.input_audio_transcription.completed": (
        events.TranscriptionCompleted
    ),
    "conversation.item.input_audio_transcription.failed": events.TranscriptionFailed,
    "response.created": events.ResponseCreated,
    "response.output_item.added": events.OutputItemAdded,
    "response.output_item.done": events.OutputItemDone,
    "response.output_audio.done": events.AudioDone,
    "response.output_audio_transcript.delta": events.TranscriptDelta,
    "response.output_audio_transcript.done": events.TranscriptDone,
    "response.function_call_arguments.done": events.ArgumentsDone,
    "response.done": events.ResponseDone,
    "rate_limits.updated": events.RateLimitsUpdated,
}

# What the beta dialect called the same events; some servers still do.
_BETA_NAMES: Mapping[str, str] = {
    "conversation.item.created": "conversation.item.added",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}
_AUDIO_DELTAS = frozenset({"response.output_audio.delta", "response.audio.delta"})
_APPEND_BEGINS = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_ENDS = b'"}'
# Without these there is no conversation; any other event is done without if its shape
# is odd.
_ESSENTIAL = frozenset(
    {
        "session.created",
        "session.updated",
        "error",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "response.created",
        "response.function_call_arguments.done",
        "response.done",
    }
)
# Of these it is enough that they came.
_SIGNALS = frozenset({events.SpeechStarted, events.SpeechStopped})
_MCP = ("mcp_list_tools.", "response.mcp_call.")

# A peer may send a name of any length; no rule needs more of it than this.
_UNKNOWN_TYPE_CHARS = 64


def decode_event(text: str | bytes) -> events.ServerEvent:
    """Understand one event from the model, whichever dialect its name is from.

    Args:
        text: The message; bytes are UTF-8.

    Raises:
        BadMessage: It is not JSON, not an object, has no type, or a field that
            matters is missing or wrong. The text is short and repeats no value.
    """
    kind, fields = typed_object(text, "event")
    if kind in _AUDIO_DELTAS:
        return _audio_delta(kind, fields)
    kind = _BETA_NAMES.get(kind, kind)
    known = _EVENTS.get(kind)
    if known is None:
        return _other(kind, fields)
    try:
        return cast("events.ServerEvent", structure(_folded(kind, fields), known))
    except BadMessage as exc:
        if kind not in _ESSENTIAL:
            return _other(kind, fields)
        if known in _SIGNALS:
            return cast("events.ServerEvent", known())
        raise _bad(kind, str(exc)) from exc


def decode_or_fault(text: str | bytes) -> events.ServerEvent | BadMessage:
    """The event in a message, or what is wrong with it."""
    try:
        return decode_event(text)
    except BadMessage as fault:
        return fault


def encode_request(event: ClientEvent, dialect: Dialect) -> bytes:
    """Write one event for the model in the dialect of its endpoint.

    A lone surrogate, which JSON in UTF-8 cannot carry, becomes a question mark.
    """
    if isinstance(event, AppendAudio):
        # Base64 needs no escaping, so the event around it can be a constant.
        return _APPEND_BEGINS + pybase64.b64encode(event.audio) + _APPEND_ENDS
    fields = request_fields(event, dialect)
    try:
        return orjson.dumps(fields, default=_plain)
    except TypeError:
        return orjson.dumps(_encodable(fields), default=_plain)


def _audio_delta(kind: str, fields: dict[str, Any]) -> events.AudioDelta:
    response_id, item_id = fields.get("response_id"), fields.get("item_id")
    index, encoded = fields.get("content_index"), fields.get("delta")
    if not (isinstance(response_id, str) and isinstance(item_id, str)):
        raise _bad(kind, "response_id or item_id is not a string")
    if index is not None and type(index) is not int:
        raise _bad(kind, "content_index is not an integer")
    if not isinstance(encoded, str):
        raise _bad(kind, "delta is not a string")
    try:
        audio = pybase64.b64decode(encoded, validate=True)
    except ValueError as exc:
        raise _bad(kind, "delta is not base64") from exc
    return events.AudioDelta(response_id, item_id, audio, index or 0)


def _bad(kind: str, fault: str) -> BadMessage:
    return BadMessage(f"{kind}: {fault}")


def _folded(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    if kind == "error" and fields.get("error") is None:
        # Some gateways put code and message beside the type.
        return {"error": {**fields, "type": None}}
    if kind == "response.done":
        return _with_usage(fields)
    return fields


def _with_usage(fields: dict[str, Any]) -> dict[str, Any]:
    # Usage stands in the response or beside it; afterwards it stands in both places.
    response = object_or_none(fields.get("response"))
    beside = object_or_none(fields.get("usage"))
    if response is None:
        return fields
    usage = object_or_none(response.get("usage")) or beside
    return {"response": {**response, "usage": usage}, "usage": usage}


def _other(
    kind: str, fields: dict[str, Any]
) -> events.McpProgress | events.UnknownEvent:
    if kind.startswith(_MCP):
        item_id = fields.get("item_id")
        return events.McpProgress(kind, item_id if isinstance(item_id, str) else "")
    response_id = fields.get("response_id")
    return events.UnknownEvent(
        kind[:_UNKNOWN_TYPE_CHARS], response_id if isinstance(response_id, str) else ""
    )


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    raise TypeError(type(value).__name__)


def _encodable(value: object) -> object:
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case Mapping():
            pairs = cast("Mapping[str, object]", value).items()
            return {str(_encodable(key)): _encodable(item) for key, item in pairs}
        case list() | tuple():
            return [_encodable(item) for item in cast("list[object]", value)]
        case _:
            return value
