"""Events to the client, as the Realtime API writes them."""

from collections.abc import Mapping
from typing import Any

import pybase64

from .items import new_id


def event(kind: str, /, **fields: Any) -> dict[str, Any]:
    """An event with an id of its own."""
    return {"type": kind, "event_id": new_id("event"), **fields}


def refused(error: Mapping[str, Any]) -> dict[str, Any]:
    """An ``error`` event."""
    return event("error", error=error)


def fatal(code: str, message: str) -> dict[str, Any]:
    """The ``error`` event before the connection is closed."""
    return refused(
        {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "param": None,
            "event_id": None,
        }
    )


def base64(audio: bytes) -> str:
    """Audio as it is written into events."""
    return pybase64.b64encode(audio).decode("ascii")
