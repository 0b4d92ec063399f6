"""Refusing connections for which there is no file descriptor.

A spare descriptor is kept open: given up for a moment, it is what a connection is accepted
with that is to be told that there is no room.
"""

import os
import sys
from collections.abc import Callable
from typing import Final, Self

import structlog
import trio
from attrs import define, field

if sys.platform != "win32":
    import resource

# Kept free for calls that run: another model leg, a tool's connection, a file. With few
# descriptors in all it is a part of them.
_KEPT_FREE: Final = 16
_SHARE_KEPT_FREE: Final = 8
# What is refused has so long to send its request: closing a socket with unread bytes
# resets it, and the answer is lost.
_REQUEST_S: Final = 0.05
# It is there; another process of ours may take it, though.
_ACCEPT_S: Final = 0.01
_REQUEST_BYTES: Final = 16 * 1024
_WARN_EVERY_S: Final = 1.0

_log = structlog.get_logger()


def is_near_limit(descriptor: int) -> bool:
    """Whether a new descriptor is one of the last: the system gives the lowest number."""
    if sys.platform == "win32":
        return False
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return False
    return descriptor >= most - min(_KEPT_FREE, most // _SHARE_KEPT_FREE)


@define(eq=False)
class Refusing:
    """Refuses connections, and warns once a second.

    Attributes:
        refusal: What they are sent.
        spare: Opens a descriptor, for nothing but to have it.
    """

    refusal: bytes
    spare: Callable[[], int] = lambda: os.open(os.devnull, os.O_RDONLY)
    _spare: int | None = field(default=None, init=False)
    _refused: int = field(default=0, init=False)
    _warned_at: float = field(default=float("-inf"), init=False)

    def __enter__(self) -> Self:
        self._keep_spare()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_up_spare()

    def warn(self, why: str, refused: int) -> None:
        """Say that there is no room, unless that was said within the second."""
        self._refused += refused
        now = trio.current_time()
        if now >= self._warned_at + _WARN_EVERY_S:
            self._warned_at = now
            _log.warning("no more connections for now", why=why, refused=self._refused)
            self._refused = 0

    async def accept_and_refuse(self, listener: trio.SocketListener) -> bool:
        """Accept a connection with the spare descriptor, and refuse it.

        Returns:
            Whether it was done; if not, there is not even that.
        """
        if self._spare is None and not self._keep_spare():
            return False
        self._give_up_spare()
        stream = None
        try:
            with trio.move_on_after(_ACCEPT_S):
                stream = await listener.accept()
        except OSError:
            return False
        else:
            if stream is None:
                # It has gone meanwhile.
                return True
            self._refused += 1
            await self.refuse(stream)
            return True
        finally:
            self._keep_spare()

    async def refuse(self, stream: trio.SocketStream) -> None:
        """Refuse a connection, and close it."""
        try:
            if self.refusal:
                with trio.move_on_after(_REQUEST_S):
                    await stream.receive_some(_REQUEST_BYTES)
                with trio.move_on_after(_REQUEST_S):
                    await stream.send_all(self.refusal)
                    await stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    def _keep_spare(self) -> bool:
        if self._spare is None:
            try:
                self._spare = self.spare()
            except OSError:
                return False
        return True

    def _give_up_spare(self) -> None:
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
