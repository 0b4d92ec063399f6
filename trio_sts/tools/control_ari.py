"""Call control through Asterisk's REST interface; the dialplan does what that does not."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

import trio
from attrs import field, frozen
from structlog.typing import FilteringBoundLogger
from typing_extensions import override

from trio_sts.dialplan import Target
from trio_sts.errors import ToolError

from .ari import Ari, channel_of
from .control import CallControl
from .control_leg import LegControl
from .telephone_system import WITHIN_S


@frozen
class AriControl(CallControl):
    """Acts on the caller's channel, and ends our leg.

    Attributes:
        ari: The interface.
        channel: The caller's.
        leg: Ends our leg, and lets the dialplan do what ARI could not.
        log: Is told what that was.
    """

    ari: Ari
    channel: str
    leg: LegControl
    log: FilteringBoundLogger = field(repr=False)

    @property
    @override
    def default_context(self) -> str:
        return self.leg.default_context

    @override
    async def hang_up(self) -> None:
        with self._trying("hangup"):
            await self.ari.hang_up(self.channel)
        await self.leg.hang_up()

    @override
    async def transfer(self, target: Target) -> None:
        is_told = is_sent = False
        with self._trying("transfer"):
            is_sent = await self.ari.send(self.channel, target)
            is_told = True
        if is_sent:
            await self.leg.hang_up()
        elif is_told:
            # The dialplan may ask us all the same.
            with suppress(ToolError):
                await self.leg.keep(self.leg.uuid, target)
            await self.leg.hang_up()
        else:
            await self.leg.transfer(target)

    @contextmanager
    def _trying(self, action: str) -> Generator[None]:
        """All requests of an action together have so long."""
        why = "no answer in time"
        try:
            with trio.move_on_after(WITHIN_S) as scope:
                yield
            if not scope.cancelled_caught:
                return
        except ToolError as exc:
            why = str(exc)
        self.log.warning("ARI failed, the dialplan is to do it", action=action, why=why)


def with_ari(
    leg: LegControl,
    ari: Ari | None,
    metadata: Mapping[str, str],
    log: FilteringBoundLogger,
) -> CallControl:
    """Use ARI if there is one, and the call's metadata tells the caller's channel.

    Args:
        leg: Does all of it otherwise.
        ari: The interface, if it is set.
        metadata: Of the call.
        log: Bound to the call.
    """
    if ari is None:
        return leg
    channel = channel_of(metadata)
    if channel is None:
        log.warning("ARI not used", why="the dialplan passes no uniqueid")
        return leg
    return AriControl(ari, channel, leg, log)
