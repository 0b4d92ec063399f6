"""The tools of the workers, for the parent's console."""

from collections.abc import Sequence
from math import inf
from typing import Any, Final

from attrs import define

from trio_sts.console.answers import Refused

from .channel import Channel, ChannelClosed, ChannelError
from .tools_told import LIST, RUN

_LIST_S: Final = 5.0


@define(eq=False)
class FarTools:
    """The tools that new calls are offered.

    Attributes:
        workers: Those that take new calls.
    """

    workers: Sequence[Channel] = ()

    async def listed(self) -> bytes:
        """All of them; see `trio_sts.console.toolbox.Toolbox`.

        Raises:
            Refused: No worker answers.
        """
        told: str = await self._ask(LIST, None, _LIST_S)
        return told.encode()

    async def run(self, name: str, arguments: str) -> bytes | None:
        """Run one in a worker, for as long as it may run.

        Raises:
            Refused: No worker answers.
        """
        asked = {"name": name, "arguments": arguments}
        told: str | None = await self._ask(RUN, asked, inf)
        return None if told is None else told.encode()

    async def _ask(self, kind: str, body: Any, timeout_s: float) -> Any:
        channel = next((each for each in self.workers if not each.why), None)
        if channel is None:
            raise Refused(503, "No worker is ready.")
        try:
            return await channel.ask(kind, body, timeout_s=timeout_s)
        except ChannelClosed as exc:
            # A tool that has ended its worker is not run in the next one.
            raise Refused(503, "The worker has ended.") from exc
        except ChannelError as exc:
            raise Refused(503, "The worker does not answer.") from exc
