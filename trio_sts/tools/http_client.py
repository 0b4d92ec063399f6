"""The HTTP client that all calls share, and through which they share nothing else."""

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx


def tool_http_client() -> httpx.AsyncClient:
    """Return a client for `CallContext.http`; it is the caller's to close.

    It keeps no cookies: a session that a service opens for one caller must not be sent
    along with the next caller's question.
    """
    nothing = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(cookies=nothing, headers={"user-agent": "trio-sts"})
