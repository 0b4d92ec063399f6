"""What stands before every request: was it meant for us, may they look, may they change.

In this order: the protocol, the host, the site that the request comes from, the origin of
what changes something, the token or the session, the page's own secret. What is let through
gets the console's headers on its answer.
"""

import secrets
from http.cookies import CookieError, SimpleCookie

import structlog
import trio
from attrs import define
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .access import Access, Visitor
from .answers import HEADERS, Refused, refusal
from .hosts import OwnHosts, is_own_origin

_COOKIE = "trio_sts_console"
VISITOR = "visitor"
_LOGIN = "/login"
# Without a token or a session: the login page and what it is made of.
_OPEN = ("/static/",)
# What another site's page may not even ask for.
_DATA = ("/api/", "/metrics")
_SAFE = {"GET", "HEAD"}
_SAME_SITE = {"same-origin", "none"}
_SCHEMES = {"ws": "http", "wss": "https"}

_log = structlog.get_logger()


@define(eq=False)
class Guard:
    """The outermost layer of the console's application."""

    app: ASGIApp
    access: Access
    hosts: OwnHosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request or WebSocket through, or refuse it."""
        sender = _Sender(send)
        answer: Response | None = None
        try:
            answer = self._answer(scope)
            if answer is None:
                await self.app(scope, receive, sender)
        except* Refused as group:
            answer = _of(group)
        # A fault of ours costs this request alone.
        except* Exception:  # noqa: BLE001
            _log.exception("console request failed", method=scope.get("method"))
            answer = refusal(500, "Something has failed here; the log says what.")
        if answer is not None and not sender.started:
            await answer(scope, receive, sender)

    def _answer(self, scope: Scope) -> Response | None:
        """The answer to what is not let through; None for the rest."""
        headers = Headers(scope=scope)
        path = scope["path"]
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if (refused := self._not_for_us(scope, headers, changes=changes)) is not None:
            return refused
        visitor = self._visitor(scope, headers)
        if changes and not _by_own_page(scope, headers, visitor):
            return refusal(403, "This does not come from a page of the console.")
        scope.setdefault("state", {})[VISITOR] = visitor
        if path == _LOGIN or path.startswith(_OPEN):
            return None
        if visitor is None:
            return _sign_in_first(path)
        # Browsers send no header of ours with a WebSocket: its origin has to do.
        needs_secret = changes and scope["type"] != "websocket"
        if needs_secret and not _knows_secret(headers, visitor):
            return refusal(403, "The page is not of this session: reload it.")
        return None

    def _not_for_us(
        self, scope: Scope, headers: Headers, *, changes: bool
    ) -> Response | None:
        if scope["http_version"] not in {"1.0", "1.1"}:
            return refusal(505, "HTTP/1.1 is spoken here.")
        if len(headers.getlist("host")) != 1 or not self.hosts.has(headers["host"]):
            return refusal(421, "The console is not known by this host name.")
        site = headers.get("sec-fetch-site", "none")
        if site not in _SAME_SITE and (changes or scope["path"].startswith(_DATA)):
            return refusal(403, "Another site asks for this.")
        return None

    def _visitor(self, scope: Scope, headers: Headers) -> Visitor | None:
        scheme, _, offered = headers.get("authorization", "").partition(" ")
        now, address = trio.current_time(), address_of(scope)
        if self.access.anonymous is not None:
            return self.access.anonymous
        if scheme.lower() == "bearer":
            waits_s = self.access.waits_s(address, now)
            if waits_s > 0:
                raise Refused(429, f"Too many wrong tokens: wait {waits_s:.0f} s.")
            right = self.access.by_token(offered.strip(), address, now)
            return Visitor("") if right else None
        cookie = cookie_of(headers)
        return None if cookie is None else self.access.by_cookie(cookie, now)


@define(eq=False)
class _Sender:
    """Sends an answer, with the console's headers on it.

    Attributes:
        started: Whether there is an answer already.
    """

    _send: Send
    started: bool = False

    async def __call__(self, message: Message) -> None:
        if message["type"] in _STARTS:
            self.started = True
            given = message.get("headers", [])
            message = {**message, "headers": [*given, *HEADERS]}
        await self._send(message)


_STARTS = {
    "http.response.start",
    "websocket.accept",
    "websocket.http.response.start",
}


def address_of(scope: Scope) -> str:
    """Where a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def cookie_name(headers: Headers) -> str:
    """The name of the session's cookie: of each console on one host another one.

    Browsers send the cookies of a host to all its ports.
    """
    port = headers.get("host", "").rpartition(":")[2]
    return f"{_COOKIE}_{port}" if port.isdecimal() else _COOKIE


def cookie_of(headers: Headers) -> str | None:
    """What the session's cookie carries; None without one."""
    name = cookie_name(headers)
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return cookies[name].value if name in cookies else None


def _by_own_page(scope: Scope, headers: Headers, visitor: Visitor | None) -> bool:
    origin = headers.get("origin")
    if origin is None:
        # Browsers tell it; programs that present the token need not.
        return visitor is not None and not visitor.csrf
    scheme: str = scope["scheme"]
    scheme = _SCHEMES.get(scheme, scheme)
    return is_own_origin(origin, headers["host"], scheme)


def _knows_secret(headers: Headers, visitor: Visitor) -> bool:
    offered = headers.get("x-csrf-token", "")
    # Empty for who presents the token with every request.
    wanted = visitor.csrf.encode()
    return not wanted or secrets.compare_digest(offered.encode(), wanted)


def _sign_in_first(path: str) -> Response:
    if path == "/":
        return RedirectResponse(_LOGIN, 303)
    return refusal(401, "Sign in first, or present the token.")


def _of(group: BaseExceptionGroup[Refused]) -> Response:
    found = group.exceptions[0]
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return refusal(found.status, found.why)
