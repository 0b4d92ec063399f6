"""The listener's sockets, and why there are none, in the operator's words."""

import errno
import socket
from collections.abc import Awaitable, Callable
from typing import NoReturn

import trio

from trio_sts.errors import StsError

from .refusing import Refusing, is_near_limit

_BACKLOG = 512
# What the system is out of, as `trio.serve_listeners` knows it.
_OUT_OF = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
_WHY = {
    errno.EADDRINUSE: "another program listens there already",
    errno.EACCES: "this user may not listen there; ports below 1024 are for root",
    errno.EADDRNOTAVAIL: "{host} is no address of this machine",
}


class CannotListen(StsError):
    """The port cannot be bound; the text names it and says what to change."""


async def listen(
    host: str, port: int, names: tuple[str, str] = ("PORT", "HOST")
) -> list[trio.SocketListener]:
    """Bind the port at every address that the host stands for.

    ``::`` is every address of either family, as in Node.js, and IPv6 alone is not.

    Args:
        host: The interface.
        port: The port; 0 takes a free one.
        names: The settings that they come from.

    Raises:
        CannotListen: With the port and the host in its text.
    """
    try:
        if host == "::":
            return [await _both_families(port)]
        return await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)
    except OSError as exc:
        raise CannotListen(_told(exc, host, port, names)) from exc


def _nobody_leaves() -> None:
    """No connection gives way."""


async def accept_all(
    listener: trio.SocketListener,
    nursery: trio.Nursery,
    handle: Callable[[trio.SocketStream], Awaitable[None]],
    make_room: Callable[[], None] = _nobody_leaves,
    refusal: bytes = b"",
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> NoReturn:
    """Accept connections for ever, each in a task of its own; started when it does.

    With no file descriptor left for one more, beside those that running calls may need,
    whoever comes is refused at once; nobody is left to wait in the system's queue.

    Args:
        listener: Is closed in the end.
        nursery: Where the tasks are.
        handle: What is run for each connection; it closes it.
        make_room: Called when there is no descriptor for one more.
        refusal: What those are sent that are refused; without it they are hung up on.
        task_status: Is told once the spare descriptor is there and it accepts.
    """
    refusing = Refusing(refusal)
    pause_s = _FIRST_PAUSE_S
    with refusing:
        async with listener:
            task_status.started()
            while True:
                try:
                    stream = await listener.accept()
                except OSError as exc:
                    if exc.errno not in _OUT_OF:
                        raise
                    refusing.warn(exc.strerror or "", 0)
                    make_room()
                    if not await refusing.accept_and_refuse(listener):
                        await trio.sleep(pause_s)
                        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                else:
                    pause_s = _FIRST_PAUSE_S
                    if is_near_limit(stream.socket.fileno()):
                        refusing.warn("few file descriptors are left", 1)
                        make_room()
                        await refusing.refuse(stream)
                    else:
                        nursery.start_soon(handle, stream)


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


def _told(exc: OSError, host: str, port: int, names: tuple[str, str]) -> str:
    port_name, host_name = names
    at = f"{port_name}={port} at {host_name}={host} cannot be listened on"
    if isinstance(exc, socket.gaierror):
        return f"{at}: {host_name} is a name that leads to no address"
    known = _WHY.get(exc.errno or 0, "").format(host=host_name)
    return f"{at}: {known or exc.strerror or 'no reason was given'}"
