"""The first message of a call: it brings the call id, and the model is dialled for it."""

from trio_sts.conversation.state import State
from trio_sts.wire import avr

_MOST_UUID_CHARS = 128


def init(state: State, message: avr.Init, now: float) -> None:
    """Begin the call, once: a peer that repeats it must not fill the log."""
    if state.opening.begun:
        if state.opening.is_first_repeat():
            state.out.note("info", "second init ignored")
        return
    state.opening.begin()
    state.connection.dialling(now)
    if is_usable_uuid(message.uuid):
        state.out.begin(str(message.uuid), message.provider_config)
        return
    state.out.caller(
        avr.Failure(
            "The uuid of the init message is not 1 to 128 printable ASCII characters "
            "without '/' and spaces; the call goes on under another id."
        )
    )
    state.out.begin(state.opening.fallback_uuid, message.provider_config)


def is_usable_uuid(uuid: object) -> bool:
    """Whether a call id may become a header, a log field and a file name.

    1 to 128 printable ASCII characters without ``/`` and spaces.
    """
    return (
        isinstance(uuid, str)
        and 1 <= len(uuid) <= _MOST_UUID_CHARS
        and all("!" <= char <= "~" and char != "/" for char in uuid)
    )
