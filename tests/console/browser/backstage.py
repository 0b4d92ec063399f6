"""Peers on Trio beside a browser that is driven step by step: they have a thread of their own."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import trio
from attrs import frozen

from tests.peers.core import calling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model


@frozen
class Backstage:
    """Where peers run until the block ends."""

    nursery: trio.Nursery
    token: trio.lowlevel.TrioToken

    def start(self, task: Callable[..., Awaitable[None]], *arguments: object) -> Any:
        """Start a peer; what it says when it is ready."""
        return trio.from_thread.run(
            self.nursery.start, task, *arguments, trio_token=self.token
        )

    def run(self, step: Callable[..., Awaitable[Any]], *arguments: object) -> Any:
        """Let a peer do something, and wait for it."""
        return trio.from_thread.run(step, *arguments, trio_token=self.token)


@contextmanager
def backstage() -> Iterator[Backstage]:
    """Open a thread with a nursery; leaving cancels what still runs in it."""
    ready: SimpleQueue[Backstage | None] = SimpleQueue()
    crashed: list[BaseException] = []

    async def host() -> None:
        async with trio.open_nursery() as nursery:
            ready.put(Backstage(nursery, trio.lowlevel.current_trio_token()))
            await trio.sleep_forever()

    def thread() -> None:
        try:
            trio.run(host)
        except BaseException as exc:  # noqa: BLE001 (it is raised by who opened this)
            crashed.append(exc)
            ready.put(None)

    worker = threading.Thread(target=thread)
    worker.start()
    stage = ready.get()
    assert stage is not None
    try:
        yield stage
    finally:
        stage.token.run_sync_soon(stage.nursery.cancel_scope.cancel)
        worker.join(20)
    assert not crashed, crashed


async def a_model(*, task_status: trio.TaskStatus[ScriptedModel]) -> None:
    """An endpoint; what its sessions do is told to it."""
    async with scripted_model() as model:
        task_status.started(model)
        await trio.sleep_forever()


async def a_caller(
    url: str, uuid: str, *, task_status: trio.TaskStatus[object]
) -> None:
    """Somebody who stays on the line."""
    async with calling(url) as core:
        await core.init(uuid)
        task_status.started(core)
        await trio.sleep_forever()


async def says(session: ScriptedSession, audio: bytes, words: str) -> None:
    """The agent says something."""
    async with session.response() as response:
        await response.say(audio, words)


async def hears(session: ScriptedSession, words: str) -> None:
    """The caller has said something."""
    await session.speech(transcript=words)


async def calls(session: ScriptedSession, tool: str) -> None:
    """The model calls a tool."""
    async with session.response() as response:
        await response.call(tool)
