"""Anything that a peer may send: steps for the tests of both legs."""

import json
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from hypothesis import strategies as st


@frozen
class Text:
    """A text or binary message."""

    content: str | bytes


@frozen
class Wire:
    """Bytes beside the WebSocket library."""

    raw: bytes


@frozen
class Wait:
    """Nothing, for a time."""

    seconds: float


Step = Text | Wire | Wait

words = st.text(max_size=20)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=8,
)
waits = st.builds(Wait, st.sampled_from([0.01, 0.3, 2.0, 9.0]))
junk = (
    st.builds(Text, words)
    | st.builds(Text, anything.map(json.dumps))
    | st.builds(Text, st.text(min_size=1000, max_size=2000))
)


def _as_text(kind: str, fields: dict[str, object]) -> Text:
    return Text(json.dumps({"type": kind, **fields}))


def objects(
    types: Sequence[str], **fields: st.SearchStrategy[Any]
) -> st.SearchStrategy[Text]:
    """Objects of these types, each field there or not, and right or not."""
    optional = {name: value | leaves for name, value in fields.items()}
    return st.builds(
        _as_text, st.sampled_from(types), st.fixed_dictionaries({}, optional=optional)
    )


from_core = objects(
    ["init", "audio", "dtmf_digit", "hold"],
    uuid=st.sampled_from(["call-1", "", "a/b"]) | anything,
    audio=st.sampled_from(["", "AAAA", "AAA=", "AA==", "A" * 428, "////" * 5000]),
    digit=st.sampled_from([*"0123456789*#AD"]),
)
from_core_steps = st.lists(
    st.just(Text('{"type":"init","uuid":"call-1"}')) | from_core | junk | waits,
    max_size=25,
)
endings = st.sampled_from([None, Text(b""), Text(b"\x00" * 99), Text("x" * 70_000)]) | (
    st.binary(min_size=1, max_size=40).map(Wire)
)

ids = st.sampled_from(["a", "b", "c", ""])
item = st.fixed_dictionaries(
    {},
    optional={
        "id": ids | leaves,
        "type": st.sampled_from(["message", "function_call", "mcp_call"]) | leaves,
        "role": st.sampled_from(["user", "assistant", "system"]) | leaves,
        "call_id": ids | leaves,
        "name": st.sampled_from(["avr_hangup", "avr_transfer", "x"]) | leaves,
        "arguments": st.sampled_from(["{}", "{", "[]"]) | anything,
        "status": st.sampled_from(["completed", "incomplete"]) | leaves,
        "content": st.lists(anything, max_size=2) | leaves,
    },
)
fault = st.fixed_dictionaries(
    {},
    optional={
        "code": st.sampled_from(
            [
                "rate_limit_exceeded",
                "conversation_already_has_active_response",
                "insufficient_quota",
                "server_error",
            ]
        )
        | leaves,
        "message": st.just("Please try again in 1.2s") | leaves,
        "type": leaves,
        "param": leaves,
        "event_id": ids | leaves,
    },
)
response = st.fixed_dictionaries(
    {},
    optional={
        "id": ids | leaves,
        "status": st.sampled_from(["completed", "failed", "cancelled", "incomplete"])
        | leaves,
        "status_details": st.fixed_dictionaries({}, optional={"error": fault}) | leaves,
        "output": st.lists(item, max_size=2) | leaves,
        "usage": anything,
    },
)
from_model = objects(
    [
        "session.created",
        "session.updated",
        "error",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "input_audio_buffer.timeout_triggered",
        "conversation.item.added",
        "conversation.item.created",
        "conversation.item.done",
        "conversation.item.truncated",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "response.created",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_audio.delta",
        "response.audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.function_call_arguments.done",
        "response.done",
        "mcp_list_tools.failed",
        "rate_limits.updated",
    ],
    response_id=ids,
    item_id=ids,
    call_id=ids,
    content_index=st.integers(-1, 1),
    delta=st.sampled_from(["", "AAAA", "AAA=", "AA==", "A" * 9600, "%"]),
    transcript=words,
    audio_start_ms=st.integers(),
    audio_end_ms=st.integers(),
    name=st.sampled_from(["avr_hangup", "avr_transfer", "x"]),
    arguments=st.sampled_from(["{}", "{", "[]", '{"transfer_extension":"1"}']),
    item=item,
    response=response,
    error=fault,
    session=anything,
    usage=anything,
)
from_model_steps = st.lists(
    from_model | from_model | from_model | junk | waits, max_size=30
)
