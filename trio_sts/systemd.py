"""What the service manager is told: sd_notify(3), where ``NOTIFY_SOCKET`` is set.

A unit with ``Type=notify`` waits for `Notifier.ready`. What `Notifier.run` sends comes from
the event loop, so that a loop that is stuck is silent, and the manager's watchdog ends it.
While the service drains, each message asks for a little more time: calls may take longer
than ``TimeoutStopSec=``, and a process that hangs does not.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

import structlog
import trio
from attrs import define, field

_SOCKET: Final = "NOTIFY_SOCKET"
# What is sent between two messages may be late by as long; the manager is told of more.
_MOST_BETWEEN_S: Final = 5.0
_EXTENDED: Final = 3
# After the drain come the last close codes, and what is still handed on.
_AFTER_DRAIN_S: Final = 5.0
_US: Final = 1_000_000

_log = structlog.get_logger()


@define(eq=False)
class Notifier:
    """Tells the service manager how this process is; without one it does nothing.

    Attributes:
        address: The manager's socket: a path, or an abstract name that begins with NUL;
            None without a manager.
        watchdog_s: At least so often it wants to hear of the process; None for never.
    """

    address: str | None = None
    watchdog_s: float | None = None
    _draining_until: float | None = field(default=None, init=False)
    _has_failed: bool = field(default=False, init=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """As ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` say.

        An address of another kind than a Unix socket's, and a watchdog of another process,
        are none.
        """
        address = environ.get(_SOCKET, "")
        if not address.startswith(("/", "@")):
            return cls()
        if address.startswith("@"):
            address = f"\0{address[1:]}"
        return cls(address, _watchdog_s(environ))

    def ready(self) -> None:
        """The port listens; said again, a reload is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Settings are read again; `ready` ends it."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self, drain_s: float) -> None:
        """The service stops, and has this long for it; `run` asks for the time."""
        self._draining_until = trio.current_time() + drain_s + _AFTER_DRAIN_S
        self._send("STOPPING=1", *self._more_time())

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(_status(text))

    async def run(self, status: Callable[[], str] | None = None) -> None:
        """Give signs of life until it is cancelled, at least every 5 s.

        Args:
            status: What `status` is told, whenever it is another text than before.
        """
        if self.address is None:
            return
        told = ""
        while True:
            lines = list(self._more_time())
            if self.watchdog_s is not None:
                lines.append("WATCHDOG=1")
            if status is not None and (text := status()) != told:
                told = text
                lines.append(_status(text))
            if lines:
                self._send(*lines)
            await trio.sleep(self._between_s)

    @property
    def _between_s(self) -> float:
        if self.watchdog_s is None:
            return _MOST_BETWEEN_S
        # As sd_watchdog_enabled(3) recommends.
        return min(self.watchdog_s / 2, _MOST_BETWEEN_S)

    def _more_time(self) -> tuple[str, ...]:
        """Asks for time until the message after the next, within the drain."""
        if self._draining_until is None:
            return ()
        left_s = self._draining_until - trio.current_time()
        more_s = min(_EXTENDED * self._between_s, left_s)
        return (f"EXTEND_TIMEOUT_USEC={round(more_s * _US)}",) if more_s > 0 else ()

    def _send(self, *lines: str) -> None:
        """Send one message; a manager that cannot be told costs the service nothing."""
        if self.address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), self.address)
        except OSError as exc:
            if not self._has_failed:
                self._has_failed = True
                _log.warning("service manager cannot be told", why=str(exc))


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    for_pid = environ.get("WATCHDOG_PID") or str(os.getpid())
    period_us = environ.get("WATCHDOG_USEC", "")
    # Only decimal digits, as the manager writes them.
    if for_pid != str(os.getpid()) or not (period_us.isascii() and period_us.isdigit()):
        return None
    return int(period_us) / _US or None
