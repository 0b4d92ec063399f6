"""Remote tool servers, which the model talks to by itself: what runs and what is known."""

from collections import deque

from attrs import define, field

# Far above what runs at the same time, and above what a response lists.
_REMEMBERED_ITEMS = 64


def _ids() -> deque[str]:
    return deque(maxlen=_REMEMBERED_ITEMS)


@define
class McpCalls:
    """Calls of remote tools that run now, and items that the log knows of.

    Written by: mcp; restoring when a session is gone.
    """

    _running: deque[str] = field(factory=_ids)
    _noted: deque[str] = field(factory=_ids)

    @property
    def pending(self) -> bool:
        """Whether a remote tool runs."""
        return bool(self._running)

    def started(self, item_id: str) -> None:
        """A remote tool runs."""
        self._running.append(item_id)

    def ended(self, item_id: str) -> None:
        """It has completed or failed."""
        if item_id in self._running:
            self._running.remove(item_id)

    def response_done(self) -> None:
        """The response has ended: what it started is over."""
        self._running.clear()

    def is_new(self, item_id: str) -> bool:
        """Whether an item is seen for the first time; from now on it is not."""
        if item_id in self._noted:
            return False
        self._noted.append(item_id)
        return True

    def leave_session(self) -> None:
        """The session is gone, and its items with it."""
        self._running.clear()
        self._noted.clear()
