"""A caller leg with binary media and control messages of its own, on the same link.

It is made as ``trio_sts.legs.leg`` says, of a codec and a class, and knows nothing of
what is below: this holds the seam to what it promises.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NoReturn
from urllib.parse import parse_qs

import orjson
import pytest
import trio
from attrs import define
from trio.testing import memory_stream_pair, wait_all_tasks_blocked
from typing_extensions import override
from websockets.trio.client import ClientConnection, connect

from tests.paths import FAST_PATH
from trio_sts.audio.formats import CALLER_MS_PER_BYTE
from trio_sts.errors import BadMessage, LegClosed
from trio_sts.legs.fastpath.frames import Binary, Message
from trio_sts.legs.handshake import accept_link
from trio_sts.legs.leg import Bounds, CallerSide, ServerCodec
from trio_sts.legs.link import Link
from trio_sts.wire.avr import (
    AgentAudio,
    CallerAudio,
    DtmfDigit,
    Failure,
    FromCore,
    Init,
    Interruption,
    ToCore,
)

FRAME = bytes(range(160)) * 2


class MediaCodec(ServerCodec[ToCore]):
    """Samples are binary; everything else is a command in JSON."""

    @override
    def encode(self, message: ToCore) -> list[Message]:
        match message:
            case AgentAudio(pcm):
                return [Binary(pcm), b'{"command":"MARK_MEDIA"}']
            case Interruption():
                return [b'{"command":"FLUSH_MEDIA"}']
            case Failure():
                return [b'{"command":"HANGUP"}']
            case _:
                return []

    @override
    def audio_ms(self, message: ToCore) -> float:
        if isinstance(message, AgentAudio):
            return len(message.pcm) * CALLER_MS_PER_BYTE
        return 0

    @override
    def close_notice(self, code: int) -> Iterable[Message]:
        return []


@define(eq=False)
class MediaLeg(CallerSide):
    query: str
    _link: Link[ToCore]

    @property
    @override
    def uuid(self) -> str | None:
        return parse_qs(self.query).get("uuid", [None])[0]

    @property
    @override
    def dropped_ms(self) -> float:
        return self._link.outbox.dropped_ms

    @override
    async def run(self, handle: Callable[[FromCore | BadMessage], None]) -> NoReturn:
        def on_texts(texts: list[bytes]) -> None:
            for text in texts:
                handle(_event(text))

        def on_binaries(payloads: list[bytes]) -> None:
            for pcm in payloads:
                handle(CallerAudio(pcm))

        await self._link.run(on_texts, on_binaries)

    @override
    async def watch(self) -> NoReturn:
        await self._link.outbox.stuck(5)
        raise self._link.why

    @override
    def post(self, *messages: ToCore) -> None:
        for message in messages:
            self._link.post(message)

    @override
    async def aclose(self, code: int, reason: str = "") -> None:
        await self._link.aclose(code, reason)


def _event(text: bytes) -> FromCore | BadMessage:
    match orjson.loads(text):
        case {"event": "MEDIA_START", "connection_id": str(uuid)}:
            return Init(uuid)
        case {"event": "DTMF_END", "digit": str(digit)}:
            return DtmfDigit(digit)
        case _:
            return BadMessage("no such event")


@asynccontextmanager
async def a_call() -> AsyncGenerator[tuple[MediaLeg, ClientConnection]]:
    ours, theirs = memory_stream_pair()
    bounds = Bounds(max_message_bytes=65_536, max_audio_ms=5000, max_controls=100)
    links: list[Link[ToCore]] = []
    async with trio.open_nursery() as nursery:

        async def accept() -> None:
            links.append(
                await accept_link(
                    nursery,
                    ours,
                    codec=MediaCodec(),
                    bounds=bounds,
                    fast=FAST_PATH != "off",
                    subprotocol="media",
                    binary=True,
                )
            )

        nursery.start_soon(accept)
        url = "ws://sts/media?uuid=c-7"
        async with connect(url, stream=theirs, subprotocols=["media"]) as peer:  # type: ignore[list-item]  # a new type of strings
            yield MediaLeg(links[0].target.partition("?")[2], links[0]), peer
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_media_and_control_messages_go_both_ways_in_order() -> None:
    heard: list[FromCore | BadMessage] = []
    async with a_call() as (leg, peer), trio.open_nursery() as nursery:

        async def run() -> None:
            with pytest.raises(LegClosed):
                await leg.run(heard.append)

        nursery.start_soon(run)
        assert (leg.uuid, peer.subprotocol) == ("c-7", "media")
        await peer.send('{"event":"MEDIA_START","connection_id":"a-1"}')
        await peer.send(FRAME)
        await peer.send('{"event":"DTMF_END","digit":"5"}')
        await peer.send(FRAME)
        await wait_all_tasks_blocked()
        assert heard == [
            Init("a-1"),
            CallerAudio(FRAME),
            DtmfDigit("5"),
            CallerAudio(FRAME),
        ]

        leg.post(AgentAudio(FRAME), AgentAudio(b""), Interruption(), Failure("no"))
        got = [await peer.recv() for _ in range(6)]
        assert got == [
            FRAME,
            '{"command":"MARK_MEDIA"}',
            b"",
            '{"command":"MARK_MEDIA"}',
            '{"command":"FLUSH_MEDIA"}',
            '{"command":"HANGUP"}',
        ]
        nursery.start_soon(leg.aclose, 1000)


async def test_a_message_that_is_too_long_has_no_notice_where_the_codec_has_none() -> (
    None
):
    async with a_call() as (leg, peer), trio.open_nursery() as nursery:

        async def run() -> None:
            with pytest.raises(LegClosed) as caught:
                await leg.run(lambda _: None)
            assert caught.value.code == 1009
            await leg.aclose(1000)

        nursery.start_soon(run)
        await peer.send("x" * 300_000)
        await peer.wait_closed()

    assert peer.close_code == 1009
