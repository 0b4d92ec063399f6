"""No: what a session answers to a client's event that it will not obey."""

from typing import Any

from trio_sts.errors import StsError


class Refusal(StsError):
    """An event of the client is refused; the session goes on.

    Attributes:
        code: The Realtime API's error code.
        message: What the client is told.
        param: Which part of its event is meant.
    """

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def as_dict(self, event_id: str | None) -> dict[str, Any]:
        """The ``error`` object of an error event; ``event_id`` is the client's."""
        return {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }
