"""A clock that jumps while everybody waits, and is patient with threads."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from attrs import define
from trio.testing import MockClock

_SET_UP_IDLE_S: Final = 0.05


@define(eq=False)
class Jumps:
    """Lets a clock jump to the next deadline as soon as everybody waits.

    Bytes cross the loopback within the call that sends them, so there is nothing to be
    waited for. Set-ups have threads, which are: meanwhile the clock is patient.
    """

    clock: MockClock
    # Other processes, and a kernel that is late with the loopback, have so long.
    idle_s: float = 0.0
    _set_ups: int = 0

    @contextmanager
    def set_up(self) -> Generator[None]:
        """A set-up is going on."""
        self._set_ups += 1
        self.clock.autojump_threshold = _SET_UP_IDLE_S
        try:
            yield
        finally:
            self._set_ups -= 1
            if not self._set_ups:
                self.clock.autojump_threshold = self.idle_s
