"""Keys that the caller presses become one message."""

from attrs import define, field

from trio_sts.conversation.moments import AT_ONCE, NEVER

# More keys than any number, account or code that callers are asked for.
MAX_DIGITS = 32
# Messages that wait for the end of a response at the same time.
MAX_WAITING = 8
# How long a message waits for the end of the response that the first key cancelled.
_CANCEL_PATIENCE_S = 2.0


def keys_message(digits: str) -> str:
    """The message that the model gets for keys."""
    return f"[The caller pressed these keys: {digits}]"


@define
class Keypad:
    """Gathers digits until ``#``, a pause or the bound.

    Written by: keypad.
    """

    timeout_ms: int
    _digits: str = field(default="", repr=False)
    _gathered_at: float = NEVER
    _ready: list[str] = field(factory=list[str], repr=False)
    _patience_at: float = NEVER

    @property
    def busy(self) -> bool:
        """Whether keys are being gathered or wait to be sent."""
        return bool(self._digits or self._ready)

    def press(self, digit: str, now: float) -> bool:
        """One key; True if it is the first of a message and so a barge-in."""
        first = not self.busy
        if digit == "#":
            self._close(now, self._digits or "#")
            return first
        self._digits += digit
        self._gathered_at = now + self.timeout_ms / 1000
        if len(self._digits) >= MAX_DIGITS:
            self._close(now, self._digits)
        return first

    def close_if_due(self, now: float) -> None:
        """End a message after its pause, whether or not it can be sent."""
        if self._digits and now >= self._gathered_at:
            self._close(now, self._digits)

    def take(self, now: float, *, response_active: bool) -> list[str]:
        """The messages that may be sent now, as strings of digits."""
        if response_active and now < self._patience_at:
            return []
        ready, self._ready = self._ready, []
        self._patience_at = NEVER
        return ready

    def deadline(self, *, ready: bool, response_active: bool) -> float:
        """When `close_if_due` has something to do, or `take` if there is a session."""
        at = self._gathered_at if self._digits else NEVER
        if self._ready and ready:
            at = min(at, self._patience_at if response_active else AT_ONCE)
        return at

    def _close(self, now: float, digits: str) -> None:
        if len(self._ready) < MAX_WAITING:
            self._ready.append(digits)
        self._digits = ""
        self._gathered_at = NEVER
        if self._patience_at == NEVER:
            self._patience_at = now + _CANCEL_PATIENCE_S
