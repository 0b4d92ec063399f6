import contextlib
import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.peers.judge import server_faults
from tests.wire.realtime_fixtures import (
    AUDIO,
    AUDIO_64,
    AZURE,
    BETA,
    OPENAI,
    VOICE_LIVE,
    XAI,
    Event,
    text,
)
from trio_sts.errors import BadMessage
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.codec import decode_event
from trio_sts.wire.realtime.items import (
    ContentPart,
    ErrorDetail,
    Item,
    RateLimit,
    Response,
    SessionInfo,
    Usage,
)

USAGE = Usage(
    input_text_tokens=119,
    input_audio_tokens=13,
    cached_text_tokens=60,
    cached_audio_tokens=4,
    output_text_tokens=30,
    output_audio_tokens=91,
)
SAID = (ContentPart("output_audio", transcript="Good morning."),)
ANSWER = Item("item_2", "message", "assistant", "completed", SAID)
SPOKEN: list[events.ServerEvent] = [
    events.TranscriptDelta("resp_1", "item_2", "Good "),
    events.AudioDelta("resp_1", "item_2", AUDIO),
    events.AudioDone("resp_1", "item_2"),
    events.TranscriptDone("resp_1", "item_2", "Good morning."),
]


def decoded(fixture: list[Event]) -> list[events.ServerEvent]:
    return [decode_event(text(event)) for event in fixture]


def one(**fields: Any) -> events.ServerEvent:
    return decode_event(text(fields))


def session(**fields: Any) -> SessionInfo:
    event = one(type="session.updated", session=fields)
    assert isinstance(event, events.SessionUpdated)
    return event.session


def test_the_openai_fixture_is_what_openai_declares() -> None:
    undeclared = {
        # On the wire, but in no declaration.
        "session.created.session.id is not declared",
        "session.created.session.object is not declared",
        "session.created.session.expires_at is not declared",
        "session.updated.session.expires_at is not declared",
        "session.updated.session.id is not declared",
        "response.output_audio_transcript.delta.obfuscation is not declared",
    }

    faults = [fault for event in OPENAI for fault in server_faults(event, "ga")]
    assert set(faults) == undeclared


def test_a_call_with_openai_is_understood() -> None:
    caller = Item("item_1", "message", "user", "completed")
    heard = Item(
        "item_1", "message", "user", "completed", (ContentPart("input_audio"),)
    )
    quota = ErrorDetail(
        "insufficient_quota", "insufficient_quota", "You exceeded your current quota."
    )

    assert caller.content == ()
    assert decoded(OPENAI) == [
        events.SessionCreated(
            SessionInfo("sess_1", "gpt-realtime-2.1", 1795370000, "pcm", "pcm")
        ),
        events.SessionUpdated(
            SessionInfo("sess_1", "gpt-realtime-2.1", 1795370000, "pcmu", "pcma")
        ),
        events.SpeechStarted("item_1"),
        events.SpeechStopped("item_1", 2880),
        events.InputCommitted("item_1"),
        events.ItemAdded(heard),
        events.ResponseCreated(Response("resp_1")),
        events.OutputItemAdded(
            Item("item_2", "message", "assistant", "in_progress"), "resp_1"
        ),
        events.UnknownEvent("response.content_part.added", "resp_1"),
        *SPOKEN,
        events.ItemDone(ANSWER),
        events.OutputItemDone(ANSWER, "resp_1"),
        events.ResponseDone(
            Response("resp_1", "completed", output=(ANSWER,), usage=USAGE), USAGE
        ),
        events.RateLimitsUpdated((RateLimit("tokens", 15000000, 1, 0.1),)),
        events.TranscriptionCompleted(
            "item_1", "Hello there.", usage={"type": "duration", "seconds": 2}
        ),
        events.ArgumentsDone("resp_2", "item_3", "call_1", "avr_hangup", "{ }\n"),
        events.ResponseDone(Response("resp_3", "cancelled", "turn_detected")),
        events.ResponseDone(Response("resp_4", "failed", error=quota)),
        events.ErrorEvent(
            ErrorDetail(
                "invalid_request_error",
                "unknown_parameter",
                "Unknown parameter: 'session.temperature'.",
                "session.temperature",
            )
        ),
        events.UnknownEvent("conversation.item.truncated"),
        events.UnknownEvent("conversation.item.deleted"),
        events.InputTimeout("item_9"),
        events.McpProgress("mcp_list_tools.failed", "mcpl_1"),
        events.McpProgress("response.mcp_call.completed", "mcp_1"),
    ]


def test_azure_fails_a_transcription_and_the_call_goes_on() -> None:
    error = ErrorDetail(
        "invalid_request_error", "DeploymentNotFound", "The deployment does not exist."
    )

    assert decoded(AZURE) == [
        events.UnknownEvent("response.content_part.done", "resp_1"),
        events.TranscriptionFailed("item_1", error),
    ]


