"""A stand-in for AVR Core or Asterisk: it calls an STS service once, and reports on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast
from uuid import uuid4

import h11
import trio
from attrs import evolve
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    wrap_client_stream,
)
from wsproto.utilities import ProtocolError

from .call import Call
from .dialplan import NoStep, ask_next_step
from .events import View, nobody
from .exchange import Exchange
from .notes import printable
from .peer import AvrCore, PeerFactory
from .report import CallReport, Outcome
from .script import Script
from .target import Dial, Target, dial_tcp, parse_target

CONNECT_TIMEOUT_S = 10.0
MAX_CALL_S = 300.0
_GOODBYE_S = 2.0
# What stands for the code of a connection that ended without a close frame.
_NO_CLOSE_FRAME = 1006
# 64 messages are 1.3 s of frames in one burst: the reader empties it at once.
_MESSAGE_QUEUE = 64


async def place_call(
    url: str,
    script: Script,
    *,
    uuid: str | None = None,
    metadata: Mapping[str, str] | None = None,
    token: str | None = None,
    record_path: Path | None = None,
    view: View = nobody,
    max_call_s: float = MAX_CALL_S,
    exchange: Exchange | None = None,
    dial: Dial = dial_tcp,
    peer: PeerFactory = AvrCore,
) -> CallReport:
    """Call an STS service as AVR Core or Asterisk does, and hold a script's conversation.

    Args:
        url: The service: ``ws://host:port/path`` or ``wss://``.
        script: What the caller does; when it is over without a `HangUp`, the caller
            stays on the line.
        uuid: The call's id; a random one unless given.
        metadata: The call's metadata, appended to the URL as query parameters.
        token: A shared secret that the service wants: ``Authorization: Bearer``, from
            Asterisk the password of basic authorisation.
        record_path: A stereo WAV file to record to: left caller, right agent.
        view: Is told what happens, as it happens.
        max_call_s: The longest call.
        exchange: Where an avr-ami stand-in finds the call, to end it.
        dial: Connects to the service.
        peer: Who holds the call; the script's audio is at its rate.

    Returns:
        What became of the call. A service that is not there, refuses, is silent or
        sends junk makes a report, not an error.

    Raises:
        ValueError: The URL is no WebSocket URL.
        OSError: The recording cannot be written.
    """
    parse_target(url, metadata or {}, token)  # before a file is made
    call = Call.prepare(
        uuid or str(uuid4()),
        script,
        view,
        max_call_s=max_call_s,
        peer=peer,
    )
    of_peer = call.peer.query(call.uuid)
    target = parse_target(url, {**of_peer, **(metadata or {})}, token)
    target = evolve(target, is_password=call.peer.has_dialplan)
    if record_path:
        call.record(record_path)
    try:
        with (exchange or Exchange()).connected(call.uuid, call.end):
            await _connect(call, target, dial)
    finally:
        call.stop_recording()
    if call.peer.has_dialplan and call.notes.left_by_service:
        await _go_on(call, target, dial)
    report = call.report()
    view(report)
    return report


async def _go_on(call: Call, target: Target, dial: Dial) -> None:
    """The caller is still there: ask where the dialplan goes on."""
    try:
        call.notes.next_step = printable(await ask_next_step(dial, target, call.uuid))
    except NoStep as exc:
        call.fail(f"where the dialplan goes on could not be asked: {exc}")


async def _connect(call: Call, target: Target, dial: Dial) -> None:
    try:
        with trio.fail_after(CONNECT_TIMEOUT_S):
            stream = await dial(target)
    except trio.TooSlowError:
        call.end(Outcome.UNREACHABLE, reason=f"no answer in {CONNECT_TIMEOUT_S:.0f} s")
        return
    except trio.BrokenResourceError as exc:
        call.end(Outcome.UNREACHABLE, reason=f"TLS failed: {exc.__cause__}")
        return
    except OSError as exc:
        call.end(Outcome.UNREACHABLE, reason=exc.strerror or str(exc))
        return
    try:
        await _upgrade(call, stream, target)
    finally:
        with trio.move_on_after(_GOODBYE_S, shield=True):
            await stream.aclose()


async def _upgrade(call: Call, stream: trio.abc.Stream, target: Target) -> None:
    try:
        await _converse(call, stream, target)
    except* ConnectionRejected as group:
        rejection = _first_rejection(group)
        call.notes.http_status = rejection.status_code
        words = (rejection.body or b"").decode(errors="replace")
        call.end(Outcome.REFUSED, reason=words)
    except* (h11.ProtocolError, ProtocolError):
        # The library lets these out when a peer's bytes are no HTTP or no frames.
        connected = call.line.slot > 0
        outcome = Outcome.LOST if connected else Outcome.UNREACHABLE
        code = _NO_CLOSE_FRAME if connected else None
        call.end(outcome, code, "the peer speaks no WebSocket")
    except* trio.TooSlowError:
        told = f"no WebSocket answer in {CONNECT_TIMEOUT_S:.0f} s"
        call.end(Outcome.UNREACHABLE, reason=told)


def _first_rejection(
    group: BaseExceptionGroup[ConnectionRejected],
) -> ConnectionRejected:
    first = group.exceptions[0]
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


async def _converse(call: Call, stream: trio.abc.Stream, target: Target) -> None:
    """The life of the WebSocket: upgrade, talk, goodbye."""
    async with trio.open_nursery() as nursery:
        with trio.fail_after(CONNECT_TIMEOUT_S):
            ws = await wrap_client_stream(
                nursery,
                # The library names sockets but asks only for a stream.
                cast("trio.SocketStream", stream),
                target.host_header,
                target.resource,
                extra_headers=target.headers,
                subprotocols=[call.peer.subprotocol] if call.peer.subprotocol else None,
                message_queue_size=_MESSAGE_QUEUE,
                max_message_size=call.peer.max_message_bytes,
            )
        try:
            if (ws.subprotocol or "") == call.peer.subprotocol:
                nursery.start_soon(_read, ws, call)
                nursery.start_soon(_write, ws, call)
                nursery.start_soon(call.hold)
                await call.over.wait()
            else:
                told = "it does not speak Asterisk's WebSocket"
                call.end(Outcome.REFUSED, reason=told)
        finally:
            with trio.move_on_after(_GOODBYE_S, shield=True):
                await ws.aclose(1000)
        nursery.cancel_scope.cancel(reason="the call is over")


async def _read(ws: WebSocketConnection, call: Call) -> None:
    try:
        while True:
            call.take(await ws.get_message())
    except ConnectionClosed as exc:
        code = exc.reason.code if exc.reason else _NO_CLOSE_FRAME
        words = (exc.reason.reason if exc.reason else None) or ""
        outcome = Outcome.LOST if code == _NO_CLOSE_FRAME else Outcome.SERVICE_CLOSED
        call.end(outcome, code, words)


async def _write(ws: WebSocketConnection, call: Call) -> None:
    try:
        async for message in call.outgoing:
            await ws.send_message(message)
    except ConnectionClosed:
        # The reader knows the code and ends the call.
        return
