"""What reaches the core: the messages of the two wires, and what the shell tells it."""

from attrs import field, frozen

from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import SessionInfo

from .config import Permitted
from .moments import NEVER


@frozen
class ModelReady:
    """A session is set up: greet, then send the caller's audio that was kept.

    A later session of the call is given the history instead.

    ``welcome_message`` is the greeting, word for word; None leaves it to the model.
    ``ends_at`` is when its time is up.
    """

    info: SessionInfo
    ends_at: float = NEVER
    welcome_message: str | None = field(default=None, repr=False)
    permitted: Permitted = field(factory=Permitted)


@frozen
class ModelLost:
    """The model leg is gone; a new one is announced by `ModelReady`.

    ``unsent`` is caller audio that it cannot have got, in its format, up to now.
    """

    unsent: bytes = field(default=b"", repr=False)


@frozen
class SpareReady:
    """The session that is to follow is set up; it is used when the core says so.

    ``ends_at`` is when its time is up.
    """

    ends_at: float = NEVER


@frozen
class SpareLost:
    """The session that was to follow could not be opened, or is gone."""


@frozen
class BadEvent:
    """An event of the model's that could not be read."""

    fault: BadMessage


@frozen
class ToolFinished:
    """A tool has answered.

    ``key`` is the call's id, as in the command that ran it; ``output`` is for the model.
    ``ok`` says whether it did what it was asked, ``silent`` that nothing is to be said
    about it.
    """

    key: str
    output: str = field(repr=False)
    ok: bool
    silent: bool = False


@frozen
class ModelFailed:
    """No session could be opened: the caller hears so, and the call ends.

    ``outcome`` is one or two words for the summary line; ``reason`` is
    sent to the caller's side, in plain words.
    """

    outcome: str
    reason: str


@frozen
class Tick:
    """The deadline has come."""


@frozen
class Finish:
    """The call is over, whoever ended it: what is left for the record is asked for."""


# A `BadMessage` is what was wrong with a message of AVR Core's.
Input = (
    avr.FromCore
    | BadMessage
    | events.ServerEvent
    | BadEvent
    | ModelReady
    | ModelLost
    | ModelFailed
    | SpareReady
    | SpareLost
    | ToolFinished
    | Tick
    | Finish
)
