"""The body of the service's answer: its length, its compression, its text."""

import codecs
import json
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn, cast

import httpx
import orjson
import trio

from .unusable import Unusable

MAX_BYTES = 256 * 1024
_LONG = f"the answer is longer than {MAX_BYTES} bytes"
# Either header that zlib knows, found out by itself; raw streams have none.
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


async def read_body(response: httpx.Response) -> bytes:
    """Read an answer to its end, at most 256 KiB of it, unpacked and packed.

    Raises:
        Unusable: It is longer, or packed in a way that was not asked for.
    """
    unpack = _unpacker(response.headers.get("Content-Encoding", ""))
    packed = 0
    body = bytearray()
    why = ""
    with trio.CancelScope() as reading:
        async for chunk in cast("httpx.AsyncByteStream", response.stream):
            packed += len(chunk)
            try:
                body += unpack(chunk, MAX_BYTES + 1 - len(body))
            except _PackedWrongly:
                why = "the answer is packed wrongly"
            if packed > MAX_BYTES or len(body) > MAX_BYTES:
                why = _LONG
            if why:
                # Leaving the loop would leave httpx's nested generators half-way; a
                # cancellation is raised where the network is read, and ends them all.
                reading.cancel(reason=why)
    if why:
        raise Unusable(why)
    return bytes(body)


class _PackedWrongly(Exception):
    """The body is not what its header says."""


class _Inflate:
    """Unpacks ``deflate`` and ``gzip``, as much as is asked for.

    A body may consist of several such pieces, one after the other.
    """

    def __init__(self) -> None:
        self._packed = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._begun = False

    def __call__(self, chunk: bytes, most: int) -> bytes:
        try:
            found = self._some(chunk, most)
            while self._packed.eof and self._packed.unused_data and len(found) < most:
                rest = self._packed.unused_data
                self._packed = zlib.decompressobj(_GZIP_OR_ZLIB)
                found += self._packed.decompress(rest, most - len(found))
        except zlib.error as exc:
            raise _PackedWrongly from exc
        return found

    def _some(self, chunk: bytes, most: int) -> bytes:
        if self._packed.eof:
            self._packed = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            found = self._packed.decompress(chunk, most)
        except zlib.error:
            if self._begun:
                raise
            # What some servers call deflate has no header.
            self._packed = zlib.decompressobj(-zlib.MAX_WBITS)
            found = self._packed.decompress(chunk, most)
        self._begun = True
        return found


class _Brotli:
    """Unpacks ``br``, as much as is asked for."""

    def __init__(self) -> None:
        # Imported where it is met: few services pack so.
        self._library = import_module("brotli")
        self._packed = self._library.Decompressor()

    def __call__(self, chunk: bytes, most: int) -> bytes:
        try:
            found: bytes = self._packed.process(chunk, output_buffer_limit=most)
        except self._library.error as exc:
            raise _PackedWrongly from exc
        return found


def _plain(chunk: bytes, most: int) -> bytes:
    return chunk[:most]


def _unpacker(encoding: str) -> Callable[[bytes, int], bytes]:
    match encoding.strip().lower():
        case "" | "identity":
            return _plain
        # AVR's own connector unpacks "compress" as the others.
        case "gzip" | "x-gzip" | "deflate" | "compress" | "x-compress":
            return _Inflate()
        case "br":
            return _Brotli()
        case _:
            raise Unusable("the answer is packed in a way that was not asked for")


def decode(body: bytes, charset: str | None) -> str:
    """The text of a body, as a browser would read it; it never fails.

    Args:
        body: With or without a byte order mark, which wins over the charset.
        charset: As the answer declares it; an unknown one counts as UTF-8.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body.removeprefix(mark).decode(name, "replace")
    try:
        return body.decode(charset or "utf-8", "replace")
    except (LookupError, UnicodeError):
        return body.decode("utf-8", "replace")


_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def parse_object(text: str) -> dict[str, object]:
    """The JSON object that a text is.

    Raises:
        Unusable: It is none.
    """
    try:
        found: object = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        found = _lenient(text)
    if not isinstance(found, dict):
        raise Unusable('the answer has no text named "system"')
    return cast("dict[str, object]", found)


def _lenient(text: str) -> object:
    """JSON that JavaScript takes and orjson does not: escaped halves of a character."""
    try:
        found: object = json.loads(text, parse_constant=_no_constant)
        written = json.dumps(found, ensure_ascii=False)
    except (ValueError, RecursionError):
        raise Unusable("the answer is not JSON") from None
    return orjson.loads(written.encode("utf-8", "replace"))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
