import itertools
import json
from types import MappingProxyType
from typing import Any, Literal

import pybase64
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tests.peers.judge import client_faults
from trio_sts.wire.realtime import requests
from trio_sts.wire.realtime.codec import encode_request
from trio_sts.wire.realtime.session import (
    Dialect,
    FunctionTool,
    OptionalField,
    Refused,
    RemoteServer,
    SessionConfig,
    TurnDetection,
    beta_session,
    ga_session,
)

NOTHING: Refused = frozenset()
PLAIN = SessionConfig(instructions="Be brief.")
FULL = SessionConfig(
    instructions="Be brief.",
    voice="marin",
    audio_format="pcmu",
    tools=(
        FunctionTool(
            "avr_hangup",
            "Ends the call.",
            MappingProxyType({"type": "object", "properties": {}}),
        ),
    ),
    mcp_servers=(
        {"server_label": "crm", "server_url": "https://crm.example/mcp"},
        {
            "type": "mcp",
            "server_label": "kb",
            "server_url": "https://kb.example/mcp",
            "require_approval": "always",
        },
    ),
    turn_detection=TurnDetection(type="semantic_vad", eagerness="low"),
    transcription_model="gpt-4o-transcribe",
    language="de",
    noise_reduction="far_field",
    max_tokens=4096,
    reasoning_effort="low",
)

EVENTS: list[requests.ClientEvent] = [
    requests.AppendAudio(bytes(range(256))),
    requests.CreateMessage("user", "Hello"),
    requests.CreateMessage("assistant", "Hi", event_id="e1"),
    requests.CreateMessage("system", "The caller is still talking."),
    requests.CreateFunctionCall("call_1", "lookup", '{"id": 7}'),
    requests.CreateFunctionCall("call_1", "lookup", "{}", event_id="e2"),
    requests.CreateFunctionOutput("call_1", '{"ok": true}'),
    requests.CreateFunctionOutput("call_1", "", event_id="e3"),
    requests.RefuseApproval("approval_1", "Nobody can approve it."),
    requests.RefuseApproval("approval_1", "Nobody can approve it.", event_id="e8"),
    requests.TruncateItem("item_1", 1250),
    requests.TruncateItem("item_1", 0, 1, event_id="e4"),
    requests.DeleteItem("item_1"),
    requests.DeleteItem("item_1", event_id="e5"),
    requests.CreateResponse(),
    requests.CreateResponse("Greet the caller.", {"turn": "1"}, "e6"),
    requests.CreateResponse(tool_choice="none"),
    requests.CreateResponse(audio=True),
    requests.CreateResponse("Go on.", tool_choice="none", audio=True),
    requests.CancelResponse(),
    requests.CancelResponse("resp_1", event_id="e7"),
]


def sent(event: requests.ClientEvent, dialect: Dialect = Dialect.GA) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(encode_request(event, dialect))
    return parsed


def configs() -> list[SessionConfig]:
    """Both ends of every choice, alone and all together."""
    variants: dict[str, list[Any]] = {
        "audio_format": ["pcm", "pcmu", "pcma"],
        "transcription_model": [None, "whisper-1"],
        "language": [None, "it"],
        "noise_reduction": [None, "near_field"],
        "max_tokens": ["inf", 1],
        "reasoning_effort": [None, "minimal", "xhigh"],
        "turn_detection": [
            TurnDetection(),
            TurnDetection(threshold=None, silence_ms=None, prefix_padding_ms=None),
            TurnDetection(type="semantic_vad"),
            TurnDetection(type="semantic_vad", eagerness="high"),
            TurnDetection(interrupt_response=False),
        ],
        "tools": [(), FULL.tools],
        "mcp_servers": [(), FULL.mcp_servers],
    }
    lists = evolve(FULL, transcription_model="gpt-transcribe", transcription_lists=True)
    return [
        *[
            evolve(PLAIN, **dict(zip(variants, choice, strict=True)))
            for choice in itertools.product(*variants.values())
        ],
        lists,
        evolve(lists, language=None, transcription_keywords=("Acme", "Grüezi")),
        *[evolve(FULL, truncation=chosen) for chosen in ("disabled", 0.8)],
        evolve(FULL, speed=1.25),
    ]


