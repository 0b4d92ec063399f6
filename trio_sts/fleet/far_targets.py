"""Where calls go on, kept at the parent: it is the one that a dialplan asks."""

from typing import Any, Final

from attrs import define

from trio_sts.dialplan import Target
from trio_sts.errors import ToolError
from trio_sts.tools.targets import Targets

from .channel import Channel, ChannelError, Handler

ASKED: Final = "keep_target"
_WITHIN_S: Final = 2.0


@define(eq=False)
class FarTargets:
    """The worker's end."""

    channel: Channel

    async def keep(self, uuid: str, target: Target) -> None:
        """Have the parent keep where a call goes on, and wait until it does; 2 s at most.

        Raises:
            ToolError: In words for the model; perhaps nobody keeps it.
        """
        told = [uuid, target.context, target.extension, target.priority]
        try:
            await self.channel.ask(ASKED, told, timeout_s=_WITHIN_S)
        except ChannelError as exc:
            raise ToolError("The transfer could not be noted down.") from exc


def keeps(targets: Targets) -> Handler:
    """The parent's end: what a worker asks is done with these."""

    async def keep(told: Any) -> None:
        uuid, context, extension, priority = told
        await targets.keep(uuid, Target(context, extension, priority))

    return keep
