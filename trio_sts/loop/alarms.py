"""The alarms of all calls, rung by one task.

Every call has something due ten times a second while its agent speaks. A timer of Trio's
for each is a cancellation each, which costs more than what is due; so one task sleeps
until the first alarm and rings whichever are due by then.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import NoReturn

import trio
from attrs import define, field

NEVER = float("inf")


@define(eq=False)
class Alarm:
    """One call's alarm, made by `Alarms.alarm`.

    Attributes:
        due: When it is to ring, on Trio's clock.
    """

    _alarms: "Alarms"
    due: float = field(default=NEVER, init=False)
    _sleeper: trio.lowlevel.ParkingLot = field(
        factory=trio.lowlevel.ParkingLot, init=False
    )

    def set(self, due: float) -> None:
        """Ring at this time instead, or up to `Alarms.late_s` after it."""
        self.due = due
        if due < self._alarms.first_due:
            self._alarms.hurry(due)

    async def rung(self) -> None:
        """Wait until it rings; only one task may."""
        await self._sleeper.park()

    def ring(self) -> None:
        """Wake the task that waits for it."""
        self._sleeper.unpark()


@define(eq=False)
class Alarms:
    """Rings the alarms of a process while `run` runs.

    Attributes:
        late_s: Alarms ring up to so many seconds late, so that several ring at once. One
            that nobody sets anew rings again after as long.
        first_due: No alarm is due before.
    """

    late_s: float
    first_due: float = field(default=NEVER, init=False)
    _alarms: set[Alarm] = field(factory=set[Alarm], init=False)
    _sleep: trio.CancelScope = field(factory=trio.CancelScope, init=False)

    @contextmanager
    def alarm(self) -> Generator[Alarm]:
        """An alarm, until the end of the block."""
        alarm = Alarm(self)
        self._alarms.add(alarm)
        try:
            yield alarm
        finally:
            self._alarms.remove(alarm)

    async def run(self) -> NoReturn:
        """Ring the alarms that are due, for ever."""
        while True:
            wakes_at = self.first_due + self.late_s
            with trio.CancelScope(deadline=wakes_at) as self._sleep:
                await trio.sleep_forever()
            self._ring(trio.current_time())

    def hurry(self, due: float) -> None:
        """An alarm is due before all others."""
        self.first_due = due
        self._sleep.deadline = due + self.late_s

    def _ring(self, now: float) -> None:
        self.first_due = NEVER
        for alarm in self._alarms:
            if alarm.due <= now:
                alarm.ring()
            self.first_due = min(self.first_due, max(alarm.due, now))
