"""Messages between two of our own processes: notices, and requests with their answers.

A message is its length in four bytes, most significant first, and a JSON array::

    ["tell", kind, body]               a notice
    ["ask", number, kind, body]        a request
    ["answer", number, body]           what came of it
    ["refused", number, text]          its handler has failed
    ["drop", number]                   nobody waits for that answer any more

Notices are handled one after the other, in the order in which they were told; each request
is handled in a task of its own.
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any, Final, Literal

import orjson
import structlog
import trio
from attrs import define, field

from trio_sts.errors import StsError

MOST_MESSAGE_BYTES: Final = 8 * 1024 * 1024
# A peer that has not read so much is given up.
MOST_WAITING_BYTES: Final = 16 * 1024 * 1024
# Requests of the peer that are handled at the same time; more are refused.
MOST_REQUESTS: Final = 1024
_LENGTH_BYTES: Final = 4
_READ_BYTES: Final = 64 * 1024
# What is written at once, so that one message more is not behind megabytes.
_WRITE_BYTES: Final = 256 * 1024

Handler = Callable[[Any], Awaitable[Any]]
Why = Literal["", "closed", "slow", "faulty"]

_log = structlog.get_logger()


class ChannelError(StsError):
    """A request has no answer."""


class ChannelClosed(ChannelError):
    """The peer is gone, or was given up."""


class ChannelSlow(ChannelError):
    """There was no answer in time."""


class ChannelRefused(ChannelError):
    """The peer could not answer; the text says why."""


class _Faulty(Exception):
    """What came is no message."""


@define(eq=False)
class _Question:
    over: trio.Event = field(factory=trio.Event)
    answer: Any = None
    error: ChannelError | None = None


@define(eq=False)
class Channel:
    """One end of a connection between two processes; `run` has to run for it to work.

    Attributes:
        most_waiting_bytes: What may wait for the peer to read it.
        why: Why it is over; empty while it is not. ``closed``: the peer has closed it, or
            ended. ``slow``: the peer does not read. ``faulty``: it sent what is no message.
    """

    _stream: trio.abc.Stream
    most_waiting_bytes: int = MOST_WAITING_BYTES
    why: Why = field(default="", init=False)
    _numbers: "count[int]" = field(factory=lambda: count(0), init=False)
    _asked: dict[int, _Question] = field(factory=dict[int, _Question], init=False)
    _running: dict[int, trio.CancelScope] = field(
        factory=dict[int, trio.CancelScope], init=False
    )
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _waiting: deque[bytes] = field(factory=deque[bytes], init=False)
    _waiting_bytes: int = field(default=0, init=False)
    _changed: trio.Event = field(factory=trio.Event, init=False)

    async def ask(self, kind: str, body: Any = None, *, timeout_s: float) -> Any:
        """Ask the peer, and wait for its answer.

        Its handler is cancelled if this is cancelled, or takes too long.

        Args:
            kind: Which of the peer's handlers is to answer.
            body: What JSON can hold; whole numbers of 64 bits.
            timeout_s: How long to wait.

        Raises:
            ChannelClosed: The channel is over, before the answer or already.
            ChannelSlow: There was no answer in time.
            ChannelRefused: The handler has failed, or there is none of this kind.
        """
        number, question = next(self._numbers), _Question()
        self._asked[number] = question
        try:
            with trio.move_on_after(timeout_s):
                if not self._post("ask", number, kind, body):
                    raise ChannelClosed(self._told_why)
                await question.over.wait()
                if question.error is not None:
                    raise question.error
                return question.answer
        finally:
            del self._asked[number]
            if not question.over.is_set():
                self._post("drop", number)
        message = f"no answer to {kind!r} within {timeout_s:g} s"
        raise ChannelSlow(message)

    def tell(self, kind: str, body: Any = None) -> None:
        """Tell the peer something; never waits, and is lost if the channel is over.

        A peer that has not read ``most_waiting_bytes`` is given up: `run` returns.

        Args:
            kind: Which of the peer's handlers is told.
            body: What JSON can hold; whole numbers of 64 bits.

        Raises:
            ValueError: The message is over 8 MiB.
        """
        self._post("tell", kind, body)

    async def flush(self) -> None:
        """Wait until all that was told is written, or the channel is over."""
        while self._waiting_bytes and not self.why:
            await self._changed.wait()

    async def run(self, handlers: Mapping[str, Handler]) -> None:
        """Carry messages until the channel is over; ``why`` says what ended it.

        What the peer has written before it ended is handled first. Whatever a handler
        raises is logged, and a refusal to who asked.

        Args:
            handlers: By kind, for notices and requests. A handler of notices keeps all
                that comes after waiting, so it must not ask the peer.
        """
        try:
            with self._scope:
                async with self._stream, trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read(handlers, nursery)
                    nursery.cancel_scope.cancel(
                        reason="the peer has closed the channel"
                    )
        finally:
            self._end("closed")

    def _end(self, why: Why) -> None:
        if self.why:
            return
        self.why = why
        self._scope.cancel(reason=f"the channel is over: {why}")
        self._waiting.clear()
        self._wake()
        for question in self._asked.values():
            if not question.over.is_set():
                question.error = ChannelClosed(self._told_why)
                question.over.set()

    @property
    def _told_why(self) -> str:
        return f"the other process is gone ({self.why})"

    def _post(self, *message: Any) -> bool:
        """Have a message sent; False if the channel is over."""
        if self.why:
            return False
        return self._enqueue(_encoded(message))

    def _enqueue(self, encoded: bytes) -> bool:
        self._waiting.append(encoded)
        self._waiting_bytes += len(encoded)
        if self._waiting_bytes > self.most_waiting_bytes:
            self._end("slow")
            return False
        self._wake()
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _write(self) -> None:
        try:
            while True:
                while not self._waiting:
                    await self._changed.wait()
                batch = self._next_batch()
                await self._stream.send_all(batch)
                self._waiting_bytes -= len(batch)
                self._wake()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # The peer reads no more. What it has written is read all the same, to its end.
            return

    def _next_batch(self) -> bytes:
        batch = bytearray(self._waiting.popleft())
        while self._waiting and len(batch) + len(self._waiting[0]) <= _WRITE_BYTES:
            batch += self._waiting.popleft()
        return bytes(batch)

    async def _read(
        self, handlers: Mapping[str, Handler], nursery: trio.Nursery
    ) -> None:
        received = bytearray()
        try:
            while piece := await self._stream.receive_some(_READ_BYTES):
                received += piece
                for message in _taken_from(received):
                    await self._handle(message, handlers, nursery)
        except _Faulty:
            _log.error("another process sends what is no message")
            self._end("faulty")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            # It has ended without reading all that was sent to it.
            return

    async def _handle(
        self, message: Any, handlers: Mapping[str, Handler], nursery: trio.Nursery
    ) -> None:
        match message:
            case ["tell", str(kind), body]:
                await self._told(kind, body, handlers)
            case ["ask", int(number), str(kind), body]:
                if len(self._running) >= MOST_REQUESTS:
                    self._post("refused", number, "too many requests at once")
                else:
                    scope = self._running[number] = trio.CancelScope()
                    handler = handlers.get(kind)
                    nursery.start_soon(self._answer, number, kind, body, handler, scope)
            case ["answer", int(number), body]:
                self._answered(number, body, None)
            case ["refused", int(number), str(text)]:
                self._answered(number, None, ChannelRefused(text))
            case ["drop", int(number)]:
                if number in self._running:
                    self._running[number].cancel(reason="nobody waits for the answer")
            case _:
                raise _Faulty

    async def _told(
        self, kind: str, body: Any, handlers: Mapping[str, Handler]
    ) -> None:
        if kind not in handlers:
            _log.error("a notice of another process is not known", kind=kind)
            return
        try:
            await handlers[kind](body)
        # One notice that fails must not cost those that follow.
        except Exception:  # noqa: BLE001
            _log.exception("a notice of another process has failed", kind=kind)

    async def _answer(
        self,
        number: int,
        kind: str,
        body: Any,
        handler: Handler | None,
        scope: trio.CancelScope,
    ) -> None:
        try:
            with scope:
                if handler is None:
                    self._post("refused", number, f"nobody answers {kind!r}")
                else:
                    self._post("answer", number, await handler(body))
        # Who asked is told; this process goes on.
        except Exception as exc:  # noqa: BLE001
            _log.exception("a request of another process has failed", kind=kind)
            self._post("refused", number, f"{type(exc).__name__}: {exc}"[:1000])
        finally:
            del self._running[number]

    def _answered(self, number: int, body: Any, error: ChannelError | None) -> None:
        question = self._asked.get(number)
        if question is not None and not question.over.is_set():
            question.answer, question.error = body, error
            question.over.set()


def _encoded(message: tuple[Any, ...]) -> bytes:
    try:
        content = orjson.dumps(message)
    except TypeError:
        # Lone surrogates: slower, but it can write them.
        content = json.dumps(message).encode()
    if len(content) > MOST_MESSAGE_BYTES:
        told = f"a message of {len(content)} bytes; {MOST_MESSAGE_BYTES} are the most"
        raise ValueError(told)
    return len(content).to_bytes(_LENGTH_BYTES, "big") + content


def _taken_from(received: bytearray) -> list[Any]:
    """Take the whole messages off what was received.

    Raises:
        _Faulty: One is too long, or no JSON.
    """
    messages: list[Any] = []
    start = 0
    while len(received) - start >= _LENGTH_BYTES:
        length = int.from_bytes(received[start : start + _LENGTH_BYTES], "big")
        if length > MOST_MESSAGE_BYTES:
            raise _Faulty
        end = start + _LENGTH_BYTES + length
        if len(received) < end:
            break
        messages.append(_decoded(bytes(received[start + _LENGTH_BYTES : end])))
        start = end
    del received[:start]
    return messages


def _decoded(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as exc:
            raise _Faulty from exc
