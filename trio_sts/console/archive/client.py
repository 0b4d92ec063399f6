"""Asks the process that reads; it is started when it is first needed."""

import subprocess
import sys
from typing import Any, Final

import orjson
import structlog
import trio
from attrs import define, field, frozen

# One answer: starting the process, or replaying an hour's call, is part of it.
ANSWER_S: Final = 30.0
MOST_ANSWER_BYTES: Final = 32 * 1024 * 1024
# Who asks while so many wait is told so.
MOST_WAITING: Final = 8
_READ_BYTES: Final = 256 * 1024
_STOP_S: Final = 0.5

_GONE: Final = (OSError, EOFError, trio.BrokenResourceError, trio.ClosedResourceError)

_log = structlog.get_logger()


class Unanswered(Exception):
    """There is no answer; the text says why, in plain words."""


@frozen
class Answer:
    """What the process has answered.

    Attributes:
        status: As of HTTP.
        body: A JSON object.
    """

    status: int
    body: bytes = field(repr=False)


@define(eq=False)
class Reader:
    """One process, asked one thing at a time.

    Attributes:
        config: What it has to know: ``calls_db`` and ``record_dir``.
        process: The one that runs, if one was needed so far.
    """

    config: dict[str, Any] = field(repr=False)
    process: trio.Process | None = None
    _one: trio.Lock = field(factory=trio.Lock)
    _waiting: int = 0

    async def ask(self, what: str, **fields: Any) -> Answer:
        """Ask, and wait for the answer, 30 s at most.

        Raises:
            Unanswered: It takes too long, too many ask, or the process has failed.
        """
        if self._waiting >= MOST_WAITING:
            raise Unanswered("Too many ask at once; try again in a moment.")
        self._waiting += 1
        try:
            with trio.move_on_after(ANSWER_S):
                async with self._one:
                    return await self._ask({"ask": what, **fields})
        finally:
            self._waiting -= 1
        why = f"There was no answer within {ANSWER_S:g} s."
        raise Unanswered(why)

    async def aclose(self) -> None:
        """End the process, within half a second."""
        process, self.process = self.process, None
        if process is None:
            return
        with trio.move_on_after(_STOP_S, shield=True):
            # It ends by itself where nobody asks any more.
            if process.stdin is not None:
                await process.stdin.aclose()
            if process.stdout is not None:
                await process.stdout.aclose()
            process.kill()
            await process.wait()

    async def _ask(self, question: dict[str, Any]) -> Answer:
        line = orjson.dumps(question) + b"\n"
        was_there = self.process is not None
        try:
            answer = await self._exchange(line)
        except _GONE as exc:
            if not was_there:
                _log.warning("console: reading has failed", why=repr(exc))
                told = "Reading the calls has failed; the log says why."
                raise Unanswered(told) from exc
            # It had nothing to do for long, and has ended just now.
            return await self._ask(question)
        status, why, body = answer.split(b"\t", 2)
        if why:
            _log.error("console: reading has failed", why=why.decode(errors="replace"))
        return Answer(int(status), body)

    async def _exchange(self, line: bytes) -> bytes:
        whole = False
        try:
            process = await self._started()
            if process.stdin is None or process.stdout is None:
                raise AssertionError("a process without its pipes")
            await process.stdin.send_all(line)
            answer = await _read_line(process.stdout)
            whole = True
            return answer
        finally:
            if not whole:
                # What it would still answer is nobody's answer.
                await self.aclose()

    async def _started(self) -> trio.Process:
        if self.process is not None and self.process.poll() is None:
            return self.process
        await self.aclose()
        command = [sys.executable, "-P", "-m", "trio_sts.console.archive.process"]
        self.process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self.process.stdin is not None:
            await self.process.stdin.send_all(orjson.dumps(self.config) + b"\n")
        return self.process


async def _read_line(stream: trio.abc.ReceiveStream) -> bytes:
    pieces = bytearray()
    while not pieces.endswith(b"\n"):
        piece = await stream.receive_some(_READ_BYTES)
        pieces += piece
        if not piece or len(pieces) > MOST_ANSWER_BYTES:
            raise EOFError("the process has ended, or says too much")
    return bytes(pieces[:-1])
