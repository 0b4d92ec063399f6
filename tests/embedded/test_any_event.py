"""Whatever a client sends, it gets an answer that the official types know."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sts.embedded import Faults
from trio_sts.embedded.session import HANDLERS, Session

from .client import check

_WORDS = st.sampled_from(
    [
        "type",
        "session",
        "audio",
        "input",
        "output",
        "format",
        "rate",
        "turn_detection",
        "tools",
        "name",
        "item",
        "id",
        "role",
        "content",
        "text",
        "call_id",
        "item_id",
        "audio_end_ms",
        "response",
        "metadata",
        "instructions",
        "message",
        "user",
        "assistant",
        "function_call",
        "function_call_output",
        "input_text",
        "output_text",
        "realtime",
        "server_vad",
        "semantic_vad",
        "audio/pcm",
        "audio/pcmu",
        "previous_item_id",
        "root",
        "mine",
        "AAAA",
        "input",
        "input_audio",
        "conversation",
        "none",
        "item_reference",
        "mcp",
        "server_label",
        "server_url",
        "tool_choice",
        "required",
        "voice",
        "tracing",
        "auto",
        "prompt",
    ]
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 100_000) | st.floats(0, 2) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=5)
    ),
    max_leaves=20,
)
_ITEM_FIELDS = ("id", "role", "content", "call_id", "name", "arguments", "output")


def _event(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "type": kind}


def _item_create(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": {**fields, "type": kind}}


_EVENTS = st.builds(
    _event,
    st.sampled_from(sorted(HANDLERS)),
    st.dictionaries(_WORDS, _VALUES, max_size=5),
)
_ITEMS = st.builds(
    _item_create,
    st.sampled_from(
        [
            "message",
            "function_call",
            "function_call_output",
            "mcp_approval_response",
        ]
    ),
    st.dictionaries(st.sampled_from(_ITEM_FIELDS), _VALUES, max_size=5),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_EVENTS | _ITEMS | _VALUES, max_size=4))
def test_no_event_breaks_a_session(events: list[Any]) -> None:
    posted: list[dict[str, Any]] = []
    notes: list[str] = []
    session = Session(
        send=posted.append,
        reset=posted.clear,
        note=notes.append,
        model="gpt-realtime-2.1",
        expires_at=0,
        faults=Faults(),
    )
    for event in events:
        session.handle(orjson.dumps(event))
    for event in posted:
        check(event)
