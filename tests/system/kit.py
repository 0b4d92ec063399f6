"""What tests of the whole service share: a call that is up, a log, a web service."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial

import structlog
import trio
from attrs import define, field, frozen
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.peers.core import FakeCore, calling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model

from .service import Service, serving

_MS_PCM = 48


@frozen
class Talk:
    """A call whose greeting was asked for, and everybody in it."""

    core: FakeCore
    session: ScriptedSession
    service: Service
    model: ScriptedModel


@asynccontextmanager
async def talking(query: str = "", **environ: str) -> AsyncGenerator[Talk]:
    """Hold one call, from its greeting on."""
    async with (
        scripted_model() as model,
        serving(model.base_url, **environ) as service,
        calling(f"{service.url}/{query}") as core,
    ):
        await core.init("call-1")
        session = await model.next_session()
        await session.expect("response.create")
        yield Talk(core, session, service, model)


async def goes_on(core: FakeCore, session: ScriptedSession) -> None:
    """Fail unless the model still hears the caller, and the caller the model."""
    heard = len(session.audio)
    await core.say(bytes(3200))
    await session.heard(heard + 190 * _MS_PCM)
    before = core.audio_ms
    async with session.response() as response:
        await response.say(bytes(100 * _MS_PCM))
    await core.wait_audio(before + 100)


class Crashed(AssertionError):
    """The log tells of a crash."""


@contextmanager
def log() -> Generator[list[EventDict]]:
    """The log's lines; none of them may be about a crash."""
    with capture_logs(processors=[structlog.processors.format_exc_info]) as lines:
        yield lines
    crashes = [line for line in lines if "exception" in line]
    if crashes:
        raise Crashed(crashes)


@define(eq=False)
class Web:
    """A web server that answers every request in the same way.

    Attributes:
        url: Of its root, without the slash at the end.
        requests: The head and body of each, as they came.
    """

    url: str = ""
    requests: list[bytes] = field(factory=list[bytes])


Answer = Callable[[trio.SocketStream], Awaitable[None]]


def with_status(status: int, body: bytes = b"") -> Answer:
    """Answer with a status and a JSON body."""

    async def answer(stream: trio.SocketStream) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n"
        kind = "Content-Type: application/json\r\nConnection: close\r\n\r\n"
        await stream.send_all((head + kind).encode() + body)

    # What pytest calls the test that it is a parameter of.
    answer.__name__ = f"{status} {body[:20].decode(errors='replace')}"
    return answer


@asynccontextmanager
async def web(answer: Answer) -> AsyncGenerator[Web]:
    """Serve HTTP on the loopback, one request per connection."""
    server = Web()

    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            with suppress(trio.BrokenResourceError):
                server.requests.append(bytes(await stream.receive_some()))
                await answer(stream)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        )
        server.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield server
        nursery.cancel_scope.cancel(reason="the test is over")
