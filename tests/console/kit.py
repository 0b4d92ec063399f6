"""A console that answers without a port, and one that has a port."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio
from attrs import define, evolve

from trio_sts.console.app import Sources, application
from trio_sts.console.board import Board
from trio_sts.console.calls import Calls
from trio_sts.console.opening import Console, shown_of
from trio_sts.server import Server
from trio_sts.service import open_services
from trio_sts.settings import Settings, load

KEY = "sk-console-Secret-1234567890"
TOKEN = "let-me-in-0815"
OWN = "http://localhost:6090"
AT_PAGE = {"Origin": OWN, "Sec-Fetch-Site": "same-origin"}


def settings_of(**environ: str) -> Settings:
    given = {"OPENAI_API_KEY": KEY, "STS_ADMIN_PORT": "0", **environ}
    return evolve(load(given, None, strict=True)[0], host="127.0.0.1", port=0)


@asynccontextmanager
async def asking(**environ: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser's side of a console: every answer is the application's own."""
    settings = settings_of(**environ)
    calls = Calls(settings)
    try:
        async with open_services(settings, {}) as services:
            board = Board(settings)
            app: Any = application(
                Sources(shown_of(lambda: services), board, lambda: 6030, calls)
            )
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=OWN) as http:
                yield http
    finally:
        with trio.move_on_after(2, shield=True):
            await calls.aclose()


async def csrf_of(http: httpx.AsyncClient) -> dict[str, str]:
    """What a page of the console sends along with whatever changes something."""
    about = (await http.get("/api/about")).json()
    return {**AT_PAGE, "X-CSRF-Token": about["csrf"]}


async def sign_in(http: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    return await http.post("/login", data={"token": token}, headers=AT_PAGE)


@define(eq=False)
class Shown:
    """A service with its console.

    Attributes:
        url: Of the console, without the slash at the end.
        call_url: Of the service.
        server: The service's.
    """

    url: str
    call_url: str
    server: Server
    console: Console[Board]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@asynccontextmanager
async def shown(
    base_url: str, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> AsyncGenerator[Shown]:
    """Run a service and its console on the loopback."""
    given = {"OPENAI_BASE_URL": base_url, "STS_APOLOGY": "off", **(environ or {})}
    if folder is not None:
        given["STS_RECORD_DIR"] = str(folder)
    settings = settings_of(**given)
    console = Console(settings, Board(settings))
    send, signals = trio.open_memory_channel[int](2)
    async with (
        send,
        open_services(settings, {}, observers=(console.board.observe,)) as services,
        trio.open_nursery() as nursery,
    ):
        server = Server(services)
        shows = shown_of(lambda: services)
        async with console.open(shows, lambda: server.port):

            async def serve(*, task_status: trio.TaskStatus[int]) -> None:  # noqa: ASYNC128
                await server.serve(signals, task_status=task_status)

            port: int = await nursery.start(serve)
            call_url = f"ws://127.0.0.1:{port}"
            yield Shown(console.url.rstrip("/"), call_url, server, console)
        nursery.cancel_scope.cancel(reason="the test is over")
