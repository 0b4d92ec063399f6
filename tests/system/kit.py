"""What tests of the whole service share: a call that is up, a log, an HTTP service."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import trio
from attrs import define, field, frozen
from structlog.testing import capture_logs

from tests.peers.core import FakeCore, calling
from tests.peers.model import (
    ScriptedModel,
    ScriptedSession,
    scripted_model,
)

from .service import Service, serving

Line = Mapping[str, Any]


@frozen
class Talk:
    """A call whose greeting was asked for, and everybody in it."""

    core: FakeCore
    session: ScriptedSession
    service: Service
    model: ScriptedModel


@asynccontextmanager
async def talking(
    query: str = "", *, judged: bool = True, **environ: str
) -> AsyncGenerator[Talk]:
    """Hold one call; what the model sends and gets is judged if ``judged``."""
    async with (
        scripted_model(judged=judged) as model,
        serving(model.base_url, **environ) as service,
        calling(f"{service.url}/{query}") as core,
    ):
        await core.init("call-1")
        session = await model.next_session()
        await session.expect("response.create")
        yield Talk(core, session, service, model)


async def still_goes_on(talk: Talk) -> None:
    """Fail unless the caller still hears the model, and the model the caller."""
    heard = len(talk.session.audio)
    await talk.core.say(bytes(3200))
    await talk.session.heard(heard + 3000)
    before = talk.core.audio_ms
    async with talk.session.response() as response:
        await response.say(bytes(4800))
    await talk.core.wait_audio(before + 100)
    assert talk.core.close_code is None


@contextmanager
def log() -> Iterator[list[Line]]:
    """Keep the log's lines, and see that none of them is about a crash."""
    with capture_logs() as lines:
        yield list[Line](lines) if False else lines  # type: ignore[misc]
    crashes = [line for line in lines if "exc_info" in line or "exception" in line]
    assert not crashes, crashes


def events(lines: Sequence[Line]) -> list[str]:
    return [line["event"] for line in lines]
