import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sts.errors import BadMessage
from trio_sts.wire.avr import (
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
from trio_sts.wire.avr_codec import (
    decode_from_core,
    decode_to_core,
    encode_frames,
    encode_from_core,
    encode_to_core,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
TYPES = ["init", "audio", "dtmf_digit", "interruption", "transcript", "error", "x"]
MESSAGE_LIKE = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES) | JSON},
    optional=dict.fromkeys(
        ("uuid", "provider_config", "audio", "digit", "role", "text"), JSON
    ),
)
SAMPLES = st.binary(max_size=2000).map(lambda raw: raw[: len(raw) // 2 * 2])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"init","uuid":"c-1"}', Init("c-1")),
        ('{"type":"init"}', Init()),
        ('{"type":"init","uuid":["odd"]}', Init(["odd"])),
        ('{"type":"init","uuid":7,"provider_config":"x"}', Init(7)),
        (
            '{"type":"init","uuid":"c","provider_config":{"a":[1]},"new":0}',
            Init("c", {"a": [1]}),
        ),
        ('{"type":"audio","audio":"AQID/w=="}', CallerAudio(b"\x01\x02\x03\xff")),
        ('{"audio":"AQI=","more":1,"type":"audio"}', CallerAudio(b"\x01\x02")),
        ('{"type":"audio","audio":""}', CallerAudio(b"")),
        ('{"type":"dtmf_digit","digit":"#"}', DtmfDigit("#")),
        ('{"type":"dtmf_digit","digit":"c"}', DtmfDigit("C")),
        ('{"type":"tomorrow","x":1}', UnknownFromCore("tomorrow")),
        ('{"type":""}', UnknownFromCore("")),
    ],
)
def test_core_is_understood(text: str, message: FromCore) -> None:
    assert decode_from_core(text) == message
    assert decode_from_core(text.encode()) == message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("hello", "not JSON"),
        (b"\xff{}", "not JSON"),
        ("\ud800", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"type":"init","uuid":NaN}', "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('"init"', "not a JSON object"),
        ("{}", "no type"),
        ('{"type":["a"]}', "no type"),
        ('{"type":null}', "no type"),
        ('{"type":"audio"}', "audio is not a string"),
        ('{"type":"audio","audio":5}', "audio is not a string"),
        ('{"type":"audio","audio":"AQI"}', "not base64"),
        ('{"type":"audio","audio":"AQ I="}', "not base64"),
        ('{"type":"audio","audio":"A-_="}', "not base64"),
        ('{"type":"audio","audio":"\u00e4"}', "not base64"),
        ('{"type":"audio","audio":"AQ=="}', "odd"),
        ('{"type":"dtmf_digit"}', "required field missing @ dtmf_digit.digit"),
        ('{"type":"dtmf_digit","digit":5}', "not one of 0-9"),
        ('{"type":"dtmf_digit","digit":"12"}', "not one of 0-9"),
        ('{"type":"dtmf_digit","digit":"E"}', "not one of 0-9"),
    ],
)
def test_a_fault_is_named_in_words_fit_for_the_peer(
    text: str | bytes, told: str
) -> None:
    with pytest.raises(BadMessage, match=told) as caught:
        decode_from_core(text)
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"type":"transcript","role":"owner","text":"a"}', "@ transcript.role"),
        ('{"type":"transcript","role":[],"text":"a"}', "@ transcript.role"),
        ('{"type":"transcript","role":"user","text":5}', "not a string @ transcript"),
        ('{"type":"error"}', "required field missing @ error.message"),
        ('{"type":"audio","audio":"AQ=="}', "odd"),
        ("7", "not a JSON object"),
    ],
)
def test_the_stand_in_names_faults_too(text: str, told: str) -> None:
    with pytest.raises(BadMessage, match=told):
        decode_to_core(text)


def test_a_pressed_digit_is_not_repeated_in_the_fault() -> None:
    with pytest.raises(BadMessage) as caught:
        decode_from_core('{"type":"dtmf_digit","digit":"secret"}')
    assert "secret" not in str(caught.value)


@given(st.text() | st.binary() | JSON.map(json.dumps) | MESSAGE_LIKE.map(json.dumps))
@settings(deadline=None)
def test_any_input_gives_a_message_or_a_bad_message(text: str | bytes) -> None:
    for decode in (decode_from_core, decode_to_core):
        with suppress(BadMessage):
            decode(text)


@given(
    SAMPLES.map(CallerAudio)
    | st.sampled_from(sorted(DTMF_DIGITS)).map(DtmfDigit)
    | st.builds(Init, st.none() | st.text(), st.none() | st.just({"a": 1}))
    | st.text(max_size=20).filter(lambda t: t not in TYPES).map(UnknownFromCore)
)
@settings(deadline=None)
def test_what_core_writes_is_read_back(message: FromCore) -> None:
    assert decode_from_core(encode_from_core(message)) == message


@given(
    SAMPLES.map(AgentAudio)
    | st.just(Interruption())
    | st.builds(Transcript, st.sampled_from(["user", "agent"]), st.text())
    | st.text().map(Failure)
)
@settings(deadline=None)
def test_what_the_service_writes_is_read_back(message: ToCore) -> None:
    text = encode_to_core(message)
    assert decode_to_core(text) == message
    assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (AgentAudio(b"ab"), {"type": "audio", "audio": "YWI="}),
        (Interruption(), {"type": "interruption"}),
        (
            Transcript("agent", "gr\u00fc\u00df"),
            {"type": "transcript", "role": "agent", "text": "gr\u00fc\u00df"},
        ),
        (Failure("no"), {"type": "error", "message": "no"}),
    ],
)
def test_the_service_writes_what_core_expects(
    message: ToCore, wire: dict[str, str]
) -> None:
    assert json.loads(encode_to_core(message)) == wire


def test_the_stand_in_ignores_what_it_does_not_know() -> None:
    assert decode_to_core('{"type":"tomorrow"}') == UnknownToCore("tomorrow")


def test_the_name_of_an_unknown_type_is_kept_short() -> None:
    text = json.dumps({"type": "x" * 10_000})
    assert decode_from_core(text) == UnknownFromCore("x" * 64)


@given(SAMPLES)
@settings(deadline=None)
def test_frames_are_one_message_each_and_lose_nothing(pcm: bytes) -> None:
    frames = [
        base64.b64decode(json.loads(text)["audio"], validate=True)
        for text in encode_frames(pcm)
    ]
    assert b"".join(frames) == pcm
    assert all(len(frame) == 320 for frame in frames[:-1])
    assert all(0 < len(frame) <= 320 for frame in frames)
