"""Which requests were meant for this console, by their ``Host`` and their ``Origin``.

A page of somebody else's cannot read the console's answers, but its name may lead to this
machine's address (DNS rebinding), and it may send requests. The first is told by ``Host``,
the second by ``Origin``.
"""

import re
from ipaddress import ip_address

from attrs import frozen

from trio_sts.settings import is_loopback

# A name or an IPv4 address, or an IPv6 one in brackets; then a port.
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[0-9a-z._-]+)(?::(\d{1,5}))?", re.ASCII)
_MOST_CHARS = 300


@frozen
class OwnHosts:
    """The names under which the console may be asked for.

    Attributes:
        admin_host: Where it listens, as the operator has written it.
    """

    admin_host: str

    def has(self, host: str) -> bool:
        """Whether a request's ``Host`` is one of ours: with any port or without one."""
        name = _name_of(host)
        if name is None:
            return False
        own = self.admin_host.lower().removesuffix(".")
        if is_loopback(name) or name == own:
            return True
        # It listens everywhere: an address leads here alone, and a name might not.
        return _is_everywhere(own) and _is_address(name)


def is_own_origin(origin: str, host: str, scheme: str) -> bool:
    """Whether a request comes from a page of the host that it is sent to.

    Args:
        origin: Its ``Origin``.
        host: Its ``Host``, which is one of ours.
        scheme: ``http`` or ``https``, as the request came.
    """
    return origin.lower() == f"{scheme}://{host.lower()}"


def _name_of(host: str) -> str | None:
    if len(host) > _MOST_CHARS:
        return None
    parts = _HOST.fullmatch(host.lower())
    return None if parts is None else parts[1].strip("[]").removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_everywhere(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_unspecified
