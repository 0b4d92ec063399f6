"""HTTP clients that calls share, and through which they share nothing else."""

import ssl
from collections.abc import Mapping
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

# Of all calls together; each call has a few of them at once, see `TOOLS_AT_ONCE`.
_LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=32)


# Of the task that makes a request: what it carries beside its own headers.
added_headers: ContextVar[Mapping[str, str]] = ContextVar("added_headers", default={})  # noqa: B039


def tool_http_client(trust: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Return a client with a pool of its own; it is the caller's to close.

    ``trust`` spares the 30 ms that it takes to read all certificate authorities again.

    It keeps no cookies: a session that a service opens for one caller must not be sent
    along with the next caller's question.
    """
    nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(
        verify=True if trust is None else trust,
        cookies=nothing,
        headers={"user-agent": "trio-sts"},
        limits=_LIMITS,
        event_hooks={"request": [_add_headers]},
    )


async def _add_headers(request: httpx.Request) -> None:  # noqa: ASYNC124  # httpx awaits it
    for name, value in added_headers.get().items():
        request.headers.setdefault(name, value)
