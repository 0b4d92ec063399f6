"""The console's application: which path is answered by what."""

import socket
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import trio
from attrs import field, frozen
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from trio_sts import __version__
from trio_sts.settings import Settings

from .access import Access, Visitor
from .answers import Json, Refused, refusal
from .calls import Calls
from .guard import VISITOR, Guard
from .hosts import OwnHosts
from .now import Events, hang_up
from .pages import Pages
from .shown_settings import ShownSettings
from .signing_in import sign_in, sign_out
from .snapshots import Snapshots
from .talk import Talk
from .toolbox import Toolbox
from .tools import Tools


@frozen(eq=False)
class Shown:
    """What a console shows of a service beside its calls.

    Attributes:
        settings: As they are now.
        toolbox: What the model is offered.
        metrics: Renders the metrics, in the format that a header asks for.
    """

    settings: Callable[[], Settings]
    toolbox: Toolbox
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]


@frozen(eq=False)
class Sources:
    """What the console shows.

    Attributes:
        shown: What there is beside calls.
        board: The calls under way.
        call_port: Where the service itself listens; asked once it does.
        calls: The calls that are over.
        started_at: When it was opened.
    """

    shown: Shown
    board: Snapshots
    call_port: Callable[[], int]
    calls: Calls
    started_at: datetime = field(factory=lambda: datetime.now(UTC))


def application(sources: Sources) -> ASGIApp:
    """The console as an ASGI application, guarded."""
    settings = sources.shown.settings()
    pages, calls = Pages(), sources.calls
    tools = Tools(sources.shown.toolbox)
    access = Access(settings.admin_token)
    talk = Talk(sources.shown.settings, sources.board, sources.call_port, access)
    app = Starlette(
        routes=[
            Route("/", pages.index),
            Route("/login", pages.login, methods=["GET"]),
            Route("/login", sign_in, methods=["POST"]),
            Route("/logout", sign_out, methods=["POST"]),
            Route("/static/{path:path}", pages.static),
            Route("/metrics", metrics),
            Route("/api/about", about),
            Route("/api/now/events", Events(sources.board, access)),
            Route("/api/now/{id}/hangup", hang_up, methods=["POST"]),
            WebSocketRoute("/api/talk", talk),
            Route("/api/tools", tools.listed),
            Route("/api/tools/{name}/run", tools.run, methods=["POST"]),
            Route("/api/settings", ShownSettings(sources.shown.settings).shown),
            Route("/api/calls", calls.listed),
            Route("/api/calls/stats", calls.stats),
            Route("/api/calls/{id}", calls.one),
            Route("/api/calls/{id}/peaks", calls.peaks),
            Route("/api/calls/{id}/recording.wav", calls.recording),
        ],
        exception_handlers={HTTPException: _http_error, Refused: _refused},
    )
    app.state.sources, app.state.board = sources, sources.board
    app.state.access = access
    return Guard(app, access, OwnHosts(settings.admin_host))


async def about(request: Request) -> Response:
    """What service this is, and what there is to be seen of it."""
    sources: Sources = request.app.state.sources
    visitor: Visitor = request.scope["state"][VISITOR]
    settings = sources.shown.settings()
    await trio.lowlevel.checkpoint()
    return Json(
        {
            "version": __version__,
            "model": "built in" if settings.embedded else settings.model,
            "host": socket.gethostname(),
            "started_at": sources.started_at.isoformat(timespec="milliseconds"),
            "embedded": settings.embedded,
            "store": settings.calls_db is not None,
            "recordings": settings.record_dir is not None and settings.record_audio,
            "call_files": settings.record_dir is not None,
            "call_port": sources.call_port(),
            "csrf": visitor.csrf,
            "signed_in": visitor.signed_in,
        }
    )


async def metrics(request: Request) -> Response:
    """The service's metrics, as its own port has them."""
    sources: Sources = request.app.state.sources
    accept = request.headers.get("accept", "")
    body, media_type = await sources.shown.metrics(accept)
    headers = {"content-type": media_type, "cache-control": "no-store"}
    return Response(body, headers=headers)


async def _http_error(_: Request, error: Any) -> Response:
    await trio.lowlevel.checkpoint()
    return refusal(error.status_code, error.detail)


async def _refused(_: Request, error: Any) -> Response:
    await trio.lowlevel.checkpoint()
    return refusal(error.status, error.why)
