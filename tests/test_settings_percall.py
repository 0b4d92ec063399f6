"""Settings: what a web service or AVR Core may say of one call."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sts.settings import CallConfig, Settings, read_call_config

OPENAI = Settings(api_key="key")
LOCAL = Settings(base_url="ws://localhost:8080/v1", api_key="key")


@pytest.mark.parametrize(
    ("answer", "config"),
    [
        ({}, CallConfig()),
        ({"system": "x", "other": [1]}, CallConfig()),
        ({"voice": "Marin"}, CallConfig(voice="marin")),
        ({"voice": None, "language": "", "model": "undefined"}, CallConfig()),
        ({"language": "IT"}, CallConfig(language="it")),
        (
            {"welcome_message": "Ciao {{name}}"},
            CallConfig(welcome_message="Ciao {{name}}"),
        ),
        ({"model": "gpt-realtime-1.5"}, CallConfig(model="gpt-realtime-1.5")),
        ({"model": "gpt-4o-realtime-preview"}, CallConfig(model="gpt-realtime-2.1")),
        ({"max_tokens": 500}, CallConfig(max_tokens=500)),
        ({"max_tokens": "inf"}, CallConfig(max_tokens="inf")),
        (
            {"transcription_keywords": ["Acme", "Grüezi"]},
            CallConfig(transcription_keywords=("Acme", "Grüezi")),
        ),
        ({"transfer_to": "100, 2??"}, CallConfig(transfer_to=("100", "2??"))),
        ({"transfer_to": [100]}, CallConfig(transfer_to=("100",))),
        ({"tools": ["look_up"]}, CallConfig(tools=("look_up",))),
        ({"tools": []}, CallConfig(tools=())),
        ({"record": False}, CallConfig(record=False)),
        ({"metadata": {"a": 1, "b": "x"}}, CallConfig(metadata={"a": "1", "b": "x"})),
    ],
)
def test_a_field_is_read(answer: dict[str, object], config: CallConfig) -> None:
    assert read_call_config(answer, OPENAI) == (config, ())


FAULTY: list[tuple[str, Any]] = [
    ("voice", "nova"),
    ("voice", {"id": "voice_1"}),
    ("voice", True),
    ("voice", "two\nlines"),
    ("language", "klingon"),
    ("welcome_message", ["Ciao"]),
    ("model", "gpt-live-1"),
    ("model", "gpt-3.5-turbo"),
    ("max_tokens", 0),
    ("max_tokens", "lots"),
    ("transcription_keywords", [1.5, {}]),
    ("transcription_keywords", ["a,b"]),
    ("transfer_to", []),
    ("transfer_to", "100;200"),
    ("tools", ["no name"]),
    ("tools", {"a": 1}),
    ("record", "false"),
    ("metadata", ["a"]),
    ("metadata", {"a": {}}),
    ("metadata", {str(number): "x" for number in range(101)}),
]


@pytest.mark.parametrize(("name", "value"), FAULTY)
def test_a_faulty_field_costs_itself_alone(name: str, value: object) -> None:
    others = {"voice": "sage", "language": "it", "max_tokens": 400, "record": False}
    others.pop(name, None)
    config, (fault,) = read_call_config({**others, name: value}, OPENAI)
    expected, _ = read_call_config(others, OPENAI)
    assert config == expected
    assert fault.startswith(f"{name} ")
    assert fault.isprintable()


def test_elsewhere_names_pass_unchanged() -> None:
    config, faults = read_call_config({"voice": "nova", "model": "my-llm"}, LOCAL)
    assert (config, faults) == (CallConfig(voice="nova", model="my-llm"), ())


def test_what_the_service_says_is_above_what_avr_core_says() -> None:
    service = CallConfig(voice="sage", tools=(), metadata={"a": "1"})
    init = CallConfig(voice="echo", language="it", metadata={"a": "0", "b": "2"})
    assert service.over(init) == CallConfig(
        voice="sage", language="it", tools=(), metadata={"a": "1", "b": "2"}
    )


def test_a_call_has_its_own_settings_and_the_container_s_where_it_says_nothing() -> (
    None
):
    container = Settings(
        api_key="key",
        voice="ash",
        transcript_dir=Path("/kept"),
        record_dir=Path("/kept"),
        record_audio=True,
    )
    own = CallConfig(language="it", max_tokens=400, record=False).applied(container)
    assert (own.voice, own.language, own.max_tokens) == ("ash", "it", 400)
    assert own.transcript_dir is own.record_dir is None
    assert not own.record_audio
    assert CallConfig().applied(container) is container


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = (
    *("voice", "language", "welcome_message", "model", "max_tokens", "tools"),
    *("transcription_keywords", "transfer_to", "metadata", "record", "system"),
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_answer_gives_a_call_its_settings(answer: dict[str, object]) -> None:
    config, faults = read_call_config(answer, OPENAI)
    assert isinstance(config.applied(OPENAI), Settings)
    assert all(fault.isprintable() for fault in faults)
