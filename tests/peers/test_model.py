"""The scripted endpoint is trusted by many tests: here it is tried by another client."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from .model import Gone, Missed, ScriptedModel, ScriptedSession, scripted_model


@asynccontextmanager
async def dialled(model: ScriptedModel) -> AsyncGenerator[WebSocketConnection, None]:
    url = urlsplit(model.url)
    stream = await trio.open_tcp_stream(url.hostname or "", url.port or 0)
    async with stream, trio.open_nursery() as nursery:
        target = f"{url.path}?{url.query}"
        ws = await wrap_client_stream(nursery, stream, url.netloc, target)
        yield ws
        await ws.aclose()


async def send(ws: WebSocketConnection, **event: Any) -> None:
    await ws.send_message(json.dumps(event))


async def until(ws: WebSocketConnection, kind: str) -> list[dict[str, Any]]:
    """Everything up to the first event of this type."""
    got: list[dict[str, Any]] = []
    while not got or got[-1]["type"] != kind:
        got.append(json.loads(await ws.get_message()))
    return got


def session_of(voice: str) -> dict[str, Any]:
    return {"type": "realtime", "audio": {"output": {"voice": voice}}}


async def test_it_agrees_answers_and_speaks_in_the_service_s_order() -> None:
    async with scripted_model() as model, dialled(model) as ws:
        await send(ws, type="session.update", session=session_of("alloy"))
        _, updated = await until(ws, "session.updated")
        session = await model.next_session()
        await send(ws, type="input_audio_buffer.append", audio="AAAA")
        await send(ws, type="conversation.item.delete", item_id="item_1")
        await session.expect("conversation.item.delete")
        async with session.response() as response:
            await response.say(bytes(30_000), "Hello.")
            await send(ws, type="response.cancel")
            await session.expect("response.cancel")
        got = await until(ws, "response.done")

        assert updated["session"]["audio"]["output"]["voice"] == "alloy"
        assert await session.heard(3) == bytes(3)
        assert session.appends == 1
        assert [event["type"] for event in got if "item_id" not in event] == [
            "response.created",
            "response.output_item.added",
            "conversation.item.added",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
        deltas = [event for event in got if event["type"].endswith("audio.delta")]
        assert len(deltas) == 3
        assert got[-1]["response"]["status"] == "cancelled"


async def test_what_openai_does_not_declare_fails_the_test() -> None:
    async def call() -> None:
        async with scripted_model() as model, dialled(model) as ws:
            update = session_of("alloy") | {"temperature": 0.8}
            await send(ws, type="session.update", session=update)
            await until(ws, "session.updated")

    with pytest.raises(AssertionError, match=r"session\.temperature is not declared"):
        await call()


async def test_a_script_that_fails_fails_the_test() -> None:
    async def script(session: ScriptedSession) -> None:
        await session.create()
        raise ZeroDivisionError

    async def call() -> None:
        async with scripted_model(script) as model, dialled(model) as ws:
            await until(ws, "session.created")

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        await call()


async def test_an_expectation_that_is_not_met_says_what_came_instead(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with scripted_model() as model:
        async with dialled(model) as ws:
            session = await model.next_connection()
            await send(ws, type="input_audio_buffer.commit")
            await session.expect("input_audio_buffer.commit")
            with pytest.raises(Missed, match="commit"):
                await session.expect("response.create")
        with pytest.raises(Gone, match="commit"):
            await session.expect("response.create")


async def test_beta_events_have_their_old_names() -> None:
    async with scripted_model(dialect="beta") as model:
        async with dialled(model) as ws:
            await send(ws, type="session.update", session={"voice": "alloy"})
            session = await model.next_session()
            async with session.response() as response:
                await response.say(bytes(480), "Hello.")
            got = await until(ws, "response.done")

        names = {event["type"] for event in got}
        assert "response.audio.delta" in names
        assert not any("output_audio" in name for name in names)


async def test_it_can_hang_up_without_a_word() -> None:
    async with scripted_model() as model, dialled(model) as ws:
        session = await model.next_connection()
        await until(ws, "session.created")
        await session.abort()

        with pytest.raises(ConnectionClosed) as caught:
            await ws.get_message()
        assert caught.value.reason is not None
        assert caught.value.reason.code == 1006