def test_a_transcription_model_gets_its_hints_in_its_own_form() -> None:
    asked = evolve(
        PLAIN,
        transcription_model="gpt-transcribe",
        transcription_fallback="whisper-1",
        transcription_lists=True,
        transcription_keywords=("Acme",),
        language="it",
    )

    def sent_with(*refused: OptionalField) -> Any:
        session = ga_session(asked, frozenset(refused))
        return session["audio"]["input"].get("transcription")

    assert sent_with() == {
        "model": "gpt-transcribe",
        "languages": ["it"],
        "keywords": ["Acme"],
    }
    assert sent_with(OptionalField.KEYWORDS, OptionalField.LANGUAGE) == {
        "model": "gpt-transcribe"
    }
    assert sent_with(OptionalField.TRANSCRIBER) == {
        "model": "whisper-1",
        "language": "it",
    }
    assert sent_with(OptionalField.TRANSCRIPTION) is None
    # The beta dialect has no lists.
    assert beta_session(asked, NOTHING)["input_audio_transcription"] == {
        "model": "gpt-transcribe",
        "language": "it",
    }


def test_truncation_and_speed_have_their_own_form() -> None:
    ratio = ga_session(evolve(PLAIN, truncation=0.8, speed=1.25), frozenset())
    assert ratio["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.8}
    assert ratio["audio"]["output"]["speed"] == 1.25
    plain = ga_session(PLAIN, frozenset())
    assert "truncation" not in plain
    assert "speed" not in plain["audio"]["output"]
    assert beta_session(evolve(PLAIN, speed=0.5), frozenset())["speed"] == 0.5


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("event", EVENTS, ids=repr)
def test_every_event_is_one_that_openai_declares(
    event: requests.ClientEvent, dialect: Dialect
) -> None:
    if dialect is Dialect.BETA and isinstance(event, requests.RefuseApproval):
        # It knows of no remote servers, so that nobody asks for an approval there.
        return
    assert client_faults(sent(event, dialect), dialect) == []


def test_a_refusal_has_an_id_of_its_own_that_an_endpoint_takes() -> None:
    items = [
        sent(requests.RefuseApproval(request_id, "No."))["item"]
        for request_id in ("mcpr_1", "mcpr_" + "a" * 40 + "1", "mcpr_" + "a" * 40 + "2")
    ]
    ids = [item["id"] for item in items]
    assert len({*ids}) == 3
    # The Realtime API takes no longer ones.
    assert all(0 < len(each) <= 32 for each in ids)
    assert items[0]["approval_request_id"] == "mcpr_1"


def test_every_kind_of_event_is_judged() -> None:
    kinds = set(requests.ClientEvent.__args__) - {requests.UpdateSession}

    assert {type(event) for event in EVENTS} == kinds


def test_every_ga_session_is_one_that_openai_declares() -> None:
    for config in configs():
        event = requests.UpdateSession(ga_session(config, NOTHING), "e1")
        assert client_faults(sent(event), "ga") == []


def test_every_beta_session_is_one_that_openai_declares() -> None:
    for config in configs():
        warm = evolve(config, temperature=0.8)
        event = requests.UpdateSession(beta_session(warm, NOTHING))
        assert client_faults(sent(event, Dialect.BETA), "beta") == []


def test_the_judge_finds_an_undeclared_field_at_any_depth() -> None:
    session = ga_session(FULL, NOTHING)
    session["audio"]["input"]["format"]["channels"] = 1

    event = sent(requests.UpdateSession(session))

    assert client_faults(event, "ga") == [
        "session.update.session.audio.input.format.channels is not declared"
    ]


def test_a_temperature_is_the_only_field_that_ga_does_not_declare() -> None:
    session = ga_session(evolve(FULL, temperature=0.7), NOTHING)

    event = sent(requests.UpdateSession(session))

    assert session["temperature"] == 0.7
    assert client_faults(event, "ga") == [
        "session.update.session.temperature is not declared"
    ]


def test_a_ga_session_says_everything_that_it_depends_on() -> None:
    assert ga_session(PLAIN, NOTHING) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                },
                "noise_reduction": None,
                "transcription": {"model": "whisper-1"},
            },
            "output": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "voice": "alloy",
            },
        },
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
    }


