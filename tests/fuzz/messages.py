"""What both peers send in a call, and the same with faults in it."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

Message = dict[str, Any]
Mutation = Callable[[random.Random, Message], None]

_IDS: Final = ("a", "b", "c", "d")
_AUDIO: Final = "AAAA" * 400
_ODD: Final[Sequence[Any]] = (
    None,
    True,
    0,
    -1,
    1e308,
    2**70,
    "",
    "\u0000",
    "x" * 5000,
    "\ud83d\ude00",
    [],
    {},
    [[[[[[]]]]]],
    {"id": {}},
)
_USAGE: Final = {
    "total_tokens": 30,
    "input_tokens": 20,
    "output_tokens": 10,
    "input_token_details": {"audio_tokens": 10, "text_tokens": 10, "cached_tokens": 0},
    "output_token_details": {"audio_tokens": 5, "text_tokens": 5},
}


def from_core(dice: random.Random) -> Message:
    """A message that AVR Core sends."""
    return dice.choice(
        [
            {"type": "init", "uuid": f"fuzz-{dice.randrange(9)}"},
            {"type": "audio", "audio": _AUDIO[: dice.randrange(0, 1600, 4)]},
            {"type": "audio", "audio": "fwB/" * 107},
            {"type": "dtmf_digit", "digit": dice.choice("0123456789*#")},
        ]
    )


def from_model(dice: random.Random) -> Message:
    """An event that the endpoint sends."""
    at = {
        "response_id": dice.choice(_IDS),
        "item_id": dice.choice(_IDS),
        "output_index": 0,
        "content_index": 0,
    }
    item = _item(dice)
    events: list[tuple[str, Message]] = [
        ("input_audio_buffer.speech_started", {"audio_start_ms": 10}),
        ("input_audio_buffer.speech_stopped", {"audio_end_ms": 900}),
        ("input_audio_buffer.committed", {"previous_item_id": None}),
        ("conversation.item.added", {"item": item}),
        ("conversation.item.done", {"item": item}),
        ("conversation.item.truncated", {"audio_end_ms": 10}),
        (
            "conversation.item.input_audio_transcription.completed",
            {"transcript": "Hello.", "usage": _USAGE},
        ),
        ("response.created", {"response": _response(dice, "in_progress")}),
        ("response.output_item.added", {"item": item}),
        ("response.content_part.added", {"part": {"type": "audio"}}),
        ("response.output_audio.delta", {"delta": _AUDIO}),
        ("response.output_audio.delta", {"delta": _AUDIO}),
        ("response.output_audio_transcript.delta", {"delta": "Hello"}),
        ("response.output_audio_transcript.done", {"transcript": "Hello."}),
        ("response.output_audio.done", {}),
        ("response.output_item.done", {"item": item}),
        (
            "response.function_call_arguments.done",
            {"call_id": dice.choice(_IDS), "name": "x", "arguments": "{}"},
        ),
        ("response.done", {"response": _response(dice, "completed")}),
        ("response.done", {"response": _response(dice, "failed")}),
        ("rate_limits.updated", {"rate_limits": [{"name": "tokens"}]}),
        ("session.updated", {"session": {"type": "realtime"}}),
        ("mcp_list_tools.failed", {}),
        (
            "error",
            {"error": {"type": "server_error", "message": "Busy.", "code": None}},
        ),
    ]
    kind, fields = dice.choice(events)
    return {"type": kind, "event_id": dice.choice(_IDS), **at, **fields}


def _item(dice: random.Random) -> Message:
    kind = dice.choice(["message", "function_call", "mcp_call"])
    return {
        "id": dice.choice(_IDS),
        "type": kind,
        "role": dice.choice(["user", "assistant"]),
        "status": "completed",
        "call_id": dice.choice(_IDS),
        "name": dice.choice(["x", "avr_transfer"]),
        "arguments": "{}",
        "content": [{"type": "output_audio", "transcript": "Hello."}],
    }


def _response(dice: random.Random, status: str) -> Message:
    error = {"type": "server_error", "code": "server_error", "message": "Busy."}
    details = {"type": status, "error": error}
    return {
        "id": dice.choice(_IDS),
        "object": "realtime.response",
        "status": status,
        "status_details": details if status == "failed" else None,
        "output": [_item(dice) for _ in range(dice.randrange(3))],
        "usage": _USAGE,
    }


# Faults in an object.


def _place(dice: random.Random, message: Message) -> tuple[Any, Any]:
    """A container anywhere in it, and a key of that."""
    value: Any = message
    while True:
        is_object = isinstance(value, dict)
        keys: list[Any] = [*value] if is_object else [*range(len(value))]
        key = dice.choice(keys)
        inner: Any = value[key]
        if not isinstance(inner, dict | list) or not inner or dice.random() < 0.3:
            return value, key
        value = inner


def _drop(dice: random.Random, message: Message) -> None:
    container, key = _place(dice, message)
    del container[key]


def _replace(dice: random.Random, message: Message) -> None:
    container, key = _place(dice, message)
    container[key] = dice.choice(_ODD)


def _swap(dice: random.Random, message: Message) -> None:
    (one, key), (other, another) = _place(dice, message), _place(dice, message)
    value = one[key]
    # What would hold itself is no JSON.
    if not isinstance(value, (dict, list)) and not isinstance(
        other[another], (dict, list)
    ):
        one[key], other[another] = other[another], value


def _add(dice: random.Random, message: Message) -> None:
    message[dice.choice(["type", "item", "x", "response", "uuid"])] = dice.choice(_ODD)


_MUTATIONS: Final[Sequence[Mutation]] = (_drop, _replace, _replace, _swap, _add)


def written(dice: random.Random, message: Message, faulty: float) -> str | bytes:
    """A message on the wire, with faults in this share of them."""
    if dice.random() >= faulty:
        return json.dumps(message)
    message = json.loads(json.dumps(message))
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        if message:
            dice.choice(_MUTATIONS)(dice, message)
    text = json.dumps(message)
    if dice.random() < 0.1:
        at = dice.randrange(len(text))
        text = dice.choice(
            [text[:at], text[:at] + chr(dice.randrange(32, 300)) + text[at:]]
        )
    return text
