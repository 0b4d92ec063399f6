"""A default transcription model that fails in the first turns of a call."""

from typing import Any

import pytest
from attrs import evolve

from tests.peers.core import calling
from tests.peers.model import scripted_model
from tests.system.kit import goes_on
from tests.system.service import serving
from trio_sts.brief import Brief, brief
from trio_sts.instructions import Resolved
from trio_sts.legs.endpoint import Endpoint
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.settings import CallConfig, Settings
from trio_sts.tools.registry import Registry
from trio_sts.transcribing import Transcribing
from trio_sts.wire.realtime.session import Dialect

OPENAI = Endpoint("wss://api.openai.com/v1/realtime?model=m")


def briefed(endpoint: Endpoint = OPENAI, **changed: Any) -> Brief:
    settings = Settings(api_key="key", **changed)
    return brief(settings, endpoint, Registry([]), Resolved("Be kind.", "default"))


def model_of(part: dict[str, Any] | None) -> str | None:
    assert part is not None
    asked: dict[str, Any] | None = part["audio"]["input"]["transcription"]
    return None if asked is None else asked["model"]


def test_the_next_model_is_asked_for_and_then_none() -> None:
    fields = RefusedFields()
    call = Transcribing()
    assert model_of(call.after_failure(briefed(), fields, 1)) == "whisper-1"
    # A second failure of the same turn is the first model's.
    assert call.after_failure(briefed(), fields, 1) is None
    assert model_of(call.after_failure(briefed(), fields, 2)) is None
    assert Transcribing().after_failure(briefed(), fields, 1) is None


def test_the_process_remembers_it_for_its_other_calls() -> None:
    fields = RefusedFields()
    Transcribing().after_failure(briefed(), fields, 1)
    assert model_of(Transcribing().after_failure(briefed(), fields, 1)) is None


def test_a_failure_later_in_a_call_changes_nothing() -> None:
    assert Transcribing().after_failure(briefed(), RefusedFields(), 3) is None


def test_the_operator_s_own_choice_stays() -> None:
    own = briefed(transcription_model="gpt-transcribe")
    assert Transcribing().after_failure(own, RefusedFields(), 1) is None


@pytest.mark.parametrize("model", [None, "gpt-transcribe"])
def test_what_the_call_says_of_its_words_gives_way_first(model: str | None) -> None:
    settings = Settings(api_key="key", language="de")
    if model is not None:
        settings = evolve(settings, transcription_model=model)
    config = CallConfig(language="ay", transcription_keywords=("Acme",))
    told = Resolved("Be kind.", "service", config=config)
    own = brief(settings, OPENAI, Registry([]), told)
    fields, call = RefusedFields(), Transcribing()
    part = call.after_failure(own, fields, 1)
    assert part is not None
    asked = part["audio"]["input"]["transcription"]
    assert asked == {"model": "gpt-transcribe", "languages": ["de"]}
    # No other call has lost anything by it.
    assert not fields.known(OPENAI)
    if model is None:
        assert model_of(call.after_failure(own, fields, 2)) == "whisper-1"
        assert model_of(call.after_failure(own, fields, 3)) is None
    assert call.after_failure(own, fields, 4) is None


def test_the_beta_dialect_has_its_own_form() -> None:
    endpoint = evolve(OPENAI, dialect=Dialect.BETA)
    part = Transcribing().after_failure(briefed(endpoint), RefusedFields(), 1)
    assert part == {"input_audio_transcription": {"model": "whisper-1"}}


async def test_a_deployment_that_is_missing_turns_transcripts_off() -> None:
    async with (
        scripted_model() as model,
        serving(model.base_url) as service,
        calling(service.url) as core,
    ):
        await core.init()
        session = await model.next_session()
        await session.expect("response.create")
        words = session.session["audio"]["input"]["transcription"]
        assert words == {"model": "whisper-1"}
        await session.send(
            "conversation.item.input_audio_transcription.failed",
            item_id="item_1",
            content_index=0,
            error={"code": "DeploymentNotFound", "message": "No such deployment."},
        )
        update = await session.expect("session.update")
        assert update["session"]["audio"]["input"]["transcription"] is None
        await goes_on(core, session)
