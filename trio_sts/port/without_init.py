"""Connections that have ended without ``init``: one line a second tells of all."""

from collections import Counter
from typing import Final, NoReturn

import structlog
import trio
from attrs import define, field

_EVERY_S: Final = 1.0

_log = structlog.get_logger()


@define(eq=False)
class WithoutInit:
    """Counts them, by how they have ended."""

    _outcomes: Counter[str] = field(factory=Counter[str], init=False)
    _some: trio.Event = field(factory=trio.Event, init=False)

    def ended(self, outcome: str) -> None:
        """One has."""
        self._outcomes[outcome] += 1
        self._some.set()

    async def report(self) -> NoReturn:
        """Write the lines, for ever; what is left is told in the end."""
        try:
            while True:
                await self._some.wait()
                self._tell()
                await trio.sleep(_EVERY_S)
        finally:
            self._tell()

    def _tell(self) -> None:
        self._some = trio.Event()
        if self._outcomes:
            connections, outcomes = self._outcomes.total(), dict(self._outcomes)
            self._outcomes.clear()
            _log.info(
                "connections without init", connections=connections, outcomes=outcomes
            )
