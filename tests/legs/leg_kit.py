"""What the tests of both kinds of caller leg share."""

from collections.abc import Awaitable, Callable, Sequence

import trio
from attrs import define, field
from typing_extensions import override

from trio_sts.errors import BadMessage, LegClosed, PeerFault
from trio_sts.legs.leg import CallerSide
from trio_sts.wire.avr import CallerAudio, DtmfDigit, FromCore


@define(eq=False)
class Call:
    """A leg being read and written, as a call does it."""

    leg: CallerSide
    heard: list[FromCore | BadMessage] = field(factory=list[FromCore | BadMessage])
    outcome: LegClosed | PeerFault | None = None
    _news: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def pump(self) -> None:
        """Until the leg ends or is at fault; that is the outcome."""
        async with trio.open_nursery() as nursery:
            for pump in (self._run, self.leg.watch):
                nursery.start_soon(self._end_with, pump, nursery.cancel_scope)

    async def _end_with(
        self, pump: Callable[[], Awaitable[object]], scope: trio.CancelScope
    ) -> None:
        try:
            await pump()
        except (LegClosed, PeerFault) as exc:
            self.outcome = self.outcome or exc
            scope.cancel(reason="the leg is over")

    async def _run(self) -> None:
        await self.leg.run(self._hear)

    def _hear(self, message: FromCore | BadMessage) -> None:
        self.heard.append(message)
        self._news.unpark_all()

    async def hears_audio(self, pcm_bytes: int) -> bytes:
        with trio.fail_after(5):
            await trio.lowlevel.checkpoint()
            while len(self.audio) < pcm_bytes:
                await self._news.park()
        return self.audio

    @property
    def audio(self) -> bytes:
        """All that the caller has said so far."""
        heard = [each for each in self.heard if isinstance(each, CallerAudio)]
        return b"".join(each.pcm for each in heard)

    async def hears(self, count: int) -> list[FromCore | BadMessage]:
        with trio.fail_after(5):
            await trio.lowlevel.checkpoint()
            while len(self.heard) < count:
                await self._news.park()
        return self.heard


class SlowStream(trio.abc.HalfCloseableStream):
    """A service-side socket whose buffer is full whenever ``open`` is not set."""

    def __init__(self, inner: trio.abc.HalfCloseableStream) -> None:
        self.inner = inner
        self.open = trio.Event()
        self.open.set()

    @override
    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        half = len(data) // 2
        if not self.open.is_set():
            await self.inner.send_all(data[:half])
            await self.open.wait()
            data = data[half:]
        await self.inner.send_all(data)

    @override
    async def wait_send_all_might_not_block(self) -> None:
        await self.open.wait()

    @override
    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.inner.receive_some(max_bytes)

    @override
    async def send_eof(self) -> None:
        await self.inner.send_eof()

    @override
    async def aclose(self) -> None:
        await self.inner.aclose()


async def end(call: Call, code: int, reason: str = "") -> None:
    with trio.move_on_after(2):
        await call.leg.aclose(code, reason)


def spelled(messages: Sequence[FromCore | BadMessage]) -> list[bytes | str]:
    """Every sample and every key, in order."""
    spelled: list[bytes | str] = []
    for message in messages:
        match message:
            case CallerAudio(pcm):
                spelled += [pcm[at : at + 2] for at in range(0, len(pcm), 2)]
            case DtmfDigit(digit):
                spelled.append(digit)
            case _:
                raise AssertionError(message)
    return spelled
