"""A faulty answer about one call costs that call the faulty field and nothing else."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.peers.core import calling
from tests.peers.model import Event, ScriptedModel, ScriptedSession, scripted_model

from .kit import goes_on, log, web
from .service import Service, serving
from .test_two_numbers import session_with

GOOD: dict[str, Any] = {
    "system": "You sell tyres to {{name}}.",
    "voice": "sage",
    "language": "it",
    "welcome_message": "Tyres!",
    "model": "house-model",
    "max_tokens": 500,
    "transcription_keywords": ["Pirelli"],
    "tools": ["avr_transfer"],
    "transfer_to": ["101"],
    "metadata": {"name": "Ann"},
    "record": False,
}
# What stands there instead, and what the call has then.
FAULTY: dict[str, tuple[object, tuple[object, ...]]] = {
    "voice": ("ash", ("", None, [], {}, "x" * 300, True)),
    "language": ("de", ("klingon", 7, ["it"], {}, True)),
    "welcome_message": ("Hi!", ([], {}, True, ["Tyres!"])),
    "model": ("gpt-realtime-2.1", ([], {}, True, "\n")),
    "max_tokens": (900, (0, -1, "many", 1.5, [], True, 10**9)),
    "transcription_keywords": (None, ({}, [], [{}], [None])),
    "tools": (2, ({}, [{}], ["a b"], True, [["avr_hangup"]])),
    "transfer_to": (None, ({}, [], ["1 2"], True, [None])),
    "metadata": ("{{name}}", ([], "x", {"name": {}}, 7)),
    "record": (True, ("no", 0, [], {})),
}
ENVIRON = {
    "OPENAI_VOICE": "ash",
    "OPENAI_LANGUAGE": "de",
    "OPENAI_WELCOME_MESSAGE": "Hi!",
    "OPENAI_MAX_TOKENS": "900",
    "OPENAI_TRANSCRIPTION_MODEL": "gpt-transcribe",
}


def seen(session: ScriptedSession, greeting: Event, kept: int) -> dict[str, object]:
    """The call as it was held, by the names of the answer."""
    asked = session.session
    words = asked["audio"]["input"]["transcription"]
    tools = {tool["name"]: tool for tool in asked["tools"]}
    extension = tools["avr_transfer"]["parameters"]["properties"]["transfer_extension"]
    return {
        "voice": asked["audio"]["output"]["voice"],
        "language": words["languages"][0],
        "welcome_message": greeting["response"]["instructions"].split("“")[1][:-1],
        "model": session.path.partition("=")[2],
        "max_tokens": asked["max_output_tokens"],
        "transcription_keywords": words.get("keywords"),
        "tools": len(tools),
        "transfer_to": extension.get("enum"),
        "metadata": asked["instructions"].removeprefix("You sell tyres to ")[:-1],
        "record": bool(kept),
    }


HELD: dict[str, object] = {
    **{name: value for name, value in GOOD.items() if name != "system"},
    "tools": 1,
    "metadata": "Ann",
}


async def test_field_by_field(tmp_path: Path) -> None:
    answer: dict[str, Any] = {}

    async def tell(stream: trio.SocketStream) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
        await stream.send_all(f"{head}Connection: close\r\n\r\n".encode() + body)

    environ = {**ENVIRON, "STS_TRANSCRIPT_DIR": str(tmp_path)}
    async with (
        web(tell) as server,
        scripted_model() as model,
        serving(
            model.base_url, OPENAI_URL_INSTRUCTIONS=server.url, **environ
        ) as service,
    ):
        cases: list[tuple[str, object, object]] = [("", None, None)]
        cases += [
            (name, instead, value)
            for name, (instead, values) in FAULTY.items()
            for value in values
        ]
        for number, (name, instead, value) in enumerate(cases):
            answer = {**GOOD, **({name: value} if name else {})}
            expected = {**HELD, **({name: instead} if name else {})}
            with log() as lines:
                held = await _held(model, service, f"call-{number}", tmp_path)
            told = [x for x in lines if x["event"] == "field of the call ignored"]
            # Nothing at all is no fault, and neither is a blank line.
            blank = value is None or (isinstance(value, str) and not value.strip())
            faulty = [] if not name or blank else [name]
            assert held == expected, (name, value)
            assert [line["problem"].split()[0] for line in told] == faulty


async def _held(
    model: ScriptedModel, service: Service, uuid: str, folder: Path
) -> dict[str, object]:
    kept = len(os.listdir(folder))
    async with calling(f"{service.url}/?from=2000") as core:
        await core.init(uuid)
        session = await model.next_connection()
        # One that was begun with another model before the answer came is left again.
        while not await _is_ready(session):
            session = await model.next_connection()
        greeting = await session.expect("response.create")
        await goes_on(core, session)
        await core.hang_up()
    return seen(session, greeting, len(os.listdir(folder)) - kept)


async def _is_ready(session: ScriptedSession) -> bool:
    """Whether a session is set up, and not closed before that."""
    async with trio.open_nursery() as either:

        async def end_with(event: trio.Event) -> None:
            await event.wait()
            either.cancel_scope.cancel(reason="it is known")

        either.start_soon(end_with, session.ready)
        either.start_soon(end_with, session.closed)
    return session.ready.is_set()


REFUSALS: Mapping[str, tuple[str, object]] = {
    "voice": ("session.audio.output.voice", "ash"),
    "max_tokens": ("session.max_output_tokens", 900),
    "language": ("session.audio.input.transcription.languages[0]", "de"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_what_only_the_endpoint_knows_to_be_wrong(name: str) -> None:
    param, instead = REFUSALS[name]
    config = {key: value for key, value in GOOD.items() if key != "model"}

    async def script(session: ScriptedSession) -> None:
        await session.create()
        while True:
            await session.expect("session.update")
            if seen(session, GREETING, 0)[name] == instead:
                await session.update()
                return
            await session.error("invalid_value", "Not here.", param=param)

    async with (
        scripted_model(script) as model,
        serving(model.base_url, **ENVIRON) as service,
    ):
        for call in range(2):
            async with calling(service.url) as core:
                await core.send(
                    {"type": "init", "uuid": f"call-{call}", "provider_config": config}
                )
                session = await model.next_session()
                greeting = await session.expect("response.create")
                await goes_on(core, session)
            expected = {**HELD, "model": "gpt-realtime-2.1", name: instead}
            assert seen(session, greeting, 0) == {**expected, "record": False}
            # The second call is not refused again.
            assert session.types.count("session.update") == 2 - call


GREETING: Event = {"response": {"instructions": "“Tyres!”"}}


@pytest.mark.parametrize("how", ["event", "close", "http", "update"])
async def test_a_model_that_is_not_to_be_had_is_the_container_s(how: str) -> None:
    async def script(session: ScriptedSession) -> None:
        if not session.path.endswith("=house-model"):
            await session.set_up()
        elif how == "event":
            await session.error("model_not_found", "There is none.")
            await session.close(1000)
        elif how == "close":
            await session.close(4000, "unknown model")
        else:
            await session.create()
            await session.expect("session.update")
            await session.error("model_not_found", param="session.model")

    refuse = [404] if how == "http" else []
    with log() as lines:
        async with (
            scripted_model(script, refuse=refuse) as model,
            serving(model.base_url, **ENVIRON) as service,
            calling(service.url) as core,
        ):
            await core.send({"type": "init", "uuid": "call", "provider_config": GOOD})
            session = await session_with(model, "gpt-realtime-2.1")
            greeting = await session.expect("response.create")
            await goes_on(core, session)
            await core.hang_up()
            expected = {**HELD, "model": "gpt-realtime-2.1", "record": False}
            assert seen(session, greeting, 0) == expected
            # Both connections of the call, and no other.
            assert model.knocks == 2
    assert [x for x in lines if x["event"] == "model of the call ignored"]
