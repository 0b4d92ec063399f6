"""*Now*: the calls under way as server-sent events, and ending one of them."""

import structlog
import trio
from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .access import Access, Visitor
from .answers import Refused, refusal
from .guard import VISITOR
from .snapshots import MOST_WATCHERS, Snapshots, Watcher

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
]

_log = structlog.get_logger()


@frozen(eq=False)
class Events:
    """The stream of snapshots, for each browser that asks for it.

    One that does not read gets the newest snapshot when it reads again, and is cut after
    `trio_sts.console.serving.STALL_S`; one whose session is over is told nothing more.
    """

    board: Snapshots
    access: Access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send snapshots until the browser leaves."""
        with self.board.watch() as watcher:
            if watcher is None:
                why = f"{MOST_WATCHERS} pages look on already."
                await refusal(503, why)(scope, receive, send)
                return
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_until_it_leaves, receive, nursery.cancel_scope)
                await self._tell(watcher, scope["state"][VISITOR], send)
                nursery.cancel_scope.cancel(reason="the session is over")
            # Not where the browser's leaving cancels it: the connection is closed by it.
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, watcher: Watcher, visitor: Visitor, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": _HEADERS}
        await send(start)
        while True:
            body = b"event: calls\ndata: %b\n\n" % await watcher.next()
            if not self.access.may_stay(visitor, trio.current_time()):
                break
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _until_it_leaves(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel(reason="the browser has left")


async def hang_up(request: Request) -> Response:
    """End a call that is under way."""
    board: Snapshots = request.app.state.board
    uuid = await board.hang_up(request.path_params["id"])
    await trio.lowlevel.checkpoint()
    if uuid is None:
        raise Refused(404, "This call is over, or there was none.")
    _log.info("call hung up by the operator", call_id=uuid)
    return Response(status_code=204)
