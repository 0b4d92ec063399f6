"""The first message of a call."""

from attrs import define

# No `init` within this time ends the connection.
INIT_TIMEOUT_S = 10.0


@define
class Opening:
    """When the caller leg opened, whether its ``init`` has come, and the answer.

    Written by: opening, answering.

    Attributes:
        answered: Whether a call that rings was answered.
        path_awaited: Whether audio of the caller's is to show that they are through.
    """

    started_at: float
    fallback_uuid: str
    begun: bool = False
    answered: bool = False
    path_awaited: bool = False
    _repeated: bool = False

    def begin(self) -> None:
        """``init`` has come."""
        self.begun = True

    def answer(self) -> None:
        """The call is answered."""
        self.answered = True

    def await_path(self) -> None:
        """The caller's first audio shows that they are through."""
        self.path_awaited = True

    def path_shown(self) -> None:
        """It has come."""
        self.path_awaited = False

    def is_first_repeat(self) -> bool:
        """Whether this ``init`` is the first one too many; from now on none is."""
        first = not self._repeated
        self._repeated = True
        return first
