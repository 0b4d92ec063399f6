"""The values that labels may have: each list has an end, whatever peers send."""

from typing import Final, Literal

from trio_sts.conversation.parts.owed_turn import Remedy
from trio_sts.legs.dial import TOO_SLOW
from trio_sts.record.outcomes import INTENDED, MODEL_FAILURES, OUTCOMES

OTHER: Final = "other"
UNKNOWN_TOOL: Final = "unknown"
# The names of tools are the operator's; more than these are a program's, and so many
# series nobody reads.
MOST_TOOLS: Final = 64

# How calls end, and the code that goes with it as a rule.
USUAL_ENDS: Final = (
    *((outcome, "1011") for outcome in sorted(MODEL_FAILURES | {"crashed"})),
    *(
        (outcome, "1000")
        for outcome in sorted(INTENDED - {"service stopping", "no init", "no place"})
    ),
    ("caller gone", "1000"),
    ("service stopping", "1001"),
    ("no init", "1008"),
    ("no place", "1013"),
    ("too many bad messages", "1008"),
    ("caller does not read", "1008"),
)
CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1013})
STATUSES: Final = frozenset({"completed", "cancelled", "failed", "incomplete"})
# Of the Realtime API: errors of events and of responses, and of what is around it.
ERROR_CODES: Final = frozenset(
    {
        "account_deactivated",
        "beta_api_shape_disabled",
        "billing_hard_limit_reached",
        "conversation_already_has_active_response",
        "http_400",
        "http_401",
        "http_403",
        "http_404",
        "http_429",
        "http_500",
        "http_502",
        "http_503",
        "http_504",
        "inference_rate_limit_exceeded",
        "input_audio_buffer_commit_empty",
        "insufficient_quota",
        "internal_error",
        "invalid_api_key",
        "invalid_request_error",
        "invalid_value",
        "item_delete_invalid_item_id",
        "item_truncate_invalid_item_id",
        "missing_required_parameter",
        "model_not_found",
        "rate_limit_exceeded",
        "response_cancel_not_active",
        "server_error",
        "session_expired",
        "unknown_parameter",
        "unsupported_content_type",
    }
)
ERRORS_TO_EXPECT: Final = (
    "insufficient_quota",
    "rate_limit_exceeded",
    "server_error",
    "session_expired",
)
# Why a response is not completed; a failed one has a code.
REASONS: Final = ERROR_CODES | {
    "client_cancelled",
    "content_filter",
    "max_output_tokens",
    "turn_detected",
}
KINDS_OF_WAITS: Final = ("greeting", "turn", "tool")
DEAD_AIR_STEPS: Final = tuple(step.name.lower() for step in Remedy)
# The leg on which audio was to go out, and why it was dropped: there was no session; the
# caller sent more than real time allows; the peer reads too slowly; an answer was longer
# than may wait.
DROPS: Final = (
    ("model", "away"),
    ("model", "too much"),
    ("model", "stalled"),
    ("caller", "stalled"),
    ("caller", "too long"),
)
# Why a session is replaced in mid-call.
Why = Literal["lost", "expired", "silent", "renewal"]
TOKEN_KINDS: Final = (
    *("input_audio", "input_text", "input_cached"),
    *("output_audio", "output_text", "transcription"),
)
LIMITS: Final = frozenset({"requests", "tokens", "input_tokens", "output_tokens"})
# An event of the model's that cannot be understood.
MALFORMED: Final = "malformed"
# What a try to connect ends with, beside the codes of refusals.
_DIALLED: Final = ERROR_CODES | {"connected", "given up"}
_TIMEOUT: Final = "timeout"
_UNREACHABLE: Final = "unreachable"


def bounded(value: str | None, known: frozenset[str]) -> str:
    """The value if it is known; nothing stays nothing."""
    if not value:
        return ""
    return value if value in known else OTHER


def outcome(value: str) -> str:
    """The outcome of a call."""
    return bounded(value, OUTCOMES)


def close_code(value: int) -> str:
    """The close code of a caller leg."""
    return str(value) if value in CLOSE_CODES else OTHER


def dialled(result: str) -> str:
    """What became of a connection to the model: a code, or one of a few words."""
    if result == TOO_SLOW:
        return _TIMEOUT
    if result in _DIALLED:
        return result
    return OTHER if result.startswith("http_") else _UNREACHABLE
