"""What an error of the model's side means for the call.

The classes follow the Realtime API's codes; what is not known to be fatal or worth
a retry goes on, because error events are documented as mostly recoverable.
"""

import re
from collections.abc import Iterator

from attrs import define, frozen

from trio_sts.wire.realtime.items import ErrorDetail

# What only an operator can put right, and the words for the caller's side.
_FATAL = {
    "invalid_api_key": "the API key was refused",
    "account_deactivated": "the account of the API key is deactivated",
    "insufficient_quota": "the quota of the account is used up",
    "billing_hard_limit_reached": "the billing limit of the account is reached",
    "model_not_found": "the model does not exist or may not be used",
    "beta_api_shape_disabled": "the endpoint no longer speaks the beta API",
}
_TRANSIENT = {
    "rate_limit_exceeded",
    "inference_rate_limit_exceeded",
    "server_error",
    "internal_error",
}
CANCEL_NOT_ACTIVE = "response_cancel_not_active"
# The session says nothing more, whether or not it closes.
SESSION_EXPIRED = "session_expired"
# Races and clamps that do no harm; they are logged at debug.
_BENIGN = {
    CANCEL_NOT_ACTIVE,
    "input_audio_buffer_commit_empty",
    "item_truncate_invalid_item_id",
    "item_delete_invalid_item_id",
    "unsupported_content_type",
}
# The answer to a truncate past the end has a general code and may cite no event.
_TRUNCATED_TOO_LATE = "already shorter than"
ACTIVE_RESPONSE = "conversation_already_has_active_response"

_MOST_RETRIES = 3
_MOST_DELAY_S = 10.0
_ASKED_FIELD = re.compile(r"\bresponse\.([a-z_]+)")
_DELAY = re.compile(
    r"(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)? ?(?:ms|s|m|h)[a-z]*[ ,]*)+)",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h)", re.IGNORECASE)
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_ACTIVE_TEXT = "already has an active response"
# All that is looked for in an error's words.
_READ = re.compile(
    f"{_DELAY.pattern}|{_ASKED_FIELD.pattern}|{_ACTIVE_TEXT}|{_TRUNCATED_TOO_LATE}",
    re.IGNORECASE,
)


@frozen
class Fatal:
    """The call cannot go on."""

    told: str


@frozen
class Retry:
    """Worth asking again after ``delay_s``, or after a back-off if it is None."""

    delay_s: float | None


@frozen
class Harmless:
    """The call goes on; ``expected`` ones are not worth a warning."""

    expected: bool


def says_active(error: ErrorDetail) -> bool:
    """Whether a create was refused because a response is active, by code or by text."""
    return error.code == ACTIVE_RESPONSE or _ACTIVE_TEXT in error.message.lower()


def spans_read(message: str) -> Iterator[tuple[int, int]]:
    """Where in an error's words those are that something here is decided by."""
    for found in _READ.finditer(message):
        yield found.span()


def refused_field(error: ErrorDetail) -> str | None:
    """Which field of a ``response.create`` is refused, if the error is about one."""
    found = _ASKED_FIELD.search(error.param or error.message)
    return found[1] if found else None


def judge(error: ErrorDetail) -> Fatal | Retry | Harmless:
    """Sort an error by its code, or by its type where it has no code."""
    code = error.code or error.type or ""
    if _answers_a_correction(error):
        return Harmless(expected=True)
    if code in _FATAL:
        return Fatal(_FATAL[code])
    if code in _TRANSIENT:
        return Retry(_named_delay_s(error.message))
    return Harmless(expected=code in _BENIGN)


@define
class Retries:
    """Responses in a row that failed and were asked for again.

    Written by: responses.
    """

    _attempts: int = 0

    def next_delay_s(self, named_s: float | None) -> float | None:
        """Seconds before the next retry; None when there are no more.

        Args:
            named_s: The delay that the endpoint named: it is kept, 10 s at most.
                Otherwise the delays are 1, 2 and 4 s.
        """
        if self._attempts >= _MOST_RETRIES:
            return None
        backoff_s = 2.0**self._attempts
        self._attempts += 1
        return backoff_s if named_s is None else min(named_s, _MOST_DELAY_S)

    def worked(self) -> None:
        """A response was completed."""
        self._attempts = 0


def _answers_a_correction(error: ErrorDetail) -> bool:
    cited = (error.event_id or "").startswith(("truncate_", "cancel_", "delete_"))
    return cited or _TRUNCATED_TOO_LATE in error.message


def _named_delay_s(message: str) -> float | None:
    found = _DELAY.search(message)
    if found is None:
        return None
    amounts = _AMOUNT.findall(found[1])
    return sum(float(amount) * _UNIT_S[unit.lower()] for amount, unit in amounts)
