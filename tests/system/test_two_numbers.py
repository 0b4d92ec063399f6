"""Two numbers on one container, told apart by the instructions service."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model

from .kit import goes_on, log, web
from .service import serving

ANSWERS: dict[bytes, dict[str, Any]] = {
    b"to=100": {
        "system": "You sell tyres to {{caller}}.",
        "voice": "sage",
        "welcome_message": "Tyres, hello {{name}}!",
        "language": "it",
        "max_tokens": 500,
        "tools": ["avr_transfer"],
        "transfer_to": ["101", "102"],
        "record": False,
        "metadata": {"name": "Ann"},
    },
    b"to=200": {
        "system": "You book tables.",
        "voice": ["no voice"],
        "model": "house-model",
        "language": "klingon",
        "transfer_to": [],
        "max_tokens": 0,
    },
}


async def answer(stream: trio.SocketStream, request: bytes) -> None:
    told = next(each for key, each in ANSWERS.items() if key in request)
    body = json.dumps(told).encode()
    head = f"HTTP/1.1 201 Created\r\nContent-Length: {len(body)}\r\n"
    await stream.send_all(f"{head}Connection: close\r\n\r\n".encode() + body)


async def greeted(
    core: FakeCore, session: ScriptedSession, words: str = ""
) -> dict[str, Any]:
    """The session that a call asked for, once it has greeted so and talks."""
    asked = await session.expect("response.create")
    told = asked.get("response", {}).get("instructions", "")
    assert words in told if words else not told
    await goes_on(core, session)
    return session.session


async def session_with(model: ScriptedModel, name: str) -> ScriptedSession:
    """The session of this model; one that was begun with another one is over."""
    while True:
        connection = await model.next_connection()
        if connection.path.endswith(f"?model={name}"):
            with trio.fail_after(5):
                await connection.ready.wait()
            return connection


async def test_each_number_has_a_call_of_its_own(tmp_path: Path) -> None:
    async def tell(stream: trio.SocketStream) -> None:
        await answer(stream, server.requests[-1])

    async with web(tell) as server, scripted_model() as model:
        environ = {
            "OPENAI_URL_INSTRUCTIONS": server.url,
            "STS_TRANSCRIPT_DIR": str(tmp_path),
            "OPENAI_VOICE": "ash",
            "OPENAI_WELCOME_MESSAGE": "Welcome!",
        }
        with log() as lines:
            async with serving(model.base_url, **environ) as service:
                async with calling(f"{service.url}/?from=2000&to=100") as core:
                    await core.init("call-1")
                    session = await model.next_session()
                    tyres = await greeted(core, session, "“Tyres, hello Ann!”")
                    assert os.listdir(tmp_path) == []
                async with calling(f"{service.url}/?to=200") as core:
                    await core.init("call-2")
                    # The container's model is left for the call's own.
                    own = await session_with(model, "house-model")
                    tables = await greeted(core, own, "“Welcome!”")
                    (kept,) = os.listdir(tmp_path)
                    assert "call-2" in kept

    assert tyres["instructions"] == "You sell tyres to 2000."
    assert tyres["audio"]["output"]["voice"] == "sage"
    assert tyres["audio"]["input"]["transcription"]["language"] == "it"
    assert tyres["max_output_tokens"] == 500
    (tool,) = tyres["tools"]
    assert tool["name"] == "avr_transfer"
    extension = tool["parameters"]["properties"]["transfer_extension"]
    assert extension["enum"] == ["101", "102"]

    assert tables["instructions"] == "You book tables."
    assert tables["audio"]["output"]["voice"] == "ash"
    assert tables["max_output_tokens"] == "inf"
    assert len(tables["tools"]) == 2
    ignored = [
        line["problem"].split()[0]
        for line in lines
        if line["event"] == "field of the call ignored"
    ]
    assert sorted(ignored) == ["language", "max_tokens", "transfer_to", "voice"]


@pytest.mark.parametrize("known", [True, False])
async def test_avr_core_may_say_what_holds_for_a_call(known: bool) -> None:
    config = {"system": "From AVR Core.", "voice": "echo"}
    async with (
        scripted_model() as model,
        serving(model.base_url) as service,
        calling(service.url) as core,
    ):
        message = {"type": "init", "uuid": "call-1" if known else "no/uuid"}
        await core.send({**message, "provider_config": config})
        session = await model.next_session()
        asked = await greeted(core, session)
    assert asked["instructions"] == "From AVR Core."
    assert asked["audio"]["output"]["voice"] == "echo"
