"""Callers that come and go all the time, and what became of them."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from attrs import define, field
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.peers.core import calling, silence
from tests.peers.model import ScriptedSession

# Of 24 kHz.
_MS_PCM = 48
_PART_MS = 100
# Agent audio is fed ahead of its time, so the last of it may be older than the call.
_ALIVE_S = 2.5
# How long they talk after the first that they hear, in turn.
_LIVES_S = (0.8, 1.5, 2.2, 3.0)


async def talks_while_it_hears(session: ScriptedSession) -> None:
    """A model that says 100 ms for each 100 ms that it hears: both ways, or neither."""
    await session.set_up()
    await session.expect("response.create")
    async with session.response() as response:
        part = bytes(_PART_MS * _MS_PCM)
        item_id = await response.say(part, finish=False)
        while True:
            await session.hears(len(session.audio) + _PART_MS * _MS_PCM)
            await response.play(item_id, part)


def _leaves(group: BaseExceptionGroup[Exception]) -> str:
    return " ".join(
        _leaves(each) if isinstance(each, BaseExceptionGroup) else repr(each)
        for each in group.exceptions
    )


@define(eq=False)
class Callers:
    """Calls through a proxy, by ws and wss in turn.

    Attributes:
        urls: Where they call.
        trusting: For the ``wss`` one.
        held: Calls that were held from their beginning to their end, by the URL.
        refused: What callers were told in the handshake, who should have been let in.
        cut: How calls ended that should have gone on.
        running: Those under way.
    """

    urls: tuple[str, ...]
    trusting: ssl.SSLContext
    held: dict[str, int] = field(factory=dict[str, int])
    refused: list[str] = field(factory=list[str])
    cut: list[str] = field(factory=list[str])
    running: set[int] = field(factory=set[int])
    came: int = 0
    over: int = 0
    _coming: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _news: trio.Event = field(factory=trio.Event, init=False)

    async def come(self, every_s: float, calls: trio.Nursery) -> None:
        """Let one come every so often."""
        with self._coming:
            while True:
                calls.start_soon(self._call, self.came)
                self.came += 1
                await trio.sleep(every_s)

    async def end(self) -> None:
        """Nobody comes any more; returns when those under way have talked to their end."""
        self._coming.cancel(reason="enough came")
        while self.over < self.came:
            self._news = trio.Event()
            await self._news.wait()

    async def _call(self, number: int) -> None:
        url = self.urls[number % len(self.urls)]
        tls = self.trusting if url.startswith("wss") else None
        life_s = _LIVES_S[number // len(self.urls) % len(_LIVES_S)]
        try:
            with trio.fail_after(life_s + 15):
                await self._hold(f"call-{number}", number, url, tls, life_s)
        except* (InvalidHandshake, OSError, trio.BrokenResourceError) as group:
            self.refused.append(f"{number}: {_leaves(group)}")
        except* (ConnectionClosed, trio.TooSlowError) as group:
            self.cut.append(f"{number}: {_leaves(group)}")
        finally:
            self.running.discard(number)
            self.over += 1
            self._news.set()

    async def _hold(
        self,
        uuid: str,
        number: int,
        url: str,
        tls: ssl.SSLContext | None,
        life_s: float,
    ) -> None:
        async with calling(url, ssl=tls) as core:
            await core.init(uuid)
            while not core.of("audio") and core.close_code is None:
                await core.speak(silence(_PART_MS))
            self.running.add(number)
            ends_at = trio.current_time() + life_s
            while trio.current_time() < ends_at:
                await core.speak(silence(_PART_MS))
            last = max((each.at_s for each in core.of("audio")), default=0.0)
            if core.close_code is not None:
                self.cut.append(f"{number}: closed with {core.close_code}")
            elif last < trio.current_time() - _ALIVE_S:
                self.cut.append(f"{number}: silent, {core.audio_ms:.0f} ms heard")
            else:
                self.held[url] = self.held.get(url, 0) + 1


@asynccontextmanager
async def callers(
    urls: tuple[str, ...], trusting: ssl.SSLContext, every_s: float
) -> AsyncGenerator[Callers]:
    """Let callers come, until `Callers.end`."""
    told = Callers(urls, trusting)
    async with trio.open_nursery() as calls:
        calls.start_soon(told.come, every_s, calls)
        yield told
        calls.cancel_scope.cancel(reason="the test is over")
