"""``OpenAI-Safety-Identifier``: what a model's endpoint is told of who calls."""

import hashlib
import hmac
from urllib.parse import quote

import pytest

from tests.peers.core import calling
from tests.peers.model import ScriptedModel, scripted_model

from .kit import goes_on
from .service import KEY, Service, serving

NAME = "openai-safety-identifier"
NUMBER = "+44 20 7946 0958"


async def told(model: ScriptedModel, service: Service, query: str) -> dict[str, str]:
    """What the handshake of one call carried."""
    async with calling(f"{service.url}/{query}") as core:
        await core.init("call-1")
        session = await model.next_session()
        await session.expect("response.create")
        await goes_on(core, session)
        await core.hang_up()
    return dict(session.headers)


def of(number: str) -> str:
    return f"?from={quote(number)}&to=100"


async def test_a_number_has_one_identifier_and_is_not_to_be_read_from_it() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, OPENAI_SAFETY_ID="on") as service,
    ):
        first = await told(model, service, of(NUMBER))
        again = await told(model, service, of('"Ann" <+442079460958>'))
        uri = await told(model, service, of("sip:+442079460958@192.0.2.7"))
        other = await told(model, service, of("+442079460959"))
        digest = hmac.new(KEY.encode(), b"442079460958", hashlib.sha256).hexdigest()
        assert first[NAME] == again[NAME] == uri[NAME] == digest[:32]
        assert other[NAME] not in {first[NAME], ""}
        unkeyed = hashlib.sha256(b"442079460958").hexdigest()
        assert first[NAME] not in unkeyed
    for headers in (first, again):
        carried = " ".join(headers.values())
        assert "7946" not in carried
        assert "0958" not in carried


@pytest.mark.parametrize(
    "query", ["", "?from=", "?from=anonymous", "?to=100", of("sip:anonymous@invalid")]
)
async def test_without_a_number_there_is_none(query: str) -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, OPENAI_SAFETY_ID="on") as service,
    ):
        assert NAME not in await told(model, service, query)


async def test_nobody_is_told_unless_it_is_asked_for() -> None:
    async with scripted_model() as model, serving(model.base_url) as service:
        assert NAME not in await told(model, service, of(NUMBER))


async def test_another_session_of_a_call_has_the_same_one() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url, OPENAI_SAFETY_ID="on") as service,
        calling(f"{service.url}/{of(NUMBER)}") as core,
    ):
        await core.init("call-1")
        first = await model.next_session()
        await first.expect("response.create")
        await goes_on(core, first)
        await first.abort()
        second = await model.next_session()
        assert second.headers[NAME] == first.headers[NAME]
