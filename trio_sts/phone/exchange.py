"""The calls on the line: what Asterisk knows, and what avr-ami ends."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from attrs import define, field

from .report import Outcome

Drop = Callable[[Outcome], None]


@define
class Exchange:
    """The calls that are up, by their uuid."""

    _calls: dict[str, Drop] = field(factory=dict[str, Drop])

    @contextmanager
    def connected(self, uuid: str, drop: Drop) -> Generator[None]:
        """A call is up; ``drop`` ends it at once and never blocks."""
        self._calls[uuid] = drop
        try:
            yield
        finally:
            self._calls.pop(uuid, None)

    def drop(self, uuid: str, why: Outcome) -> bool:
        """End a call; False when there is no such call."""
        call = self._calls.pop(uuid, None)
        if call is None:
            return False
        call(why)
        return True

    def drop_all(self, why: Outcome) -> None:
        """End every call."""
        for uuid in tuple(self._calls):
            self.drop(uuid, why)
