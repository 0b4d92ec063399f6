"""Which ends of a call are failures: the log, metrics, alerts and the console ask here."""

from typing import Final

# The model's side was at fault, whoever hung up in the end.
MODEL_FAILURES: Final = frozenset(
    {
        "no model",
        "model refused",
        "model failed",
        "model silent",
        "model lost",
        "wrong format",
    }
)
# The caller leg broke, or we did.
_OTHER_FAILURES: Final = frozenset(
    {
        "crashed",
        "caller gone",
        "caller leg faulty",
        "caller does not read",
        "too many bad messages",
    }
)
FAILURES: Final = MODEL_FAILURES | _OTHER_FAILURES
# Somebody wanted the end, or a limit of the operator's was reached. Without `init` nobody
# was in that call, and without a place nobody came into it.
INTENDED: Final = frozenset(
    {
        "caller hung up",
        "hung up by the agent",
        "hung up by the operator",
        "transferred",
        "over",
        "caller silent",
        "no caller audio",
        "longest call reached",
        "service stopping",
        "no init",
        "no place",
    }
)
OUTCOMES: Final = FAILURES | INTENDED
# How a leg is closed that nothing is wrong with: "normal" and "going away".
_GOOD_CODES: Final = frozenset({1000, 1001})


def is_failure(outcome: str, close_code: int) -> bool:
    """Whether a call has failed that ended so.

    Args:
        outcome: Of its `EndCall`; one that is not listed here is judged by the code.
        close_code: The caller leg's.
    """
    if outcome in OUTCOMES:
        return outcome in FAILURES
    return close_code not in _GOOD_CODES
