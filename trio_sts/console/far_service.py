"""To which service *Talk* may connect: whoever may look at calls may not reach everything."""

from collections.abc import Sequence
from typing import Final

from trio_sts.phone.target import Target, parse_target
from trio_sts.settings import Settings, is_loopback

from .answers import Refused

_MOST_CHARS: Final = 500
# By this the service's records know whose calls these are.
_CALLER: Final = {"from": "console"}


def own_service(settings: Settings, port: int) -> Target:
    """This service's own port, with the token that it asks for."""
    host = settings.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    shown = f"[{host}]" if ":" in host else host
    return parse_target(f"ws://{shown}:{port}/", _CALLER, settings.token)


def other_service(settings: Settings, url: str) -> Target:
    """Another service, if the operator has named it.

    On a console that nobody else can reach, every port of this machine may be named by
    the page itself: who is there reaches them without us.

    Raises:
        Refused: It is none of those, or no such URL.
    """
    try:
        target = parse_target(url[:_MOST_CHARS], _CALLER)
    except ValueError as exc:
        raise Refused(400, f"This is no service: {exc}.") from exc
    is_local = is_loopback(target.host) and is_loopback(settings.admin_host)
    if is_local or _is_named(target, settings.console_services):
        return target
    raise Refused(403, "STS_CONSOLE_SERVICES does not name this service.")


def _is_named(target: Target, named: Sequence[str]) -> bool:
    host = f"[{target.host}]" if ":" in target.host else target.host
    own = {host.lower(), f"{host.lower()}:{target.port}"}
    return any(each.lower() in own for each in named)
