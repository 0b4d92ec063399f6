"""Asterisk's REST interface, as far as a call needs it: it does as Asterisk 22 does.

What it answers is what `res/ari` answers of the same requests: 401 without the user, 403
to one that may only read, 404 for a channel that is gone, 409 for one in no Stasis
application, 204 without a body for what was done.
"""

import base64
import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11
import httpx
import trio
from attrs import define, field

USER = "trio-sts"
PASSWORD = "hush hush, señor"
_EXPORT = re.compile(r"EXPORT\(([^,()]+),([^,()]+)\)")


@define(eq=False)
class Channel:
    """A channel of Asterisk.

    Attributes:
        in_stasis: Whether an application of ARI holds it.
        variables: Its variables.
        went_to: Where it was sent: context, extension and priority or label.
        is_up: Whether nobody has hung it up.
    """

    in_stasis: bool = False
    variables: dict[str, str] = field(factory=dict[str, str])
    went_to: tuple[object, object, object] | None = None
    is_up: bool = True


@define(eq=False)
class FakeAri:
    """An Asterisk with these channels.

    Attributes:
        channels: By their unique ids.
        read_only: Its user may change nothing.
        has_export: The dialplan function EXPORT is loaded.
        asked: Each request, as method and path.
        after_s: How long it takes to answer.
        url: Where it is, if it listens.
    """

    channels: dict[str, Channel] = field(factory=dict[str, Channel])
    read_only: bool = False
    has_export: bool = True
    asked: list[tuple[str, str]] = field(factory=list[tuple[str, str]])
    after_s: float = 0
    url: str = "http://asterisk:8088/ari"

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as a transport of httpx."""
        await trio.sleep(self.after_s)
        target = request.url.raw_path.decode()
        status, body = self.answer(
            request.method,
            target,
            request.headers.get("authorization", ""),
            request.content,
        )
        return httpx.Response(status, content=body)

    def answer(
        self, method: str, target: str, authorization: str, content: bytes
    ) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        parts = urlsplit(target)
        path = parts.path.removeprefix("/ari")
        self.asked.append((method, path))
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if authorization != f"Basic {wanted}":
            return _told(401, {"message": "Authentication required"})
        if self.read_only and method != "GET":
            return _told(403, {"message": "Write access denied"})
        return self._answer(method, path, parts.query, content)

    def _answer(
        self, method: str, path: str, asked: str, content: bytes
    ) -> tuple[int, bytes]:
        given: dict[str, Any] = {
            name: each[0] for name, each in parse_qs(asked).items()
        }
        given |= json.loads(content or "{}")
        match [method, *(unquote(each) for each in path.split("/")[1:])]:
            case ["GET", "asterisk", "info"]:
                return _told(200, {"system": {"version": "22.10.1"}})
            case ["POST", "asterisk", "variable"]:
                return self._set_global(given)
            case [_, "channels", name, *rest]:
                channel = self.channels.get(name)
                if channel is None or not channel.is_up:
                    return _told(404, {"message": "Channel not found"})
                return self._channel(method, rest, channel, given)
            case _:
                return _told(404, {"message": "Resource not found"})

    def _set_global(self, given: dict[str, Any]) -> tuple[int, bytes]:
        if not given.get("variable"):
            return _told(400, {"message": "Variable name is required"})
        export = _EXPORT.fullmatch(given["variable"])
        if export is not None and self.has_export:
            channel = self.channels.get(export[1])
            if channel is not None:
                channel.variables[export[2]] = given["value"]
        return 204, b""

    def _channel(
        self, method: str, rest: list[str], channel: Channel, given: dict[str, Any]
    ) -> tuple[int, bytes]:
        match [method, *rest]:
            case ["DELETE"]:
                channel.is_up = False
                return 204, b""
            case ["GET", "variable"]:
                if given["variable"] not in channel.variables:
                    return _told(404, {"message": "Provided variable was not found"})
                return _told(200, {"value": channel.variables[given["variable"]]})
            case ["POST", "continue"] if channel.in_stasis:
                step = given.get("priority", given.get("label"))
                channel.went_to = (given["context"], given["extension"], step)
                channel.in_stasis = False
                return 204, b""
            case ["POST", "continue" | "variable" | "redirect"]:
                return _told(409, {"message": "Channel not in Stasis application"})
            case _:
                return _told(405, {"message": "Invalid method"})

    async def serve(self, stream: trio.SocketStream) -> None:
        """Answer the requests of one connection."""
        async with stream:
            with suppress(trio.BrokenResourceError, h11.RemoteProtocolError):
                await self._serve_one(stream)

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        parser, content = h11.Connection(h11.SERVER), b""
        request: h11.Request | None = None
        while not isinstance(event := parser.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                parser.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Data):
                content += event.data
            elif isinstance(event, h11.Request):
                request = event
            else:
                return
        if request is None:
            return
        fields = dict(request.headers)
        allowed = fields.get(b"authorization", b"").decode()
        method, target = request.method.decode(), request.target.decode()
        await trio.sleep(self.after_s)
        status, body = self.answer(method, target, allowed, content)
        head = [("Content-Length", str(len(body))), ("Connection", "close")]
        if status == 204:
            head = head[1:]
        written = parser.send(h11.Response(status_code=status, headers=head)) or b""
        await stream.send_all(written + body)


@asynccontextmanager
async def asterisk_with(ari: FakeAri) -> AsyncGenerator[FakeAri]:
    """Have it listen on the loopback."""
    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, ari.serve, 0, host="127.0.0.1")
        )
        ari.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}/ari"
        yield ari
        nursery.cancel_scope.cancel(reason="the test is over")


def _told(status: int, body: dict[str, Any]) -> tuple[int, bytes]:
    return status, json.dumps(body).encode()
