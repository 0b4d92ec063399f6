"""Whether calls fail in a row because of the model, told in the log and to probes."""

from collections.abc import Callable
from typing import Final

import structlog
from attrs import define, field
from typing_extensions import override

from trio_sts.conversation.commands import Command, EndCall, Note
from trio_sts.record.finished_call import FinishedCall
from trio_sts.record.outcomes import MODEL_FAILURES, is_failure

from .observer import Observed, Observer

# So many calls in a row: one or two may have had bad luck.
IN_A_ROW: Final = 5
_AGAIN_AFTER_S: Final = 60.0
_ANSWERS: Final = frozenset({"turn", "tool"})

_log = structlog.get_logger()


@define(eq=False)
class ModelHealth:
    """Counts the calls that failed because of the model since one has worked.

    A call works if the agent was heard and it has not failed; while calls fail in a row,
    the first answer to a caller is enough.

    Attributes:
        changed: Told whether calls fail in a row, when that changes.
        in_a_row: How many calls have failed.
        why: The outcome of the last one.
    """

    changed: Callable[[bool], None] = field(default=lambda _: None)
    in_a_row: int = 0
    why: str = ""
    _told_at: float = float("-inf")

    @property
    def is_failing(self) -> bool:
        """Whether five or more calls have failed in a row."""
        return self.in_a_row >= IN_A_ROW

    @property
    def warning(self) -> str | None:
        """What anybody may know who reaches the port; None if calls work."""
        if not self.is_failing:
            return None
        return f"the model is failing: {self.in_a_row} calls in a row ({self.why})"

    def observe(self, call: Observed) -> Observer:
        """Look on at one call."""
        return _Call(self, call)

    def failed(self, why: str, now: float) -> None:
        """A call has failed because of the model."""
        self.in_a_row += 1
        self.why = why
        if self.in_a_row == IN_A_ROW:
            self.changed(True)
        if self.is_failing and now - self._told_at >= _AGAIN_AFTER_S:
            self._told_at = now
            _log.error("model failing", calls_in_a_row=self.in_a_row, why=why)

    def worked(self) -> None:
        """A call works."""
        if self.is_failing:
            _log.info("model works again", after_calls=self.in_a_row)
            self.changed(False)
        self.in_a_row = 0


@define(eq=False)
class _Call(Observer):
    health: ModelHealth
    call: Observed
    _gave_up: str = ""

    @override
    def asked(self, command: Command, now: float) -> None:
        if not isinstance(command, Note):
            return
        if command.event == "model given up":
            # An apology or a transfer follows, and its outcome may be another one.
            self._gave_up = command.fields["why"]
        elif self.health.is_failing and _is_answer(command):
            self.health.worked()

    @override
    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        why = self._gave_up or ending.outcome
        if why in MODEL_FAILURES:
            self.health.failed(why, now)
        elif self._was_heard and not is_failure(ending.outcome, ending.code):
            self.health.worked()

    @property
    def _was_heard(self) -> bool:
        return self.call.core.counters.agent_audio_ms > 0


def _is_answer(note: Note) -> bool:
    return note.event == "agent begins" and note.fields["kind"] in _ANSWERS
