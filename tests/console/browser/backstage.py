"""Peers on Trio beside a browser that is driven step by step: they have a thread of their own."""

from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, Final

import trio
from attrs import frozen

from tests.peers.core import calling
from tests.peers.model import ScriptedModel, ScriptedSession, scripted_model

_MOST_S: Final = 20


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
def backstage() -> Generator[Backstage]:
    """Open a thread with a nursery; leaving cancels what still runs in it."""
    ready: SimpleQueue[Backstage] = SimpleQueue()

    async def host() -> None:
        async with trio.open_nursery() as nursery:
            ready.put(Backstage(nursery, trio.lowlevel.current_trio_token()))
            await trio.sleep_forever()

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(trio.run, host)
        stage = ready.get(timeout=_MOST_S)
        try:
            yield stage
        finally:
            with suppress(trio.RunFinishedError):
                stage.token.run_sync_soon(stage.nursery.cancel_scope.cancel)
            # What has failed in it is raised here.
            running.result(_MOST_S)


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
