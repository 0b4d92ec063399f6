"""What lies between a client and the embedded model, and hears what both say."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import pybase64
import trio
from attrs import define, field, frozen
from websockets.exceptions import ConnectionClosed
from websockets.trio.client import connect
from websockets.trio.connection import Connection
from websockets.trio.server import Server, ServerConnection, serve

Event = dict[str, Any]
_BYTES_PER_MS = 48


@frozen
class Heard:
    """One event that went by, and when."""

    at_s: float
    by_model: bool
    event: Event


@define(eq=False)
class Tap:
    """Hands on everything, and keeps it.

    Attributes:
        url: What a client is given instead of the model's.
        heard: Every event of both sides, oldest first.
    """

    _model_url: str
    url: str = ""
    heard: list[Heard] = field(factory=list[Heard])
    _news: trio.Condition = field(factory=trio.Condition)

    def of(self, kind: str, *, by_model: bool = True) -> list[Event]:
        """The events of one kind, of the model or of its client."""
        return [
            heard.event
            for heard in self.heard
            if heard.by_model == by_model and heard.event["type"] == kind
        ]

    async def wait(
        self, find: Callable[[], object], *, what: str, within_s: float
    ) -> None:
        """Wait until something is found in what was heard.

        Raises:
            TimeoutError: It was not, in time; the text says what.
        """
        with trio.move_on_after(within_s):
            async with self._news:
                while not find():
                    await self._news.wait()
                return
        reason = f"{what}: not within {within_s:g} s"
        raise TimeoutError(reason)

    def played_until_s(self) -> float:
        """When the answer that came last has been played, if it was played at once."""
        deltas = [
            heard
            for heard in self.heard
            if heard.event["type"] == "response.output_audio.delta"
        ]
        if not deltas:
            return 0
        last = [
            heard
            for heard in deltas
            if heard.event["item_id"] == deltas[-1].event["item_id"]
        ]
        size = sum(len(pybase64.b64decode(heard.event["delta"])) for heard in last)
        return last[0].at_s + size / _BYTES_PER_MS / 1000

    async def serve(self, client: ServerConnection) -> None:
        """Dial the model for a client, and hand on what either says."""
        assert client.request is not None
        kept = {"authorization", "openai-beta", "openai-safety-identifier"}
        headers = [
            (name, value)
            for name, value in client.request.headers.raw_items()
            if name.lower() in kept
        ]
        path = client.request.path.removeprefix("/v1")
        dialling = connect(
            f"{self._model_url}{path}",
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
        )
        async with dialling as model, trio.open_nursery() as nursery:
            nursery.start_soon(self._hand_on, client, model, nursery.cancel_scope)
            await self._hand_on(model, client, nursery.cancel_scope)

    async def _hand_on(
        self, source: Connection, target: Connection, scope: trio.CancelScope
    ) -> None:
        try:
            async for message in source:
                by_model = not isinstance(source, ServerConnection)
                heard = Heard(trio.current_time(), by_model, orjson.loads(message))
                async with self._news:
                    self.heard.append(heard)
                    self._news.notify_all()
                await target.send(message)
        except ConnectionClosed:
            pass
        scope.cancel(reason="one side is gone")


@asynccontextmanager
async def tapped(model_url: str) -> AsyncGenerator[Tap]:
    """Listen on a free port of the loopback, for one client."""
    tap = Tap(model_url)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    tap.url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/v1"
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(
            partial(
                serve,
                tap.serve,
                listeners=listeners,
                compression=None,
                close_timeout=1,
                max_size=None,
            )
        )
        try:
            yield tap
        finally:
            with trio.move_on_after(2, shield=True):
                await server.aclose()
            nursery.cancel_scope.cancel(reason="the call is over")
