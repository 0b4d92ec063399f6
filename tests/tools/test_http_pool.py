"""How many connections the tools of all calls have together, on real sockets."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio
from httpx import AsyncClient
from trio.testing import wait_all_tasks_blocked

from trio_sts.tools.http_client import tool_http_client

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
AT_ONCE, KEPT = 256, 32
PATIENCE_S = 60


class Service:
    """Answers requests once so many are there; counts connections."""

    def __init__(self, answers_from: int) -> None:
        self.connections = 0
        self.requests = 0
        self.answers_from = answers_from
        self.answers = trio.Event()

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        async with stream:
            async for _ in stream:
                self.requests += 1
                if self.requests >= self.answers_from:
                    self.answers.set()
                await self.answers.wait()
                await stream.send_all(ANSWER)


@asynccontextmanager
async def at_work(service: Service) -> AsyncGenerator[tuple[AsyncClient, str]]:
    with trio.fail_after(PATIENCE_S):
        async with trio.open_nursery() as serving, tool_http_client() as http:
            listeners = await serving.start(trio.serve_tcp, service.serve, 0)
            yield http, f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
            serving.cancel_scope.cancel()


async def ask(http: AsyncClient, url: str) -> None:
    answer = await http.get(url, timeout=PATIENCE_S)
    assert answer.json() == {}


async def test_256_are_open_at_once_and_further_requests_wait() -> None:
    service = Service(AT_ONCE + 1)
    async with at_work(service) as (http, url), trio.open_nursery() as asking:
        for _ in range(AT_ONCE + 1):
            asking.start_soon(ask, http, url)
        while service.requests < AT_ONCE:
            await wait_all_tasks_blocked(0.01)
        await wait_all_tasks_blocked(0.05)
        assert service.connections == AT_ONCE
        service.answers.set()

    assert service.requests == AT_ONCE + 1


async def test_32_are_kept_for_the_next_requests() -> None:
    service = Service(KEPT + 1)
    async with at_work(service) as (http, url):
        for connections in (KEPT + 1, KEPT + 2):
            service.answers, service.requests = trio.Event(), 0
            async with trio.open_nursery() as asking:
                for _ in range(KEPT + 1):
                    asking.start_soon(ask, http, url)
            assert service.connections == connections
