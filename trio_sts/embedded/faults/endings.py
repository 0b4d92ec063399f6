"""Faults that end a response in another way than completed, and when they do."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from trio_sts.embedded.response import Response

from .orders import Order, Ordered

_SERVER_ERROR: Final[Mapping[str, Any]] = {
    "type": "server_error",
    "code": "server_error",
    "message": "The server had an error while processing your request. Sorry!",
    "param": None,
    "event_id": None,
}


@frozen
class Ending:
    """How a response will end.

    Attributes:
        after_s: The audio that comes before.
        drops: The connection is reset with it.
    """

    after_s: float
    drops: bool
    _order: Order
    _perform: Callable[[Response, Order], None]

    def perform(self, response: Response) -> None:
        """End it; one that stalls is not over afterwards."""
        self._perform(response, self._order)


def _empty(response: Response, _: Order) -> None:
    response.done("completed")


def _stall(_: Response, __: Order) -> None:
    """Nothing more is said of it."""


def _incomplete(reason: str) -> Callable[[Response, Order], None]:
    def end(response: Response, _: Order) -> None:
        response.close()
        response.done("incomplete", {"type": "incomplete", "reason": reason})

    return end


def _server_error(response: Response, _: Order) -> None:
    response.close()
    response.failed("server_error", "server_error", str(_SERVER_ERROR["message"]))


def _error_only(response: Response, _: Order) -> None:
    response.abandon(_SERVER_ERROR)


def _rate_limit(response: Response, order: Order) -> None:
    told = f"Rate limit reached. Please try again in {_spelled(order.amount)}."
    response.failed("tokens", "rate_limit_exceeded", told)


def _insufficient_quota(response: Response, _: Order) -> None:
    told = "You exceeded your current quota, please check your plan."
    response.failed("insufficient_quota", "insufficient_quota", told)


def _spelled(seconds: float) -> str:
    """As the service spells a delay: 350ms, 1.5s, 1m12s."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}m{rest:g}s" if minutes else f"{rest:g}s"


_ENDINGS: Final[Mapping[str, Callable[[Response, Order], None]]] = {
    "stall": _stall,
    "drop": _stall,
    "empty": _empty,
    "cut": _incomplete("max_output_tokens"),
    "filtered": _incomplete("content_filter"),
    "server_error": _server_error,
    "error_only": _error_only,
    "rate_limit": _rate_limit,
    "insufficient_quota": _insufficient_quota,
}
# What these are given is no length of audio.
_AT_ONCE: Final = {"rate_limit"}


def ending_of(faults: Ordered) -> Ending | None:
    """The last order of those that end a response; None: it ends as it should."""
    for name, order in reversed(tuple(faults.items())):
        if name in _ENDINGS:
            after_s = 0 if name in _AT_ONCE else order.amount
            return Ending(after_s, name == "drop", order, _ENDINGS[name])
    return None