def test_voice_live_mixes_both_vocabularies() -> None:
    caller = Item("item_1", "message", "user", "completed")

    assert decoded(VOICE_LIVE) == [
        events.SessionUpdated(
            SessionInfo("sess_vl", "gpt-realtime", None, "pcm", "pcm")
        ),
        events.ItemAdded(caller),
        events.ItemDone(caller),
        *SPOKEN,
    ]


def test_xai_leaves_out_what_openai_sends_and_adds_its_own() -> None:
    assert decoded(XAI) == [
        events.UnknownEvent("conversation.created"),
        events.UnknownEvent("ping"),
        events.SessionUpdated(SessionInfo(input_format="pcmu")),
        events.UnknownEvent("conversation.item.input_audio_transcription.updated"),
        events.TranscriptionCompleted(
            "5b2f6f0e-5a2f-4a28-9f3a-0d1c2b3a4958", "Hello", "in_progress"
        ),
        events.AudioDelta("0a-1", "0a-2", AUDIO),
        events.ResponseDone(
            Response("0a-1", "completed", "unimplemented", usage=USAGE), USAGE
        ),
    ]


def test_a_beta_server_is_understood_under_ga_names() -> None:
    assert decoded(BETA) == [
        events.SessionCreated(SessionInfo("sess_b", "qwen-omni", None, "pcmu", "pcma")),
        events.ItemAdded(
            Item(
                "fco_1", "function_call_output", call_id="call_1", output='{"ok": true}'
            )
        ),
        *SPOKEN,
        events.ResponseDone(Response("resp_1", "incomplete")),
    ]


@pytest.mark.parametrize(
    ("shown", "word"),
    [
        ({"type": "audio/pcm", "rate": 24000}, "pcm"),
        ({"type": "audio/pcm"}, "pcm"),
        ({"type": "audio/pcm", "rate": 16000}, "audio/pcm@16000"),
        ({"type": "audio/pcmu"}, "pcmu"),
        ({"type": "audio/pcmu", "rate": 8000}, "pcmu"),
        ({"type": "audio/pcma", "rate": 16000}, "audio/pcma@16000"),
        ({"type": "audio/opus"}, "audio/opus"),
        ({}, None),
        (None, None),
        (7, None),
        ("pcm16", "pcm"),
    ],
)
def test_only_the_three_formats_get_the_three_names(
    shown: object, word: str | None
) -> None:
    way = {"format": shown}

    info = session(audio={"input": way, "output": way})

    assert (info.input_format, info.output_format) == (word, word)


@pytest.mark.parametrize(
    ("shown", "word"),
    [
        ({"input_audio_format": "pcm16"}, "pcm"),
        ({"input_audio_format": "g711_ulaw"}, "pcmu"),
        ({"input_audio_format": "g711_alaw"}, "pcma"),
        ({"input_audio_format": "pcm16-8000hz"}, "pcm16-8000hz"),
        (
            {"input_audio_format": "pcm16", "input_audio_sampling_rate": 16000},
            "pcm16@16000",
        ),
        ({"input_audio_format": None}, None),
        ({"audio": None, "input_audio_format": "pcm16"}, "pcm"),
        ({}, None),
    ],
)
def test_flat_formats_are_folded_too(shown: Event, word: str | None) -> None:
    assert session(**shown).input_format == word


@pytest.mark.parametrize("expires_at", [None, "soon", True, {}, [1]])
def test_an_unreadable_expiry_is_none(expires_at: object) -> None:
    assert session(expires_at=expires_at).expires_at is None


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        ({"error": "no such model"}, ErrorDetail(message="no such model")),
        ({"error": {"code": 429}}, ErrorDetail(code="429")),
        ({"error": {"code": ["a"], "message": None}}, ErrorDetail()),
        (
            {"code": "model_not_found", "message": "Gone."},
            ErrorDetail(code="model_not_found", message="Gone."),
        ),
        ({"error": {"event_id": "e1"}}, ErrorDetail(event_id="e1")),
    ],
)
def test_an_error_is_read_in_every_shape(error: Event, detail: ErrorDetail) -> None:
    assert one(type="error", **error) == events.ErrorEvent(detail)


def test_null_counts_as_absent() -> None:
    assert one(
        type="response.output_item.added",
        response_id=None,
        output_index=None,
        item={"id": "i", "type": "message", "content": None, "role": None},
    ) == events.OutputItemAdded(Item("i", "message"))
    assert one(
        type="response.output_audio.delta",
        response_id="r",
        item_id="i",
        content_index=None,
        delta="",
    ) == events.AudioDelta("r", "i", b"")


