"""Whether there is a session with the model, and how often it was lost."""

from attrs import define

# With no completed response between them; then the model's side is given up.
_MOST_DROPS = 3


@define
class Connection:
    """The model's side of the call.

    Written by: restoring; responses report that one was completed.

    Attributes:
        ready: Whether there is a session that is set up.
        owed_at_drop: Whether a turn was owed when the last session was lost.
    """

    ready: bool = False
    owed_at_drop: bool = False
    # Since when the caller waits for one.
    waiting_since: float | None = None
    _drops: int = 0

    def dialling(self, now: float) -> None:
        """A session is being opened."""
        self.waiting_since = now

    def opened(self) -> None:
        """A session is set up."""
        self.ready = True
        self.waiting_since = None

    def left(self) -> None:
        """There is no session, and none is awaited."""
        self.ready = False
        self.waiting_since = None

    def lost(self, now: float, *, owed: bool) -> None:
        """The session is gone; another one is asked for."""
        self.ready = False
        self.waiting_since = now
        # It may be told twice of one drop, or of another before a session was ready.
        self.owed_at_drop = self.owed_at_drop or owed
        self._drops += 1

    def restored(self) -> None:
        """The new session knows what was owed at the drop."""
        self.owed_at_drop = False

    def worked(self) -> None:
        """A response was completed."""
        self._drops = 0

    @property
    def given_up(self) -> bool:
        """Whether it was lost so often that another session is not worth it."""
        return self._drops >= _MOST_DROPS
