"""What an onlooker is told while a call goes on."""

from collections.abc import Callable

from attrs import frozen

from .report import CallReport, Interrupted, Said, Turn


@frozen
class Connected:
    """The service took the call."""

    uuid: str


@frozen
class PickedUp:
    """The service answered the call: until now the caller has heard ringing."""

    at_ms: int


@frozen
class Levels:
    """20 ms went by. Loudness is the root mean square of the samples: 0 to 32768."""

    at_ms: int
    caller_rms: float
    agent_rms: float


@frozen
class Pressed:
    """The caller pressed a key; which one is the caller's secret."""

    at_ms: int


@frozen
class Answered:
    """The agent is heard answering a turn."""

    at_ms: int
    turn: Turn


@frozen
class Failed:
    """The service sent an ``error``, or something broke on this side."""

    at_ms: int
    message: str


Event = (
    Connected
    | PickedUp
    | Levels
    | Pressed
    | Said
    | Answered
    | Interrupted
    | Failed
    | CallReport
)

# It is called from the call's own clock: it must be quick and never raise. The report
# is the last event of a call.
View = Callable[[Event], None]


def nobody(_: Event) -> None:
    """The view of a call that nobody looks at."""