def test_a_whole_number_may_be_written_as_a_fraction() -> None:
    assert one(
        type="response.output_audio.done",
        response_id="r",
        item_id="i",
        content_index=1.0,
    ) == events.AudioDone("r", "i", 1)


def test_what_no_rule_reads_may_have_any_type() -> None:
    item = {"id": "i", "type": "mcp_call", "output": [{"a": 1}], "error": 7}

    assert one(type="conversation.item.done", item=item) == events.ItemDone(
        Item("i", "mcp_call")
    )
    assert one(
        type="conversation.item.input_audio_transcription.completed",
        item_id="i",
        usage=3,
    ) == events.TranscriptionCompleted("i")
    odd_usage: Event = {
        "input_token_details": [],
        "output_token_details": {"text_tokens": ""},
    }
    done = one(
        type="response.done",
        response={"id": "r", "usage": odd_usage, "metadata": ["a"]},
    )
    assert done == events.ResponseDone(Response("r", usage=Usage()), Usage())


NASTY: list[str | bytes] = [
    "",
    "{",
    "[]",
    "null",
    "7",
    '"error"',
    "{}",
    '{"type": null}',
    '{"type": ["error"]}',
    '{"type": "error", "error": NaN}',
    '{"type": "error", "error": [1]}',
    "[" * 100_000,
    '{"type":' * 2000,
    '{"type": "error", "error": "\\ud800"}',
    b'{"type": "\xff"}',
    '{"type": "response.done"}',
    '{"type": "response.done", "response": null}',
    '{"type": "response.done", "response": []}',
    '{"type": "session.created"}',
    '{"type": "session.created", "session": "x"}',
    '{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 1e999}',
]


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_a_malformed_event_is_a_bad_message_with_a_short_text(
    nasty: str | bytes,
) -> None:
    with pytest.raises(BadMessage) as caught:
        decode_event(nasty)

    assert 0 < len(str(caught.value)) < 120


ESSENTIAL_BUT_ODD: list[tuple[str, events.ServerEvent]] = [
    (
        '{"type": "input_audio_buffer.speech_started", "item_id": 7}',
        events.SpeechStarted(),
    ),
    (
        '{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": "1"}',
        events.SpeechStopped(),
    ),
    (
        '{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": true}',
        events.SpeechStopped(),
    ),
    (
        '{"type": "response.done", "response": {}}',
        events.ResponseDone(Response("")),
    ),
    (
        '{"type": "response.done", "response": {"id": 5}}',
        events.ResponseDone(Response("")),
    ),
    (
        '{"type": "response.done", "response": {"id": "r", "status": 1}}',
        events.ResponseDone(Response("r")),
    ),
    (
        '{"type": "response.done", "response": {"id": "r", "output": {}}}',
        events.ResponseDone(Response("r")),
    ),
    (
        '{"type": "response.created", "response": {"id": "r", "output": [{"id": 0}]}}',
        events.ResponseCreated(Response("r")),
    ),
]


@pytest.mark.parametrize(("odd", "event"), ESSENTIAL_BUT_ODD, ids=range(8))
def test_speech_and_responses_begin_and_end_although_their_fields_are_odd(
    odd: str, event: events.ServerEvent
) -> None:
    assert decode_event(odd) == event


@pytest.mark.parametrize(
    "faulty",
    [
        "x",
        None,
        [],
        {},
        {"type": "message"},
        {"id": "i9"},
        {"id": 1, "type": "message"},
        {"id": "i9", "type": ["message"]},
        {"id": "i9", "type": "function_call", "call_id": 7},
        {"id": "i9", "type": "function_call", "arguments": {}},
    ],
    ids=repr,
)
@pytest.mark.parametrize("first", [True, False])
def test_a_faulty_item_costs_itself_and_not_the_end_of_its_response(
    faulty: object, first: bool
) -> None:
    good = {
        "id": "i1",
        "type": "function_call",
        "call_id": "c1",
        "name": "look_up",
        "arguments": "{}",
    }
    output = [faulty, good] if first else [good, faulty]
    event = one(
        type="response.done",
        response={"id": "r", "status": "completed", "output": output},
    )
    call = Item("i1", "function_call", call_id="c1", name="look_up", arguments="{}")
    assert isinstance(event, events.ResponseDone)
    assert (event.response.id, event.response.status) == ("r", "completed")
    # One that only lacks something is kept with what it has.
    assert [item for item in event.response.output if item.call_id] == [call]


