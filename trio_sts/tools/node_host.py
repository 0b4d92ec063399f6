"""JavaScript tools: many calls at once, over one line of JSON messages to Node.js."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

import structlog
import trio
from attrs import define, field, frozen
from structlog.typing import FilteringBoundLogger

from trio_sts.errors import ToolError

from .answers import Silent
from .lines import LineSplitter
from .node_process import node_process
from .tool import CallContext

# A file has 10 s to load; the rest is for Node.js itself.
_LOAD_S = 15
_RESTART_S = 0.5
_RESTART_AT_MOST_S = 30
# Who lived that long is started again without waiting longer than the last time.
_LIVED_S = 60
_READ_BYTES = 64 * 1024
# A result of a million characters, each written as an escape of 6 bytes.
_LINE_BYTES = 8 * 1024 * 1024
# Calls between us and the host's reader, which never waits: a burst of one moment.
_OUTBOX_CALLS = 64

log: FilteringBoundLogger = structlog.get_logger()


# How a tool's own line is logged: its level, and the text.
Say = Callable[[str, str], None]
_LEVELS: Final = frozenset({"debug", "info", "warning", "error"})


@frozen
class Caller:
    """The phone call on whose behalf a tool is called.

    Attributes:
        uuid: Its id.
        metadata: What AVR Core told about it.
        say: Logs what the tool writes meanwhile.
    """

    uuid: str
    metadata: Mapping[str, str] = field(repr=False)
    say: Say = field(repr=False)

    @classmethod
    def of(cls, context: CallContext, path: Path) -> "Caller":
        """The call of a context; what the tool of this file writes is its log's."""
        # Another task logs it, which is no part of the call.
        about = structlog.contextvars.get_contextvars()
        own_log = context.logger.bind(**about, source=str(path))
        return cls(context.uuid, context.metadata, partial(say, own_log))


def say(into: FilteringBoundLogger, level: str, text: str) -> None:
    """Log a line of a tool's."""
    getattr(into, level if level in _LEVELS else "info")("tool says", text=text)


@frozen
class Offer:
    """What a file says about its tool; nothing in it is checked."""

    name: object
    description: object
    input_schema: object
    ends_call: object


class ScriptHost(Protocol):
    """Runs JavaScript tools, in this process's own host or in one that several share."""

    @property
    def offers(self) -> Mapping[Path, Offer]:
        """By file, as soon as it is loaded."""
        ...

    @property
    def faults(self) -> Mapping[Path, str]:
        """By file, the reason why it is not loaded."""
        ...

    async def call(
        self, path: Path, args: Mapping[str, Any], caller: Caller, timeout_s: float
    ) -> str | Silent:
        """Call the tool of one file.

        Args:
            path: The file.
            args: For the tool.
            caller: On whose behalf.
            timeout_s: The host gives up after that, and replaces the thread if it is
                blocked, whether or not somebody still waits here.

        Raises:
            ToolError: The tool failed, or the host is not there.
        """
        ...


@define
class _Waiting:
    """A call on its way; without an answer, the host ended before it."""

    say: Say
    done: trio.Event = field(factory=trio.Event)
    answer: Mapping[str, Any] | None = None


@asynccontextmanager
async def running_node_host(
    files: Sequence[Path], *, node: str, environ: Mapping[str, str]
) -> AsyncGenerator["NodeHost"]:
    """Run the host for these files until the end of the block.

    When the block begins, each file is loaded or has its fault.

    Args:
        files: Absolute paths.
        node: The Node.js executable.
        environ: What the tools see as ``process.env``.
    """
    host = NodeHost(files, node, environ)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(host.run)
        with trio.move_on_after(_LOAD_S):
            await host.settled.wait()
        yield host
        nursery.cancel_scope.cancel(reason="the tools are closed")


