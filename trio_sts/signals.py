"""What signals mean to the service: a stop, a reload, or a line in the log."""

import signal
from collections.abc import AsyncIterator
from typing import Final

import structlog
import trio
from attrs import define, field

_STOPS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
_NOTHING: Final = frozenset({signal.SIGUSR1, signal.SIGUSR2})
# All that are read; SIGPIPE is ignored by Python.
READ: Final = (*_STOPS, *_NOTHING, signal.SIGHUP)
# The first stops, the second hurries; a third one means no more.
_MOST_STOPS: Final = 8

_log = structlog.get_logger()


def _channel() -> tuple[trio.MemorySendChannel[int], trio.MemoryReceiveChannel[int]]:
    return trio.open_memory_channel[int](_MOST_STOPS)


@define(eq=False)
class Signals:
    """Divides what arrives.

    Attributes:
        stops: SIGTERM, SIGINT and SIGQUIT. One task at a time may read it.
        reload: Set by SIGHUP; to be replaced by who waits for it.
    """

    stops: trio.MemoryReceiveChannel[int] = field(init=False)
    reload: trio.Event = field(factory=trio.Event, init=False)
    _send: trio.MemorySendChannel[int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._send, self.stops = _channel()

    async def read(self, signals: AsyncIterator[int]) -> None:
        """Read signals for ever."""
        async for number in signals:
            if number in _STOPS:
                try:
                    self._send.send_nowait(number)
                except trio.WouldBlock:
                    continue
            elif number == signal.SIGHUP:
                self.reload.set()
            else:
                _log.warning("signal ignored", signal=signal.Signals(number).name)

    async def next_reload(self) -> None:
        """Wait for a SIGHUP; those that came meanwhile are one."""
        await self.reload.wait()
        self.reload = trio.Event()
