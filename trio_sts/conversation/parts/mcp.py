"""Remote tool servers, which the endpoint calls by itself: what runs, what is owed."""

from collections import deque
from typing import Final

from attrs import define, field

from trio_sts.conversation.moments import NEVER

# Far above what runs at the same time, and above what a response lists.
_REMEMBERED_ITEMS: Final = 64
# If no response follows by itself within this time, one is asked for.
_FOLLOWS_S: Final = 1.0
# A remote tool that takes longer does not excuse the silence any more.
_LONGEST_CALL_S: Final = 120.0


def _ids() -> deque[str]:
    return deque(maxlen=_REMEMBERED_ITEMS)


@define
class McpCalls:
    """Calls of remote tools that run now, and items that the log knows of.

    Written by: mcp; responses report what follows; restoring when a session is gone.
    """

    _running: deque[str] = field(factory=_ids)
    _over: deque[str] = field(factory=_ids)
    _noted: deque[str] = field(factory=_ids)
    _give_up_at: float = NEVER
    # A result has come, and nothing was said about it yet.
    _unanswered: bool = False
    _ask_at: float = NEVER

    @property
    def pending(self) -> bool:
        """Whether a remote tool runs."""
        return bool(self._running)

    @property
    def unanswered(self) -> bool:
        """Whether a result has come, and nothing has followed."""
        return self._unanswered

    @property
    def may_be_answered(self) -> bool:
        """Whether a response may still follow a result by itself, which takes 1 s."""
        return self._unanswered and self._ask_at < NEVER

    @property
    def owes(self) -> bool:
        """Whether something is still to be said about a remote tool."""
        return self.pending or self._unanswered

    def runs(self, item_id: str) -> bool:
        """Whether this call has begun, and its end is still to be told."""
        return item_id in self._running

    def started(self, item_id: str, now: float) -> bool:
        """A remote tool runs; False if that is known."""
        if item_id in self._running or item_id in self._over:
            return False
        self._running.append(item_id)
        self._give_up_at = now + _LONGEST_CALL_S
        return True

    def ended(self, item_id: str, now: float, *, response_active: bool) -> bool:
        """It has completed or failed; False if that is known."""
        if item_id in self._over:
            return False
        self._over.append(item_id)
        if item_id in self._running:
            self._running.remove(item_id)
        self._unanswered = True
        self._ask_at = NEVER if response_active else now + _FOLLOWS_S
        return True

    def response_follows(self) -> None:
        """A response begins, or goes on speaking: it answers what has come."""
        self._unanswered = False
        self._ask_at = NEVER

    def response_done(self, now: float) -> None:
        """The response has ended: another one may follow by itself."""
        if self._unanswered:
            self._ask_at = now + _FOLLOWS_S

    @property
    def deadline(self) -> float:
        """When a response is to be asked for, or a call has taken too long."""
        give_up_at = self._give_up_at if self._running else NEVER
        ask_at = NEVER if self._running else self._ask_at
        return min(give_up_at, ask_at)

    def take(self, now: float) -> bool:
        """Whether a response is to be asked for now."""
        if self._running and now >= self._give_up_at:
            self._running.clear()
            self._unanswered = True
            self._ask_at = now
        due = not self._running and self._unanswered and now >= self._ask_at
        if due:
            self.response_follows()
        return due

    def is_new(self, item_id: str) -> bool:
        """Whether an item is seen for the first time; from now on it is not."""
        if item_id in self._noted:
            return False
        self._noted.append(item_id)
        return True

    def leave_session(self) -> bool:
        """The session is gone, and its items with it.

        Returns:
            Whether something was still owed for them.
        """
        owed = self._unanswered or self.pending
        for ids in (self._running, self._over, self._noted):
            ids.clear()
        self.response_follows()
        return owed
