"""Reading the body of an HTTP answer, with a bound."""

import codecs
import json

import httpx

_UTF_8 = "utf-8"


async def read_up_to(response: httpx.Response, limit_bytes: int) -> bytes:
    """Return at most the first ``limit_bytes`` of a streamed body.

    The rest is read and dropped: the iterators of httpx cannot be left half-way without
    a warning of Trio's. The caller's timeout bounds an endless body.

    Resource handling: The response stays the caller's to close.
    """
    chunks: list[bytes] = []
    missing = limit_bytes
    async for chunk in response.aiter_bytes():
        chunks.append(chunk[:missing])
        missing = max(0, missing - len(chunk))
    return b"".join(chunks)


def decoded(body: bytes, charset: str | None) -> str:
    """Return a body as text, whatever its service says about the charset.

    Args:
        body: What was received.
        charset: As declared; without one, or with one that does not exist, the body is
            taken for UTF-8, -16 or -32, whichever its first bytes look like.
    """
    encoding = _known(charset) or json.detect_encoding(body[:4])
    try:
        text = body.decode(encoding, errors="replace")
    except (LookupError, ValueError):  # a codec for something else than text
        text = body.decode(_UTF_8, errors="replace")
    return text.removeprefix("\ufeff")


def _known(charset: str | None) -> str | None:
    try:
        return codecs.lookup(charset).name if charset else None
    except (LookupError, ValueError):  # ValueError: a NUL in its name
        return None