class NodeHost:
    """The service's end of the line to Node.js.

    Attributes:
        offers: By file, as soon as it is loaded.
        faults: By file, the reason why it is not loaded.
        settled: Set when every file is in one of the two, or the host has failed.
    """

    def __init__(
        self, files: Sequence[Path], node: str, environ: Mapping[str, str]
    ) -> None:
        self.offers: dict[Path, Offer] = {}
        self.faults: dict[Path, str] = {}
        self.settled = trio.Event()
        self._files = tuple(files)
        self._node = node
        self._environ = environ
        self._numbers = count()
        self._waiting: dict[int, _Waiting] = {}
        # Those that a shared thread was lost by; kept, so that it happens once.
        self._apart: set[int] = set()
        self._outbox: trio.MemorySendChannel[bytes] | None = None

    async def call(
        self,
        path: Path,
        args: Mapping[str, Any],
        caller: Caller,
        timeout_s: float,
    ) -> str | Silent:
        """Call the tool of one file; see `ScriptHost`.

        Raises:
            ToolError: The tool failed, or the host is not there.
        """
        outbox, number = self._outbox, next(self._numbers)
        if outbox is None:
            raise ToolError("The tool is not available at the moment.")
        message = {
            "type": "call",
            "id": number,
            "file": self._files.index(path),
            "uuid": caller.uuid,
            "metadata": dict(caller.metadata),
            "args": args,
            "timeout_ms": round(timeout_s * 1000),
        }
        waiting = self._waiting[number] = _Waiting(caller.say)
        try:
            await outbox.send(_line(message))
            await waiting.done.wait()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise ToolError("The tool is not available at the moment.") from exc
        finally:
            del self._waiting[number]
        return _result(waiting.answer)

    async def run(self) -> NoReturn:
        """Keep a host running, and start it again ever later while it keeps dying."""
        delay_s = _RESTART_S
        while True:
            began = trio.current_time()
            try:
                await self._live()
            except* (OSError, trio.BrokenResourceError) as group:
                log.error("node host cannot be reached", cause=repr(group.exceptions))
            if trio.current_time() - began > _LIVED_S:
                delay_s = _RESTART_S
            log.error("node host ended", again_in_s=delay_s)
            await trio.sleep(delay_s)
            delay_s = min(2 * delay_s, _RESTART_AT_MOST_S)

    async def _live(self) -> None:
        """Go through the life of one process; every call in it has an end with it."""
        outbox, lines = trio.open_memory_channel[bytes](_OUTBOX_CALLS)
        files = [str(path) for path in self._files]
        start = {"type": "start", "files": files, "apart": sorted(self._apart)}
        outbox.send_nowait(_line(start))
        try:
            async with node_process(self._node, self._environ) as stream:
                async with outbox, lines, trio.open_nursery() as nursery:
                    self._outbox = outbox
                    nursery.start_soon(_write, stream, lines)
                    await self._read(stream)
                    nursery.cancel_scope.cancel(reason="the Node.js host ended")
        finally:
            self._outbox = None
            self.settled.set()
            for waiting in self._waiting.values():
                waiting.done.set()

    async def _read(self, stream: trio.SocketStream) -> None:
        """Take messages until the host closes its socket, or says what is no message."""
        splitter = LineSplitter(_LINE_BYTES)
        try:
            while data := await stream.receive_some(_READ_BYTES):
                for line in splitter.feed(data):
                    self._take(json.loads(line))
        except (ValueError, LookupError, TypeError, RecursionError) as exc:
            log.error("node host cannot be understood", cause=repr(exc))
        except trio.BrokenResourceError as exc:
            log.debug("node host closed its socket", cause=repr(exc))

    def _take(self, message: Mapping[str, Any]) -> None:
        kind: str = message["type"]
        match kind:
            case "answer" | "failed" | "overdue":
                waiting = self._waiting.get(message["id"])
                if waiting is not None:
                    waiting.answer = message
                    waiting.done.set()
            case "loaded" | "refused":
                self._settle(self._file(message), message)
            case "log":
                self._say(message)
            case "apart":
                self._set_apart(message)
            case _:
                log.debug("node host sent an unknown message")

    def _file(self, message: Mapping[str, Any]) -> Path:
        index: int = message["file"]
        return self._files[index]

    def _say(self, message: Mapping[str, Any]) -> None:
        """Log what a tool writes, with its call if that is known and goes on."""
        waiting = self._waiting.get(message["id"])
        if waiting is not None:
            waiting.say(message["level"], message["text"])
            return
        known = message["file"] is not None
        source = str(self._file(message)) if known else None
        say(log.bind(source=source), message["level"], message["text"])

    def _set_apart(self, message: Mapping[str, Any]) -> None:
        """Say what was lost: a shared thread is gone, and who did it is on its own."""
        others: int = message["others"]
        lost = f"what {others} other files kept in memory: they begin anew"
        why = str(message["message"]).partition("\n")[0]
        if message["file"] is None:
            log.warning("shared thread of JavaScript tools lost", why=why, lost=lost)
            return
        self._apart.add(message["file"])
        log.warning(
            "tool file has a thread of its own from now on",
            source=str(self._file(message)),
            why=why,
            lost=lost,
        )

    def _settle(self, path: Path, message: Mapping[str, Any]) -> None:
        """Keep what the first host says about a file: the tools never change."""
        if self.settled.is_set():
            return
        if message["type"] == "refused":
            self.faults[path] = str(message["message"]).partition("\n")[0]
        else:
            self.offers[path] = Offer(
                message.get("name"),
                message.get("description"),
                message.get("input_schema"),
                message.get("ends_call"),
            )
        if len(self.offers) + len(self.faults) == len(self._files):
            self.settled.set()


async def _write(
    stream: trio.SocketStream, lines: trio.MemoryReceiveChannel[bytes]
) -> None:
    """Send what is asked; one task does, so that no cancelled call cuts a line."""
    try:
        async for line in lines:
            await stream.send_all(line)
    except trio.BrokenResourceError as exc:
        log.debug("node host reads no more", cause=repr(exc))


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, allow_nan=False).encode() + b"\n"


def _result(answer: Mapping[str, Any] | None) -> str | Silent:
    if answer is None:
        raise ToolError("The tool failed.") from RuntimeError("the node host ended")
    if answer["type"] == "overdue":
        raise ToolError("The tool took too long.")
    if answer["type"] == "failed":
        raise ToolError("The tool failed.") from RuntimeError(str(answer["message"]))
    result: str = answer["result"]
    return Silent(result) if answer["silent"] else result
