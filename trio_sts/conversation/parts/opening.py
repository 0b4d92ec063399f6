"""The first message of a call."""

from attrs import define

# No `init` within this time ends the connection.
INIT_TIMEOUT_S = 10.0


@define
class Opening:
    """When the caller leg opened, and whether its ``init`` has come.

    Written by: opening.
    """

    started_at: float
    fallback_uuid: str
    begun: bool = False
    _repeated: bool = False

    def begin(self) -> None:
        """``init`` has come."""
        self.begun = True

    def is_first_repeat(self) -> bool:
        """Whether this ``init`` is the first one too many; from now on none is."""
        first = not self._repeated
        self._repeated = True
        return first
