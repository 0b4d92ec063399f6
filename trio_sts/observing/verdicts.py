"""What each call, and each connection to the model, says of the model."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from attrs import define, frozen
from typing_extensions import override

from trio_sts.conversation.commands import Command, EndCall, Note
from trio_sts.record.finished_call import FinishedCall
from trio_sts.record.outcomes import MODEL_FAILURES, is_failure

from .observer import Observed, Observer

_ANSWERS: Final = frozenset({"turn", "tool"})
# The results of a dial, and the codes of the API, that are about the key.
_KEY_REFUSED: Final = frozenset({"http_401", "http_403", "invalid_api_key"})


@frozen
class Verdict:
    """One thing that was found out.

    Attributes:
        kind: A call has ``failed`` because of the model; it has ``worked``: the agent was
            heard and it has not failed; a caller was ``answered``, for the first time in
            a call; the endpoint has refused or taken the key.
        why: The outcome of the call, or the code of the refusal.
    """

    kind: Literal["failed", "worked", "answered", "key refused", "key taken"]
    why: str = ""


Judge = Callable[[Verdict, float], None]


@define(eq=False)
class VerdictOfCall(Observer):
    """Looks on at one call, and tells a judge what it says of the model."""

    judge: Judge
    call: Observed
    _gave_up: str = ""
    _answered: bool = False

    @override
    def asked(self, command: Command, now: float) -> None:
        if not isinstance(command, Note):
            return
        if command.event == "model given up":
            # An apology or a transfer follows, and its outcome may be another one.
            self._gave_up = command.fields["why"]
        elif not self._answered and _is_answer(command):
            self._answered = True
            self.judge(Verdict("answered"), now)

    @override
    def noted(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        if kind not in {"dial", "session"}:
            return
        result = str(fields["result"])
        if result in _KEY_REFUSED:
            self.judge(Verdict("key refused", result), now)
        elif result == "set up":
            self.judge(Verdict("key taken"), now)

    @override
    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        why = self._gave_up or ending.outcome
        if why in MODEL_FAILURES:
            self.judge(Verdict("failed", why), now)
        elif self._was_heard and not is_failure(ending.outcome, ending.code):
            self.judge(Verdict("worked"), now)

    @property
    def _was_heard(self) -> bool:
        return self.call.core.counters.agent_audio_ms > 0


def _is_answer(note: Note) -> bool:
    return note.event == "agent begins" and note.fields["kind"] in _ANSWERS
