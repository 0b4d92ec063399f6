"""Call control by the leg's end, for the calls that Asterisk itself dials.

The dialplan behind its ``Dial`` goes on then, and asks where to.
"""

from collections.abc import Awaitable, Callable

import trio
from attrs import field, frozen
from typing_extensions import override

from trio_sts.dialplan import Target
from trio_sts.wire.avr import HangUp

from .control import CallControl

# Keeps where a call goes on, by its id; raises ToolError if it cannot.
Keep = Callable[[str, Target], Awaitable[None]]


@frozen
class LegControl(CallControl):
    """Has Asterisk end its leg, and keeps where the caller goes on.

    Attributes:
        uuid: The call's id, by which the dialplan asks.
        context: Where transfers go that name no context.
        post: Sends a message to Asterisk.
        keep: Keeps the target until the dialplan asks for it.
    """

    uuid: str
    context: str
    post: Callable[[HangUp], None] = field(repr=False)
    keep: Keep = field(repr=False)

    @property
    @override
    def default_context(self) -> str:
        return self.context

    @override
    async def hang_up(self) -> None:
        await trio.lowlevel.checkpoint()
        self.post(HangUp())

    @override
    async def transfer(self, target: Target) -> None:
        await self.keep(self.uuid, target)
        self.post(HangUp())
