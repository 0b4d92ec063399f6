"""Reading the body of an HTTP answer, with a bound."""

import httpx


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
