"""What one call has of its own, and an endpoint refuses, costs that call nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.paths import an_endpoint
from tests.peers.model import Event, Script, ScriptedSession
from trio_sts.errors import ModelRefused
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.wire.realtime.items import SessionInfo
from trio_sts.wire.realtime.session import Dialect, OptionalField, SessionConfig

from .test_setup import tried

CONTAINER: dict[str, Any] = {
    "voice": "ash",
    "language": "de",
    "max_tokens": 900,
    "transcription_keywords": ("Acme",),
}
OWN = SessionConfig(
    "Be brief.",
    voice="nobody",
    language="ay",
    max_tokens=1,
    transcription_keywords=("Umlaut",),
    transcription_lists=True,
    instead=CONTAINER,
)


def seen(session: Event) -> dict[str, Any]:
    """What was asked for, as the container and a call say it."""
    words = session["audio"]["input"]["transcription"]
    return {
        "voice": session["audio"]["output"]["voice"],
        "language": words["languages"][0],
        "max_tokens": session["max_output_tokens"],
        "transcription_keywords": tuple(words["keywords"]),
    }


def endpoint_of(session: ScriptedSession) -> Endpoint:
    """The one that a connection led to."""
    return an_endpoint(f"ws://{session.headers['host']}{session.path}")


CALL: dict[str, Any] = {name: getattr(OWN, name) for name in CONTAINER}
Refuse = Callable[[ScriptedSession, Event], Any]


def refusing(name: str, param: str | None, message: str) -> Script:
    """An endpoint that refuses what the call has of its own under this name."""

    async def script(session: ScriptedSession) -> None:
        await session.create()
        while True:
            update = await session.expect("session.update")
            if seen(update["session"])[name] == CONTAINER[name]:
                await session.update()
                return
            await session.error("invalid_value", message, param=param)

    return script


@pytest.mark.parametrize(
    ("name", "param", "message"),
    [
        ("voice", "session.audio.output.voice", "Invalid value."),
        ("voice", "voice", "Voice is not available."),
        ("voice", None, "Invalid value: 'nobody'. Supported values are: 'ash'."),
        ("voice", "session", "Unknown voice `nobody`"),
        ("voice", "session.audio.output", "Invalid."),
        ("max_tokens", "session.max_output_tokens", "Integer below minimum value."),
        ("max_tokens", "max_response_output_tokens", "Too small."),
        ("max_tokens", None, "Invalid 'session.max_output_tokens'."),
        ("language", "session.audio.input.transcription.language", "Unsupported."),
        ("language", "session.audio.input.transcription.languages[0]", "Unsupported."),
        ("language", None, "Language 'ay' is not supported."),
        ("transcription_keywords", "audio.input.transcription.keywords.0", "Banned."),
        ("transcription_keywords", None, 'The keyword "Umlaut" is not allowed.'),
    ],
)
async def test_the_field_gives_way_to_the_container_s(
    name: str, param: str | None, message: str
) -> None:
    fields = RefusedFields()
    info, (session,) = await tried(refusing(name, param, message), OWN, fields)
    assert isinstance(info, SessionInfo)
    assert session.types == ["session.update"] * 2
    assert seen(session.session) == {**CALL, name: CONTAINER[name]}


async def test_nothing_is_learned_of_it_but_that_value() -> None:
    script = refusing("voice", "session.audio.output.voice", "Invalid value.")
    fields = RefusedFields()
    _, (session,) = await tried(script, OWN, fields)
    assert fields.known_own(endpoint_of(session), OWN) == ("voice",)
    assert not fields.known(endpoint_of(session))


@pytest.mark.parametrize("message", ["Bad request.", "Something is wrong with 'x'."])
async def test_where_nothing_says_what_is_wrong_all_of_it_gives_way(
    message: str,
) -> None:
    info, (session,) = await tried(refusing("voice", None, message), OWN)
    assert isinstance(info, SessionInfo)
    assert session.types == ["session.update"] * 2
    assert seen(session.session) == CONTAINER


async def test_a_fault_of_the_object_costs_no_other_call_its_transcripts() -> None:
    param = "session.audio.input.transcription"
    fields = RefusedFields()
    info, (session,) = await tried(refusing("language", param, "Invalid."), OWN, fields)
    assert isinstance(info, SessionInfo)
    assert session.types == ["session.update"] * 2
    assert not fields.known(endpoint_of(session))


@pytest.mark.parametrize(("code", "connections"), [(4000, 2), (1008, 3), (1011, 3)])
async def test_an_endpoint_may_close_instead_of_saying_so(
    code: int, connections: int
) -> None:
    async def script(session: ScriptedSession) -> None:
        await session.create()
        update = await session.expect("session.update")
        if seen(update["session"])["voice"] == "nobody":
            await session.close(code, "unknown voice")
        else:
            await session.update()

    info, sessions = await tried(script, OWN)
    assert isinstance(info, SessionInfo)
    assert len(sessions) == connections


async def test_what_the_container_has_may_be_refused_as_well() -> None:
    async def script(session: ScriptedSession) -> None:
        await session.create()
        while True:
            update = await session.expect("session.update")
            if "max_output_tokens" not in update["session"]:
                await session.update()
                return
            await session.error("invalid_value", param="session.max_output_tokens")

    fields = RefusedFields()
    info, (session,) = await tried(script, OWN, fields)
    assert isinstance(info, SessionInfo)
    assert session.types == ["session.update"] * 3
    refused = fields.known(endpoint_of(session))
    assert refused == {OptionalField.MAX_OUTPUT_TOKENS}


async def test_a_refused_key_is_not_tried_with_less() -> None:
    async def script(session: ScriptedSession) -> None:
        await session.create()
        await session.expect("session.update")
        await session.error("invalid_api_key")

    failure, (session,) = await tried(script, OWN)
    assert isinstance(failure, ModelRefused)
    assert session.types == ["session.update"]


async def test_the_beta_dialect_knows_the_same() -> None:
    async def script(session: ScriptedSession) -> None:
        await session.create()
        while True:
            update = await session.expect("session.update")
            if update["session"]["voice"] == "ash":
                await session.update()
                return
            await session.error("invalid_value", param="session.voice")

    info, (session,) = await tried(script, OWN, dialect=Dialect.BETA)
    assert isinstance(info, SessionInfo)
    assert session.types == ["session.update"] * 2
