"""What reaches the core beside the messages of the two wires."""

from attrs import field, frozen

from trio_sts.errors import BadMessage
from trio_sts.wire.realtime.items import SessionInfo

from .config import Permitted
from .moments import NEVER


@frozen
class ModelReady:
    """A session is set up.

    ``welcome_message`` is the greeting, word for word; None leaves it to the model.
    ``ends_at`` is when its time is up.
    """

    info: SessionInfo
    ends_at: float = NEVER
    welcome_message: str | None = field(default=None, repr=False)
    permitted: Permitted = field(factory=Permitted)


@frozen
class ModelLost:
    """The model leg is gone.

    ``unsent`` is caller audio that it cannot have got, in its format, up to now.
    """

    unsent: bytes = field(default=b"", repr=False)


@frozen
class SpareReady:
    """The session that is to follow the one in use is set up.

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

    ``ok`` says whether it did what it was asked, ``silent`` that nothing is to be said
    about it.
    """

    key: str
    output: str = field(repr=False)
    ok: bool
    silent: bool = False


@frozen
class ModelFailed:
    """No session could be opened: the model is given up.

    ``reason`` is sent to the caller's side, in plain words.
    """

    outcome: str
    reason: str