def test_a_beta_session_is_flat() -> None:
    config = evolve(FULL, temperature=0.8, transcription_model=None)

    assert beta_session(config, NOTHING) == {
        "modalities": ["audio", "text"],
        "instructions": "Be brief.",
        "voice": "marin",
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
        "turn_detection": {
            "type": "semantic_vad",
            "eagerness": "low",
            "create_response": True,
            "interrupt_response": True,
        },
        "tools": [
            {
                "type": "function",
                "name": "avr_hangup",
                "description": "Ends the call.",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "input_audio_noise_reduction": {"type": "far_field"},
        "input_audio_transcription": None,
        "max_response_output_tokens": 4096,
        "tool_choice": "auto",
        "temperature": 0.8,
    }


def test_reasoning_models_get_reasoning_and_parallel_tool_calls() -> None:
    session = ga_session(FULL, NOTHING)

    assert session["reasoning"] == {"effort": "low"}
    assert session["parallel_tool_calls"] is True
    assert not {"reasoning", "parallel_tool_calls"} & ga_session(PLAIN, NOTHING).keys()


def test_remote_servers_need_no_approval_unless_the_operator_says_so() -> None:
    tools = ga_session(FULL, NOTHING)["tools"]

    assert [tool.get("require_approval") for tool in tools] == [
        None,
        "never",
        "always",
    ]


def look(session: dict[str, Any], path: str) -> Any:
    value: Any = session
    for name in path.split("."):
        value = value.get(name, "absent")
    return value


# Where a session holds what its endpoint may refuse.
_INPUT = {OptionalField.NOISE_REDUCTION, OptionalField.TRANSCRIPTION}
PATHS = {
    field: f"audio.input.{field}" if "." in field or field in _INPUT else field.value
    for field in OptionalField
} | {OptionalField.SPEED: "audio.output.speed"}
# What the other kind of turn detection is tuned with.
SERVER_VAD = {
    OptionalField.THRESHOLD,
    OptionalField.PREFIX_PADDING,
    OptionalField.SILENCE_DURATION,
}


# Another transcription model takes the refused one's place; nothing is left out.
@pytest.mark.parametrize(
    "field",
    [field for field in OptionalField if field is not OptionalField.TRANSCRIBER],
)
def test_a_refused_field_is_left_out_and_nothing_else(field: OptionalField) -> None:
    config = evolve(
        FULL,
        temperature=0.7,
        transcription_lists=field is OptionalField.KEYWORDS,
        transcription_keywords=("Acme",),
        truncation=0.8,
        speed=1.25,
    )
    if field in SERVER_VAD:
        config = evolve(config, turn_detection=TurnDetection())
    whole, less = ga_session(config, NOTHING), ga_session(config, frozenset({field}))
    path = PATHS[field]
    parent, _, key = path.rpartition(".")

    assert look(whole, path) != "absent"
    assert look(less, path) == "absent"
    holder = look(whole, parent) if parent else whole
    del holder[key]
    assert less == whole


def test_a_refused_remote_server_is_left_out_alone() -> None:
    session = ga_session(FULL, frozenset({RemoteServer("crm")}))

    assert [tool.get("server_label") for tool in session["tools"]] == [None, "kb"]


@pytest.mark.parametrize(
    ("role", "dialect", "content_type"),
    [
        ("user", Dialect.GA, "input_text"),
        ("system", Dialect.GA, "input_text"),
        ("assistant", Dialect.GA, "output_text"),
        ("user", Dialect.BETA, "input_text"),
        ("assistant", Dialect.BETA, "text"),
    ],
)
def test_text_is_labelled_by_role_and_dialect(
    role: Literal["user", "assistant", "system"], dialect: Dialect, content_type: str
) -> None:
    event = sent(requests.CreateMessage(role, "Hello"), dialect)

    assert event["item"]["content"] == [{"type": content_type, "text": "Hello"}]


@given(audio=st.binary(max_size=2000))
def test_audio_survives_the_wire(audio: bytes) -> None:
    event = sent(requests.AppendAudio(audio))

    assert event["type"] == "input_audio_buffer.append"
    assert pybase64.b64decode(event["audio"], validate=True) == audio


@given(text=st.text())
def test_text_survives_the_wire(text: str) -> None:
    event = sent(requests.CreateFunctionOutput("call_1", text))

    assert event["item"]["output"] == text


def test_a_lone_surrogate_does_not_stop_a_tool_output() -> None:
    session = ga_session(evolve(FULL, instructions="\ud800"), NOTHING)

    assert sent(requests.CreateFunctionOutput("c", "a\ud800b"))["item"] == {
        "type": "function_call_output",
        "call_id": "c",
        "output": "a?b",
    }
    assert sent(requests.UpdateSession(session))["session"]["instructions"] == "?"


def test_what_has_no_json_form_is_a_fault_of_ours() -> None:
    with pytest.raises(TypeError):
        encode_request(requests.UpdateSession({"voice": object()}), Dialect.GA)
