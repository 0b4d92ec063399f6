"""Whether calls fail because of the model: told in the log, and to who asks for readiness.

It is fed with verdicts, one of a call or of a connection each (`verdicts`), by whoever
holds the calls: this process, or its workers.
"""

from collections.abc import Callable
from typing import Final

import structlog
from attrs import define, field

from .verdicts import Verdict

# So many calls in a row: one or two may have had bad luck.
IN_A_ROW: Final = 5
# So long after the last failure nobody is kept away any more: a call has to try.
UNREADY_S: Final = 60.0
_AGAIN_AFTER_S: Final = 60.0

_log = structlog.get_logger()


@define(eq=False)
class ModelHealth:
    """Counts the calls that failed because of the model since one has worked.

    Attributes:
        changed: Told whether calls fail in a row, when that changes.
        in_a_row: How many calls have failed.
        why: The outcome of the last one.
        key_refused: Whether the endpoint has refused the key, and taken it never since.
    """

    changed: Callable[[bool], None] = field(default=lambda _: None)
    in_a_row: int = 0
    why: str = ""
    key_refused: bool = False
    _failed_at: float = float("-inf")
    _told_at: float = float("-inf")

    @property
    def is_failing(self) -> bool:
        """Whether five or more calls have failed in a row."""
        return self.in_a_row >= IN_A_ROW

    @property
    def warning(self) -> str | None:
        """What anybody may know who reaches the port; None if calls work."""
        if self.key_refused:
            return "the endpoint refuses the key"
        if self.is_failing:
            return f"the model is failing: {self.in_a_row} calls in a row ({self.why})"
        return None

    def unready(self, now: float) -> str | None:
        """Why callers are better sent elsewhere; None if there is no reason.

        A minute after the last failure there is none any more, so that a call may try.
        """
        return self.warning if now < self._failed_at + UNREADY_S else None

    def take(self, verdict: Verdict, now: float) -> None:
        """Judge by one more verdict, on Trio's clock."""
        match verdict.kind:
            case "failed":
                self._failed(verdict.why, now)
            case "worked":
                self._worked()
            case "answered":
                if self.is_failing:
                    self._worked()
            case "key refused":
                if not self.key_refused:
                    _log.error("key refused", why=verdict.why)
                self.key_refused = True
                self._failed_at = now
            case "key taken":
                self.key_refused = False

    def _failed(self, why: str, now: float) -> None:
        self.in_a_row += 1
        self.why = why
        if self.in_a_row == IN_A_ROW:
            self.changed(True)
        if not self.is_failing:
            return
        self._failed_at = now
        if now - self._told_at >= _AGAIN_AFTER_S:
            self._told_at = now
            _log.error("model failing", calls_in_a_row=self.in_a_row, why=why)

    def _worked(self) -> None:
        if self.is_failing:
            _log.info("model works again", after_calls=self.in_a_row)
            self.changed(False)
        self.in_a_row = 0
        self.key_refused = False
