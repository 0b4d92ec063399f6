"""Who is at the other end of a connection."""

from typing import Self, cast

import trio
from attrs import frozen
from typing_extensions import override


@frozen
class Peer:
    """An address of the Internet, fit for a log.

    Attributes:
        host: An IPv4 or IPv6 address; empty where there is none to be known.
        port: The port at that address; 0 if it is not known.
    """

    host: str
    port: int

    @classmethod
    def of(cls, stream: trio.SocketStream) -> Self:
        """Who is at the other end of a socket; nobody if it is gone already."""
        try:
            name: object = stream.socket.getpeername()
        except OSError:
            return cls("", 0)
        # A name of two parts or more, unless it is a socket in the file system.
        if not isinstance(name, tuple):
            return cls("", 0)
        host, port, *_ = cast("tuple[object, ...]", name)
        return cls(str(host), int(str(port)))

    @override
    def __str__(self) -> str:
        if not self.host:
            return "unknown"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host
