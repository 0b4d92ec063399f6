"""A Realtime endpoint for tests: real sockets, another WebSocket library, a script.

::

    async with scripted_model() as model:             # model.url, model.base_url
        ...                                           # the code under test dials
        session = await model.next_session()          # set up by itself
        await session.expect("response.create")
        async with session.response() as response:    # response.created … done
            await response.say(pcm, "Good morning.")
        item_id = await session.speech(transcript="Hello.")
        async with session.response() as response:
            call_id = await response.call("avr_hangup", "{}")
        output = await session.expect("conversation.item.create")

Every event that it gets or sends is judged by OpenAI's types; faults and errors of a
script are raised when the ``async with`` block ends.
"""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import trio
from attrs import define, field
from websockets.http11 import Request, Response
from websockets.trio.server import Server, ServerConnection, serve

from .model_session import (
    MODEL,
    Event,
    Gone,
    Missed,
    ScriptedResponse,
    ScriptedSession,
)

__all__ = [
    "MODEL",
    "Event",
    "Gone",
    "Missed",
    "Script",
    "ScriptedModel",
    "ScriptedResponse",
    "ScriptedSession",
    "agree",
    "scripted_model",
]

Script = Callable[[ScriptedSession], Awaitable[None]]


@define(eq=False)
class ScriptedModel:
    """The endpoint: where it is, and who has come.

    Attributes:
        url: What a client dials.
        base_url: What an operator puts into ``OPENAI_BASE_URL``.
        sessions: All connections so far.
        knocks: How many upgrades were asked for, refused ones too.
    """

    url: str
    base_url: str
    dialect: str
    judged: bool
    _script: Script
    _refuse: Iterator[int]
    _refusal: bytes
    sessions: list[ScriptedSession] = field(factory=list[ScriptedSession])
    knocks: int = 0
    faults: list[str] = field(factory=list[str])
    failures: list[Exception] = field(factory=list[Exception])
    _news: trio.Condition = field(factory=trio.Condition)
    _given: int = 0

    async def next_session(self, *, within_s: float = 5) -> ScriptedSession:
        """The next connection that was not given out yet, once it is set up.

        With a script that does no set-up use `next_connection`.
        """
        session = await self.next_connection(within_s=within_s)
        with trio.fail_after(within_s):
            await session.ready.wait()
        return session

    async def next_connection(self, *, within_s: float = 5) -> ScriptedSession:
        """The next connection that was not given out yet, as soon as it is open."""
        index = self._given
        self._given += 1
        with trio.fail_after(within_s):
            async with self._news:
                while len(self.sessions) <= index:
                    await self._news.wait()
        return self.sessions[index]

    def greet(self, ws: ServerConnection, request: Request) -> Response | None:
        self.knocks += 1
        status = next(self._refuse, None)
        if status is None:
            return None
        response = ws.respond(HTTPStatus(status), "")
        del response.headers["Content-Length"]
        response.headers["Content-Length"] = str(len(self._refusal))
        response.body = self._refusal
        return response

    async def hold(self, ws: ServerConnection) -> None:
        assert ws.request is not None
        session = ScriptedSession(
            len(self.sessions),
            self.dialect,
            self.judged,
            ws,
            self.faults,
            path=ws.request.path,
            headers={
                name.lower(): text for name, text in ws.request.headers.raw_items()
            },
        )
        self.sessions.append(session)
        async with self._news:
            self._news.notify_all()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._play, session)
            await session.read()
            nursery.cancel_scope.cancel(reason="the connection is over")

    async def _play(self, session: ScriptedSession) -> None:
        try:
            await self._script(session)
        except Gone:
            pass
        except Exception as exc:  # noqa: BLE001  # raised where the test sees it
            self.failures.append(exc)


async def agree(session: ScriptedSession) -> None:
    """The script of an endpoint that agrees; the test drives the rest from outside."""
    await session.set_up()


@asynccontextmanager
async def scripted_model(
    script: Script = agree,
    *,
    dialect: str = "ga",
    tls: ssl.SSLContext | None = None,
    judged: bool = True,
    refuse: Iterable[int] = (),
    refusal: bytes = b"",
) -> AsyncGenerator[ScriptedModel, None]:
    """Serve a Realtime endpoint on a free port of the loopback.

    Args:
        script: What each connection does; it may end before the connection.
        dialect: ``ga`` or ``beta``: what it speaks, and what its client must speak.
        tls: Makes it ``wss``; its certificate must be for ``127.0.0.1``.
        judged: Whether what is sent and received is judged.
        refuse: The HTTP statuses that the first upgrades get.
        refusal: The body of a refused upgrade.
    """
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    # By number: a look-up takes a thread, and a fake clock does not wait for threads.
    where = f"127.0.0.1:{port}/v1"
    secure = "s" if tls else ""
    model = ScriptedModel(
        f"ws{secure}://{where}/realtime?model={MODEL}",
        f"http{secure}://{where}",
        dialect,
        judged,
        script,
        iter(refuse),
        refusal,
    )
    serving = partial(
        serve,
        model.hold,
        listeners=listeners,
        ssl=tls,
        compression=None,
        process_request=model.greet,
        ping_interval=None,
        close_timeout=1,
        max_size=None,
    )
    alone: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(serving)
            try:
                yield model
            finally:
                with trio.move_on_after(2, shield=True):
                    await server.aclose()
                nursery.cancel_scope.cancel(reason="the test is over")
    except BaseExceptionGroup as group:
        # A failure of the test reads better as it is.
        if len(group.exceptions) > 1:
            raise
        alone = next(iter(group.exceptions))
    if alone is not None:
        raise alone
    assert not model.failures, model.failures
    assert not model.faults, model.faults
