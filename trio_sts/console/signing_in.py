"""Signing in with the token and out again."""

from urllib.parse import parse_qs

import structlog
import trio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from .access import SESSION_S, Access
from .answers import Refused, read_body
from .guard import address_of, cookie_name, cookie_of

_MOST_BYTES = 4096

_log = structlog.get_logger()


async def sign_in(request: Request) -> Response:
    """A form with the field ``token``: a session, or the page once more."""
    access: Access = request.app.state.access
    if access.anonymous is not None:
        return RedirectResponse("/", 303)
    body = await read_body(request, _MOST_BYTES)
    address, now = address_of(request.scope), trio.current_time()
    waits_s = access.waits_s(address, now)
    if waits_s > 0:
        raise Refused(429, f"Too many wrong tokens: wait {waits_s:.0f} s.")
    try:
        fields = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        fields = {}
    if not access.by_token(fields.get("token", [""])[0].strip(), address, now):
        _log.warning("console: wrong token", address=address)
        return RedirectResponse("/login?wrong=1", 303)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        cookie_name(request.headers),
        access.sign_in(now),
        max_age=int(SESSION_S),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


async def sign_out(request: Request) -> Response:
    """End the session."""
    access: Access = request.app.state.access
    cookie = cookie_of(request.headers)
    if cookie is not None:
        access.sign_out(cookie)
    await trio.lowlevel.checkpoint()
    answer = Response(status_code=204)
    name = cookie_name(request.headers)
    answer.delete_cookie(name, httponly=True, samesite="strict")
    return answer
