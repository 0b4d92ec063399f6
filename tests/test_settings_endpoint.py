"""Settings: the endpoint, what it may be sent, and models that retire."""

import pytest
from attrs import evolve

from trio_sts.settings import (
    Settings,
    auth_header,
    endpoint_url,
    is_azure,
    is_openai,
    load,
    reasoning_sent,
    retirements,
    temperature_sent,
    transcriber,
    transcriber_fallback,
)
from trio_sts.wire.realtime.session import Dialect

OPENAI = Settings(api_key="key")
AZURE = evolve(OPENAI, base_url="https://acme.openai.azure.com/openai/v1")
LOCAL = evolve(OPENAI, base_url="ws://localai:8080/v1")


def serving(**environ: str) -> tuple[Settings, tuple[str, ...]]:
    return load({"OPENAI_API_KEY": "key", **environ}, None, strict=False)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=m"),
        ("https://api.openai.com/v1/", "wss://api.openai.com/v1/realtime?model=m"),
        ("http://localhost:8080", "ws://localhost:8080/realtime?model=m"),
        ("ws://[::1]:8765/v1", "ws://[::1]:8765/v1/realtime?model=m"),
        ("WSS://host/v1/realtime", "wss://host/v1/realtime?model=m"),
        ("wss://host/v1?a=1&b=%20", "wss://host/v1/realtime?a=1&b=%20&model=m"),
        ("wss://host/v1?model=own", "wss://host/v1/realtime?model=own"),
        ("https://user:word@host/v1#part", "wss://host/v1/realtime?model=m"),
        *[
            (
                f"https://a.openai.azure.com{path}",
                "wss://a.openai.azure.com/openai/v1/realtime?model=m",
            )
            for path in ("", "/", "/openai", "/openai/v1", "/openai/v1/realtime")
        ],
    ],
)
def test_the_url_is_the_base_with_realtime_and_the_model(base: str, url: str) -> None:
    assert endpoint_url(evolve(OPENAI, base_url=base, model="m")) == url


def test_the_name_of_the_model_is_quoted() -> None:
    url = endpoint_url(evolve(LOCAL, model="org/my model&x=é"))
    assert url.endswith("/realtime?model=org%2Fmy%20model%26x%3D%C3%A9")


@pytest.mark.parametrize(
    ("base", "openai", "azure"),
    [
        ("https://api.openai.com/v1", True, False),
        ("https://API.OpenAI.com./v1", True, False),
        ("wss://eu.api.openai.com/v1", True, False),
        ("https://notapi.openai.com.example/v1", False, False),
        ("https://xapi.openai.com/v1", False, False),
        ("https://acme.openai.azure.com/openai/v1", False, True),
        ("https://azure.com.example/", False, False),
    ],
)
def test_the_host_says_whose_endpoint_it_is(
    base: str, openai: bool, azure: bool
) -> None:
    settings = evolve(OPENAI, base_url=base)
    assert (is_openai(settings), is_azure(settings)) == (openai, azure)


@pytest.mark.parametrize(
    ("settings", "chosen", "asked", "fallback"),
    [
        (OPENAI, "auto", "gpt-transcribe", "whisper-1"),
        (AZURE, "auto", "whisper-1", None),
        (LOCAL, "auto", "whisper-1", None),
        (evolve(OPENAI, embedded=True), "auto", "whisper-1", None),
        (OPENAI, "gpt-transcribe", "gpt-transcribe", None),
        (OPENAI, "whisper-1", "whisper-1", None),
        (OPENAI, None, None, None),
    ],
)
def test_the_default_transcription_model_is_the_endpoint_s(
    settings: Settings, chosen: str | None, asked: str | None, fallback: str | None
) -> None:
    settings = evolve(settings, transcription_model=chosen)
    assert transcriber(settings) == asked
    assert transcriber_fallback(settings) == fallback


def test_azure_gets_its_own_header() -> None:
    assert auth_header(OPENAI) == ("Authorization", "Bearer key")
    assert auth_header(AZURE) == ("api-key", "key")
    assert auth_header(evolve(OPENAI, api_key=None)) is None


@pytest.mark.parametrize(
    ("settings", "chosen", "sent"),
    [
        (OPENAI, 0.9, None),
        (AZURE, 0.9, None),
        (LOCAL, None, None),
        (LOCAL, 0.1, 0.1),
        (evolve(OPENAI, embedded=True), 0.9, 0.9),
        (evolve(LOCAL, realtime_api=Dialect.BETA), None, 0.8),
        (evolve(LOCAL, realtime_api=Dialect.BETA), 0.1, 0.6),
        (evolve(OPENAI, realtime_api=Dialect.BETA), 1.2, 1.2),
    ],
)
def test_temperature_is_sent_where_it_exists(
    settings: Settings, chosen: float | None, sent: float | None
) -> None:
    assert temperature_sent(evolve(settings, temperature=chosen)) == sent


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gpt-realtime-2", "low"),
        ("gpt-realtime-2.1", "low"),
        ("gpt-realtime-2.1-mini", "low"),
        ("gpt-realtime-2-2026-05-07", "low"),
        ("gpt-realtime", None),
        ("gpt-realtime-1.5", None),
        ("gpt-realtime-2025-08-28", None),
        ("my-deployment", None),
    ],
)
def test_reasoning_is_for_the_models_that_know_it(model: str, sent: str | None) -> None:
    assert reasoning_sent(evolve(OPENAI, model=model)) == sent


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("gpt-4o-realtime-preview", "gpt-realtime-2.1"),
        ("gpt-4o-realtime-preview-2024-12-17", "gpt-realtime-2.1"),
        ("GPT-4o-mini-realtime-preview", "gpt-realtime-2.1-mini"),
        ("gpt-4o-mini-realtime-preview-2024-12-17", "gpt-realtime-2.1-mini"),
    ],
)
def test_a_retired_name_is_mapped_at_openai_alone(name: str, now: str) -> None:
    settings, warnings = serving(OPENAI_MODEL=name)
    assert settings.model == now
    assert warnings == (f"OPENAI_MODEL='{name}' is retired; {now} is used",)
    for elsewhere in (
        {"OPENAI_BASE_URL": "https://acme.openai.azure.com/openai/v1"},
        {"STS_EMBEDDED": "on"},
    ):
        settings, warnings = serving(OPENAI_MODEL=name, **elsewhere)
        assert (settings.model, warnings) == (name, ())


def test_another_name_passes_unchanged() -> None:
    for name in (
        "gpt-realtime",
        "gpt-4o-realtime-previews",
        "x-gpt-4o-realtime-preview",
    ):
        assert serving(OPENAI_MODEL=name)[0].model == name


def test_models_that_will_be_shut_down_are_named_with_their_date() -> None:
    old = evolve(OPENAI, model="gpt-realtime-mini", transcription_model="whisper-1")
    model, words = retirements(old)
    assert "gpt-realtime-mini shuts down on 2027-01-20" in model
    assert model.endswith("use gpt-realtime-2.1-mini")
    assert "whisper-1 shuts down on 2027-02-26" in words
    assert words.endswith("use gpt-transcribe")
    assert retirements(evolve(OPENAI, transcription_model=None)) == ()
    assert retirements(evolve(old, base_url=AZURE.base_url)) == ()
