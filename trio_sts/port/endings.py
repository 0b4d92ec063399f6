"""How the port ends a connection that has been let in and is no call yet."""

from typing import Final

from trio_sts.conversation.commands import EndCall
from trio_sts.nursery import NO_PLACE, STOPPING

__all__ = ["GAVE_WAY", "NO_PLACE", "STOPPING"]

# Nobody is in that call yet.
GAVE_WAY: Final = EndCall(1008, "no init", "No init has come, and others are waiting.")
