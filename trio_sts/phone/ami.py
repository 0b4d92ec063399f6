"""A stand-in for avr-ami: it answers transfer, hangup and originate, and ends calls.

One connection, one request at a time, JSON bodies; what Asterisk would do to the channel
is done to the call of an `Exchange`.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, cast

import h11
import orjson
import trio
from attrs import define, field, frozen

from .exchange import Exchange
from .report import Outcome

_MAX_BODY_BYTES = 64 * 1024
_MAX_KEPT = 1000
_IDLE_S = 30.0
_RECEIVE_BYTES = 4096
_OK = 200

Action = Literal["/transfer", "/hangup", "/originate"]
_ENDS: Mapping[str, Outcome] = {
    "/transfer": Outcome.TRANSFERRED,
    "/hangup": Outcome.AMI_HUNG_UP,
}


@frozen
class AmiRequest:
    """A request that was made.

    Attributes:
        at_s: When, by trio's clock.
        path: What was asked for.
        body: Its JSON object.
    """

    at_s: float
    path: str
    body: Mapping[str, Any]


@frozen
class AmiAnswer:
    """What a path is told to answer, whatever the request says.

    Attributes:
        status: 200, 404 or 500; only 200 does what was asked for.
        delay_s: How long it thinks first; `math.inf` never answers.
    """

    status: int = _OK
    delay_s: float = 0.0


NEVER = AmiAnswer(delay_s=math.inf)


@define(eq=False)
class AmiStandIn:
    """A small avr-ami.

    Attributes:
        exchange: The calls that it can end.
        answers: What it answers by path, where it should not be as avr-ami would.
        requests: What was asked, the last 1000.
    """

    exchange: Exchange = field(factory=Exchange)
    answers: dict[Action, AmiAnswer] = field(factory=dict[Action, AmiAnswer])
    requests: list[AmiRequest] = field(factory=list[AmiRequest])

    async def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; `nursery.start` returns the URL for ``AMI_URL``.

        Raises:
            OSError: The port is taken.
        """
        listeners = await trio.open_tcp_listeners(port, host=host)
        bound: int = listeners[0].socket.getsockname()[1]
        task_status.started(f"http://{host}:{bound}")
        await trio.serve_listeners(self.handle, listeners)

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Answer the requests of one connection."""
        conn = h11.Connection(h11.SERVER)
        async with stream:
            try:
                while conn.our_state is h11.IDLE:
                    await self._exchange(conn, stream)
            except (h11.RemoteProtocolError, trio.BrokenResourceError):
                # A peer that speaks no HTTP, or is gone: nothing is owed to it.
                return

    async def _exchange(self, conn: h11.Connection, stream: trio.abc.Stream) -> None:
        """One request and its answer; without one the connection is closed."""
        received = None
        with trio.move_on_after(_IDLE_S):
            received = await _receive(conn, stream)
        if received is None:
            await stream.aclose()
            conn.send_failed()
            return
        request, body = received
        status, message = await self._answer(request, body)
        content = orjson.dumps({"message": message})
        await stream.send_all(_response(conn, status, content))
        if conn.our_state is h11.DONE and conn.their_state is h11.DONE:
            conn.start_next_cycle()

    async def _answer(self, request: h11.Request, body: bytes) -> tuple[int, str]:
        path = request.target.decode("ascii").partition("?")[0]
        fields = _json_object(body)
        if request.method != b"POST" or path not in {*_ENDS, "/originate"}:
            return 404, "Not found"
        if fields is None:
            return 400, "The body is no JSON object"
        self._note(AmiRequest(trio.current_time(), path, fields))
        told = self.answers.get(cast("Action", path))
        if told is None:
            return self._act(path, fields)
        await trio.sleep(told.delay_s)
        if told.status != _OK:
            return told.status, "As told"
        return self._act(path, fields)

    def _act(self, path: str, fields: Mapping[str, Any]) -> tuple[int, str]:
        """Do at once to the channel what was asked for."""
        outcome = _ENDS.get(path)
        if outcome is None:
            return _OK, "Originate started"
        if not self.exchange.drop(str(fields.get("uuid")), outcome):
            return 404, "No such call"
        return _OK, "Done"

    def _note(self, request: AmiRequest) -> None:
        self.requests.append(request)
        del self.requests[:-_MAX_KEPT]


async def _receive(
    conn: h11.Connection, stream: trio.abc.Stream
) -> tuple[h11.Request, bytes] | None:
    """The next request with its body; None when the peer has no more.

    Raises:
        h11.RemoteProtocolError: It is no HTTP, or its body is too long.
        trio.BrokenResourceError: The peer is gone.
    """
    request: h11.Request | None = None
    body = b""
    while True:
        await trio.lowlevel.checkpoint()
        match conn.next_event():
            case h11.NEED_DATA:
                conn.receive_data(bytes(await stream.receive_some(_RECEIVE_BYTES)))
            case h11.Request() as request:
                pass
            case h11.Data(data=data):
                body += data
                if len(body) > _MAX_BODY_BYTES:
                    raise h11.RemoteProtocolError("the body is too long")
            case h11.EndOfMessage() if request is not None:
                return request, body
            case _:
                return None


def _response(conn: h11.Connection, status: int, content: bytes) -> bytes:
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(content))),
    ]
    head = conn.send(h11.Response(status_code=status, headers=headers))
    data = conn.send(h11.Data(data=content))
    end = conn.send(h11.EndOfMessage())
    return (head or b"") + (data or b"") + (end or b"")


def _json_object(body: bytes) -> Mapping[str, Any] | None:
    try:
        parsed: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return cast("Mapping[str, Any]", parsed) if isinstance(parsed, dict) else None
