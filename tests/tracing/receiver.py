"""An OTLP receiver on the loopback, in the test's own process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import h11
import trio
from attrs import define, field, frozen
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


@frozen
class Seen:
    """One span as it was sent."""

    name: str
    span_id: bytes
    parent_id: bytes
    trace_id: bytes
    kind: int
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    start_ns: int
    end_ns: int
    failed: bool
    resource: dict[str, Any]


@define(eq=False)
class Receiver:
    """Takes spans; ``hangs`` makes it answer nothing."""

    url: str = ""
    hangs: bool = False
    spans: list[Seen] = field(factory=list[Seen])
    asked: trio.Event = field(factory=trio.Event)
    _news: trio.Event = field(factory=trio.Event)

    def named(self, name: str) -> list[Seen]:
        """The spans of this name, the first first."""
        found = [span for span in self.spans if span.name == name]
        return sorted(found, key=lambda span: span.start_ns)

    def children(self, of: Seen) -> list[Seen]:
        """The spans whose parent one is, the first first."""
        found = [span for span in self.spans if span.parent_id == of.span_id]
        return sorted(found, key=lambda span: span.start_ns)

    async def until(self, name: str, within_s: float = 10) -> Seen:
        """The first span of this name, once it has come."""
        with trio.fail_after(within_s):
            await trio.lowlevel.checkpoint()
            while not self.named(name):
                self._news = trio.Event()
                await self._news.wait()
        return self.named(name)[0]

    async def serve(self, stream: trio.SocketStream) -> None:
        peer = h11.Connection(h11.SERVER)
        body = b""
        async with stream:
            async for part in stream:
                peer.receive_data(bytes(part))
                while (event := peer.next_event()) is not h11.NEED_DATA:
                    if isinstance(event, h11.Data):
                        body += bytes(event.data)
                    elif isinstance(event, h11.EndOfMessage):
                        await self._answer(stream, peer, body)
                        body = b""
                    elif not isinstance(event, h11.Request):
                        return

    async def _answer(
        self, stream: trio.SocketStream, peer: h11.Connection, body: bytes
    ) -> None:
        self.asked.set()
        if self.hangs:
            await trio.sleep_forever()
        self._take(ExportTraceServiceRequest.FromString(body))
        head = h11.Response(status_code=200, headers=[("Content-Length", "0")])
        sent = peer.send(head) or b""
        await stream.send_all(sent + (peer.send(h11.EndOfMessage()) or b""))
        peer.start_next_cycle()

    def _take(self, request: ExportTraceServiceRequest) -> None:
        for each in request.resource_spans:
            resource = _read(each.resource.attributes)
            for scope in each.scope_spans:
                self.spans += [_seen(span, resource) for span in scope.spans]
        self._news.set()


def _seen(span: Any, resource: dict[str, Any]) -> Seen:
    return Seen(
        span.name,
        span.span_id,
        span.parent_span_id,
        span.trace_id,
        span.kind,
        _read(span.attributes),
        [(event.name, _read(event.attributes)) for event in span.events],
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == span.status.STATUS_CODE_ERROR,
        resource,
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind or "string_value")


@asynccontextmanager
async def receiver() -> AsyncGenerator[Receiver]:
    """Serve one on a free port."""
    found = Receiver()

    async def serve(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await found.serve(stream)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, serve, 0, host="127.0.0.1")
        )
        found.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield found
        nursery.cancel_scope.cancel(reason="the test is over")
