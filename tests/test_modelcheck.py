"""Asking the model's endpoint whether it takes the key."""

import json
import ssl

import pytest
import trio
import trustme
from attrs import evolve

from tests.system.kit import web, with_status
from trio_sts.modelcheck import ask_endpoint, models_url
from trio_sts.settings import Settings

SETTINGS = Settings(api_key="sk-check-0123456789")


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/models"),
        ("wss://host/v1/realtime", "https://host/v1/models"),
        ("ws://host:8080/v1?x=1&model=m", "http://host:8080/v1/models?x=1"),
        ("https://a.openai.azure.com", "https://a.openai.azure.com/openai/v1/models"),
    ],
)
def test_the_list_of_models_is_beside_the_realtime_address(base: str, url: str) -> None:
    assert models_url(evolve(SETTINGS, base_url=base)) == url


@pytest.mark.parametrize(
    ("status", "body", "level", "told"),
    [
        (200, b'{"data": [{"id": "gpt-realtime-2.1"}]}', "ok", "takes the key"),
        (200, b'{"data": [{"id": "other"}]}', "ok", "takes the key"),
        (200, b"no JSON", "ok", "takes the key"),
        (401, b"", "warning", "refuses the key (status 401)"),
        (403, b"", "warning", "refuses the key (status 403)"),
        (404, b"", "note", "lists no models (status 404)"),
        (500, b"", "note", "lists no models (status 500)"),
    ],
)
async def test_an_endpoint_s_answer_is_judged(
    status: int, body: bytes, level: str, told: str
) -> None:
    async with web(with_status(status, body)) as server:
        verdict = await ask_endpoint(evolve(SETTINGS, base_url=f"{server.url}/v1"))
    assert verdict.level == level
    assert told in verdict.told
    (request,) = server.requests
    assert request.startswith(b"GET /v1/models HTTP/1.1")
    assert b"Bearer sk-check-0123456789" in request


async def test_an_endpoint_that_is_away_is_told() -> None:
    async with web(with_status(200)) as server:
        pass
    verdict = await ask_endpoint(evolve(SETTINGS, base_url=server.url))
    assert (verdict.level, verdict.told) == (
        "warning",
        "the endpoint cannot be reached",
    )


async def test_an_endpoint_has_three_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    autojump_clock.autojump_threshold = 0.05

    async def silent(_: trio.SocketStream) -> None:
        await trio.sleep(60)

    async with web(silent) as server:
        verdict = await ask_endpoint(evolve(SETTINGS, base_url=server.url))
    assert verdict.told == "the endpoint did not answer within 3 s"


async def test_a_certificate_that_is_not_trusted_is_told() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]

    async def tls(stream: trio.SocketStream) -> None:
        with pytest.raises((trio.BrokenResourceError, ssl.SSLError)):
            await trio.SSLStream(stream, context, server_side=True).do_handshake()

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, tls, listeners)
        port = listeners[0].socket.getsockname()[1]
        base = f"https://127.0.0.1:{port}/v1"
        verdict = await ask_endpoint(evolve(SETTINGS, base_url=base))
        nursery.cancel_scope.cancel(reason="the test is over")
    assert "is not trusted" in verdict.told


async def test_a_model_that_the_key_may_not_use_is_told_at_openai(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = json.dumps({"data": [{"id": "gpt-realtime-2.1"}]}).encode()
    async with web(with_status(200, answer)) as server:
        monkeypatch.setattr("trio_sts.modelcheck.is_openai", bool)
        settings = evolve(SETTINGS, base_url=server.url, model="gpt-realtime-9")
        verdict = await ask_endpoint(settings)
    assert verdict.told == "the key is taken, but may not use gpt-realtime-9"
