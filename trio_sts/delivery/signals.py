"""A signal that any number of tasks wait for, again and again."""

import trio
from attrs import define, field


@define(eq=False)
class Signal:
    """Wakes who waits now; who looks first and then waits at once misses nothing."""

    _event: trio.Event = field(factory=trio.Event)

    def send(self) -> None:
        """Wake everybody."""
        event, self._event = self._event, trio.Event()
        event.set()

    async def wait(self) -> None:
        """Wait for the next one."""
        await self._event.wait()

    async def wait_until(self, at: float) -> None:
        """Wait for the next one, or until then on Trio's clock."""
        with trio.move_on_at(at):
            await self._event.wait()
