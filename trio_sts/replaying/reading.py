"""Reads a call file, as far as it goes."""

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import orjson
from attrs import define, field, frozen

from trio_sts.conversation.config import Rules
from trio_sts.errors import StsError
from trio_sts.record.callfile import FORMAT
from trio_sts.record.decode import read_rules

_READ_BYTES: Final = 64 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
# What one line may be: a flooded second, and nothing that fills the memory.
_MOST_LINE_BYTES: Final = 64 * 1024 * 1024

Line = Mapping[str, Any]


class Unreadable(StsError):
    """A file is no call file, or one of a newer program; the text says which."""


@frozen
class Head:
    """The first line.

    Attributes:
        program: The version that held the call.
        call: The call id.
        opened: When its caller leg opened: ISO 8601, UTC.
        started_at: The same on the clock of all times in the file, in seconds.
        fallback_uuid: The call id if ``init`` had none that could be used.
        keeps_text: Whether texts are in the file as they were.
        rules: What the conversation obeyed.
        session: What was asked for; None where that was not known yet.
    """

    program: str
    call: str
    opened: str
    started_at: float
    fallback_uuid: str
    keeps_text: bool
    rules: Rules = field(repr=False)
    session: Mapping[str, Any] | None = field(default=None, repr=False)


@define(eq=False)
class CallReader:
    """One file: its first line, and the others one after the other.

    Attributes:
        head: The first line.
        broken: What is wrong with the end of the file; empty while nothing is.
    """

    head: Head
    _lines: Iterator[bytes]
    _packed: "_Packed"
    broken: str = ""

    @classmethod
    def open(cls, path: Path) -> "CallReader":
        """Read the first line.

        Raises:
            Unreadable: It is none that this version reads.
        """
        packed = _Packed(path)
        try:
            lines = packed.lines()
            first = next(lines, None)
            if first is None:
                why = "it holds no whole line of a call file"
                raise Unreadable(why)
            return cls(_head(first), lines, packed)
        except OSError as exc:
            raise Unreadable(exc.strerror or type(exc).__name__) from exc

    def lines(self) -> Iterator[Line]:
        """The other lines, to the last whole one.

        Raises:
            Unreadable: A line in the middle is none of the format.
        """
        for line in self._lines:
            yield _object(line)
        self.broken = self._packed.broken


@define(eq=False)
class _Packed:
    """The members of a file, unpacked and cut into whole lines."""

    path: Path
    broken: str = ""

    def lines(self) -> Iterator[bytes]:
        rest = b""
        for piece in self._pieces():
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
            if len(rest) > _MOST_LINE_BYTES:
                why = "a line without an end"
                raise Unreadable(why)
        if rest:
            self.broken = "the last line is not whole"

    def _pieces(self) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(_GZIP)
        with self.path.open("rb") as file:
            while packed := file.read(_READ_BYTES):
                while packed:
                    if unpacker.eof:
                        unpacker = zlib.decompressobj(_GZIP)
                    try:
                        yield unpacker.decompress(packed)
                    except zlib.error:
                        self.broken = "what follows is damaged"
                        return
                    packed = unpacker.unused_data
        if not unpacker.eof:
            self.broken = "the last piece is not whole"


def _head(line: bytes) -> Head:
    told = _object(line)
    number = told.get("format")
    if not isinstance(number, int):
        why = "its first line is not that of a call file"
        raise Unreadable(why)
    if number > FORMAT:
        why = f"it has format {number}, and this version reads up to {FORMAT}"
        raise Unreadable(why)
    try:
        return Head(
            program=str(told["program"]),
            call=str(told["call"]),
            opened=str(told["opened"]),
            started_at=float(told["started_at"]),
            fallback_uuid=str(told["fallback_uuid"]),
            keeps_text=bool(told["text"]),
            rules=read_rules(told["rules"]),
            session=told.get("session"),
        )
    except (KeyError, TypeError, ValueError) as exc:
        why = f"its first line is not understood: {exc}"
        raise Unreadable(why) from exc


def _object(line: bytes) -> Line:
    try:
        parsed: object = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        why = "a line is not JSON"
        raise Unreadable(why) from exc
    if not isinstance(parsed, dict):
        why = "a line is not a JSON object"
        raise Unreadable(why)
    return cast("Line", parsed)
