"""Responses that the caller is not to hear any more of, and responses that are done."""

from collections import deque

from attrs import define, field

# Responses of the past that a late event may still name.
_REMEMBERED_RESPONSES = 64


def _ids() -> deque[str]:
    return deque(maxlen=_REMEMBERED_RESPONSES)


@define
class Quarantine:
    """A response is in quarantine from its interruption until it is done.

    Written by: barge_in, asking (a response that is cancelled), responses.
    """

    _quarantined: deque[str] = field(factory=_ids)
    _done: deque[str] = field(factory=_ids)

    def add(self, response_id: str) -> None:
        """Drop what still comes of this response."""
        if response_id not in self._quarantined:
            self._quarantined.append(response_id)

    def response_done(self, response_id: str) -> None:
        """Nothing more comes of this response."""
        self._done.append(response_id)
        if response_id in self._quarantined:
            self._quarantined.remove(response_id)

    def response_begins(self, response_id: str) -> None:
        """The id of a response that is done is used again."""
        while response_id in self._done:
            self._done.remove(response_id)

    def leave_session(self) -> None:
        """The session is gone, and its ids with it."""
        self._quarantined.clear()
        self._done.clear()

    def is_done(self, response_id: str) -> bool:
        """Whether a response has ended, as far as is remembered."""
        return response_id in self._done

    def __contains__(self, response_id: str | None) -> bool:
        return response_id in self._quarantined
