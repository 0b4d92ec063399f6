"""What the built-in tools do to a call, whoever has the telephone."""

from typing import Protocol

from trio_sts.dialplan import Target


class CallControl(Protocol):
    """Ends one call or transfers it."""

    @property
    def default_context(self) -> str:
        """Where in the dialplan a transfer goes that names no context."""
        ...

    async def hang_up(self) -> None:
        """End the call.

        Raises:
            ToolError: In words for the model, if it goes on.
        """
        ...

    async def transfer(self, target: Target) -> None:
        """Send the caller elsewhere.

        Raises:
            ToolError: In words for the model, if the caller stays here.
        """
        ...
