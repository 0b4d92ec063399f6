"""What every answer of the console has in common: JSON, its headers, bounded bodies."""

from contextlib import aclosing
from typing import Any

import orjson
import trio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from typing_extensions import override

# What is sent to the console is small: the arguments of a tool at most.
MOST_BODY_BYTES = 64 * 1024
BODY_S = 10.0

# Nothing but our own files; no inline script or style, no frame around the page.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; "
    "img-src 'self'; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Referrers go to our own pages alone: without any, browsers hide a form's origin as well.
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"microphone=(self), camera=(), geolocation=()"),
)


class Refused(Exception):
    """A request cannot be granted.

    Attributes:
        status: The HTTP status.
        why: In plain words, for who has sent it.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Json(Response):
    """A JSON answer; nobody keeps a copy."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(
            content, status_code=status_code, headers={"cache-control": "no-store"}
        )

    @override
    def render(self, content: Any) -> bytes:
        return content if isinstance(content, bytes) else orjson.dumps(content)


def refusal(status: int, why: str) -> Json:
    """An answer that says what is wrong."""
    return Json({"error": why}, status)


async def read_body(request: Request, most_bytes: int = MOST_BODY_BYTES) -> bytes:
    """The whole body, within 10 s.

    Raises:
        Refused: It is too large, or too slow.
    """
    body = bytearray()
    with trio.move_on_after(BODY_S) as scope:
        try:
            async with aclosing(request.stream()) as pieces:
                async for piece in pieces:
                    body += piece
                    if len(body) > most_bytes:
                        raise Refused(413, f"More than {most_bytes} bytes.")
        except ClientDisconnect as exc:
            raise Refused(400, "It did not come to its end.") from exc
    if scope.cancelled_caught:
        raise Refused(408, f"It did not come within {BODY_S:g} s.")
    return bytes(body)
