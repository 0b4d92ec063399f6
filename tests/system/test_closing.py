"""What a call that ends still owns is closed within 2 s, whatever was under way."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import define, field
from trio.testing import MockClock

from tests.legs.fastpath_kit import REQUEST, answer_to, frame, read_frames

from .kit import web
from .service import serving


@define(eq=False)
class DeafEndpoint:
    """An endpoint that creates a session and then only reads.

    Attributes:
        received: All that came behind the handshake.
        created: The session was created.
        asked: Something came behind the handshake.
        closed_at: On Trio's clock, when the connection ended.
    """

    base_url: str = ""
    received: bytearray = field(factory=bytearray)
    created: trio.Event = field(factory=trio.Event)
    asked: trio.Event = field(factory=trio.Event)
    closed: trio.Event = field(factory=trio.Event)
    closed_at: float = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            await stream.send_all(answer_to(bytes(await stream.receive_some())))
            created = b'{"type":"session.created","session":{"id":"s"}}'
            await stream.send_all(frame(0x81, created, masked=False))
            self.created.set()
            async for data in stream:
                self.received += data
                self.asked.set()
        self.closed_at = trio.current_time()
        self.closed.set()


@asynccontextmanager
async def deaf_endpoint() -> AsyncGenerator[DeafEndpoint]:
    endpoint = DeafEndpoint()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    endpoint.base_url = f"http://127.0.0.1:{port}/v1"
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, endpoint.serve, listeners)
        yield endpoint
        nursery.cancel_scope.cancel(reason="the test is over")


async def never(_: trio.SocketStream) -> None:
    await trio.sleep_forever()


@pytest.mark.parametrize("awaited", ["instructions", "session"])
async def test_an_endpoint_that_is_deaf_does_not_hold_up_the_end_of_a_call(
    awaited: str, hurried_clock: MockClock
) -> None:
    async with deaf_endpoint() as model, web(never) as instructions:
        more = (
            {"OPENAI_URL_INSTRUCTIONS": instructions.url}
            if awaited == "instructions"
            else {}
        )
        async with (
            serving(model.base_url, **more) as service,
            await trio.open_tcp_stream("127.0.0.1", service.port) as caller,
        ):
            # It answers nothing either.
            init = b'{"type":"init","uuid":"call-1"}'
            await caller.send_all(REQUEST + frame(0x81, init, masked=True))
            await model.created.wait()
            if not more:
                await model.asked.wait()
            started_at = trio.current_time()
            service.signal()
            service.signal()
            await model.closed.wait()

            assert model.closed_at - started_at <= 2
            last = read_frames(bytes(model.received), masked=True)[-1]
            assert last == (0x88, b"\x03\xe9")