def test_an_item_may_lack_its_id_or_its_type() -> None:
    output = [{"type": "message"}, {"id": "i9"}, {}]
    event = one(type="response.done", response={"id": "r", "output": output})
    found = (Item(type="message"), Item("i9"), Item())
    assert event == events.ResponseDone(Response("r", output=found))


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "conversation.item.added", "item": {"id": 1, "type": "message"}},
        {"type": "conversation.item.added"},
        {"type": "conversation.item.done", "item": []},
        {"type": "response.output_item.added", "item": "i"},
        {"type": "response.output_item.done", "item": {"id": 0.5}},
        {"type": "response.output_audio.done", "item_id": "i", "content_index": 0.5},
        {"type": "response.audio.done", "item_id": 5},
        {"type": "response.output_audio_transcript.delta", "delta": 5},
        {"type": "response.output_audio_transcript.done", "transcript": []},
        {"type": "input_audio_buffer.committed", "item_id": {}},
        {"type": "input_audio_buffer.timeout_triggered", "item_id": 7},
        {"type": "conversation.item.input_audio_transcription.completed"},
        {"type": "conversation.item.input_audio_transcription.failed", "error": []},
    ],
    ids=repr,
)
def test_a_dispensable_event_of_an_odd_shape_counts_as_unknown(odd: Event) -> None:
    event = one(**odd, response_id="r")
    assert isinstance(event, events.UnknownEvent)
    # It is a sign of life of its response all the same.
    assert event.response_id == "r"


@pytest.mark.parametrize(
    "kind", ["response.output_audio.delta", "response.audio.delta"]
)
@pytest.mark.parametrize(
    "wrong",
    [
        {"response_id": None},
        {"response_id": 7},
        {"item_id": None},
        {"content_index": "0"},
        {"content_index": True},
        {"delta": None},
        {"delta": 7},
        {"delta": "A"},
        {"delta": "AA AA==="},
        {"delta": "__--"},
        {"delta": "éééé"},
    ],
    ids=repr,
)
def test_a_malformed_audio_delta_is_a_bad_message(kind: str, wrong: Event) -> None:
    right = {"response_id": "r", "item_id": "i", "delta": AUDIO_64}

    assert one(type=kind, **right) == events.AudioDelta("r", "i", AUDIO)
    with pytest.raises(BadMessage, match=kind):
        one(type=kind, **{**right, **wrong})


def test_a_huge_integer_does_no_harm() -> None:
    huge = "9" * 300

    event = decode_event(
        f'{{"type": "input_audio_buffer.speech_stopped", "audio_end_ms": {huge}' + "}"
    )

    assert isinstance(event, events.SpeechStopped)
    assert event.audio_end_ms > 1e299


def test_the_text_of_a_bad_message_repeats_no_value() -> None:
    with pytest.raises(BadMessage) as caught:
        one(
            type="response.function_call_arguments.done",
            response_id="r",
            item_id="i",
            call_id="c",
            arguments={"card": "4111"},
        )

    assert "4111" not in str(caught.value)


def test_an_endless_unknown_type_is_cut() -> None:
    assert one(type="x" * 9999) == events.UnknownEvent("x" * 64)


@given(garbage=st.text() | st.binary())
def test_any_text_gives_an_event_or_a_bad_message(garbage: str | bytes) -> None:
    with contextlib.suppress(BadMessage):
        decode_event(garbage)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
ALL = [*OPENAI, *AZURE, *VOICE_LIVE, *XAI, *BETA]


@given(event=st.sampled_from(ALL), data=st.data())
def test_any_value_in_any_field_gives_an_event_or_a_bad_message(
    event: Event, data: st.DataObject
) -> None:
    changed: Event = json.loads(text(event))
    node = changed
    while True:
        key = data.draw(st.sampled_from(sorted(node)))
        inner: Any = node[key]
        if not isinstance(inner, dict) or not inner or data.draw(st.booleans()):
            break
        node = cast("Event", inner)
    node[key] = data.draw(JSON)

    with contextlib.suppress(BadMessage):
        decode_event(json.dumps(changed))


LIMITS: list[tuple[object, tuple[RateLimit, ...]]] = [
    (None, ()),
    ("odd", ()),
    ({}, ()),
    ([None, 7, {}, {"name": 7}, {"name": ""}], ()),
    (
        [{"name": "tokens", "limit": "9", "remaining": True, "reset_seconds": []}],
        (RateLimit("tokens"),),
    ),
    (
        [{"name": "requests", "limit": 0, "remaining": -1}],
        (RateLimit("requests", 0, -1),),
    ),
    ([{"name": "x" * 99}] * 99, (RateLimit("x" * 64),) * 16),
]


@pytest.mark.parametrize(("limits", "understood"), LIMITS)
def test_rate_limits_of_any_shape_are_read_as_far_as_they_can_be(
    limits: object, understood: tuple[RateLimit, ...]
) -> None:
    event = one(type="rate_limits.updated", rate_limits=limits)
    assert event == events.RateLimitsUpdated(understood)
