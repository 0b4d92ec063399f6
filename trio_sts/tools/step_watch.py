"""Finding the handler that holds up every call: it computes, or blocks, between awaits."""

from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

import trio
from attrs import frozen
from structlog.typing import FilteringBoundLogger

# Five frames of audio: a listener hears a gap of this length.
HELD_S = 0.1

T = TypeVar("T")


async def watch_steps(work: Coroutine[Any, Any, T], log: FilteringBoundLogger) -> T:
    """Await ``work`` and log when it kept the event loop for longer than `HELD_S`.

    Only this coroutine is timed, so the media path pays nothing; tasks that it starts in
    a nursery of its own are not seen.
    """
    return await _Stepwise(work, log)


@frozen
class _Stepwise(Generic[T]):
    """Passes every step on between Trio and the work, with a clock beside it."""

    work: Coroutine[Any, Any, T]
    log: FilteringBoundLogger

    def __await__(self) -> Generator[Any, Any, T]:
        value: Any = None
        error: Exception | None = None
        while True:
            began = trio.current_time()
            try:
                trap = (
                    self.work.send(value) if error is None else self.work.throw(error)
                )
            except StopIteration as stop:
                result: T = stop.value
                return result
            finally:
                self._check(trio.current_time() - began)
            try:
                value, error = (yield trap), None
            # Trio throws in only what it thinks of a foreign trap, such as asyncio's.
            except Exception as exc:  # noqa: BLE001
                value, error = None, exc

    def _check(self, held_s: float) -> None:
        if held_s > HELD_S:
            self.log.warning("tool held the event loop", held_ms=round(held_s * 1000))
