"""The listener's sockets, and why there are none, in the operator's words."""

import errno
import socket

import trio

from trio_sts.errors import StsError

_BACKLOG = 512
_WHY = {
    errno.EADDRINUSE: "another program listens there already",
    errno.EACCES: "this user may not listen there; ports below 1024 are for root",
    errno.EADDRNOTAVAIL: "HOST is no address of this machine",
}


class CannotListen(StsError):
    """The port cannot be bound; the text names it and says what to change."""


async def listen(host: str, port: int) -> list[trio.SocketListener]:
    """Bind the port at every address that the host stands for.

    ``::`` is every address of either family, as in Node.js, and IPv6 alone is not.

    Raises:
        CannotListen: With the port and the host in its text.
    """
    try:
        if host == "::":
            return [await _both_families(port)]
        return await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)
    except OSError as exc:
        raise CannotListen(_told(exc, host, port)) from exc


async def _both_families(port: int) -> trio.SocketListener:
    sock = trio.socket.socket(trio.socket.AF_INET6, trio.socket.SOCK_STREAM)
    try:
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        sock.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 0)
        await sock.bind(("::", port))
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return trio.SocketListener(sock)


def _told(exc: OSError, host: str, port: int) -> str:
    at = f"PORT={port} at HOST={host} cannot be listened on"
    if isinstance(exc, socket.gaierror):
        return f"{at}: HOST is a name that leads to no address"
    known = _WHY.get(exc.errno or 0)
    return f"{at}: {known or exc.strerror or 'no reason was given'}"
