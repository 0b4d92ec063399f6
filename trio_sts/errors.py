"""Every error that is raised on purpose; whose fault it is picks the class.

::

    StsError
    ├── SettingsError        the operator: one or more settings are wrong
    ├── BadMessage           the peer: one message is wrong, the leg is still good
    ├── PeerFault            the peer: it broke a rule, we close its leg with this code
    ├── LegClosed            the peer: the leg is over, with its close code
    │   └── LegSilent        it vanished: it answers nothing any more
    ├── ModelError           the model's side
    │   ├── ModelRefused     it said no for good: key, quota, model, format; never retried
    │   └── ModelUnreachable it could not be reached within the budget
    ├── StoreAway            the operator: the database of calls does not do its work now
    ├── ToolFault            the operator: a tool's file is wrong, so it is not offered
    └── ToolError            a tool could not do its work; the text may go to the model
"""


class StsError(Exception):
    """The root of the tree."""


class SettingsError(StsError):
    """One or more settings are wrong.

    Attributes:
        faults: One line each, with secrets masked: variable, value, what is allowed.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class BadMessage(StsError):
    """A message from a peer cannot be understood; the text is fit for that peer."""


class PeerFault(StsError):
    """A peer broke a rule of its leg, and the leg has to be closed for it.

    Attributes:
        code: The close code that it gets: 1002, 1003, 1007, 1008 or 1009.
        reason_for_caller: What went wrong, in plain words, fit for that peer.
    """

    def __init__(self, code: int, reason_for_caller: str) -> None:
        super().__init__(reason_for_caller)
        self.code = code
        self.reason_for_caller = reason_for_caller


class LegClosed(StsError):
    """A WebSocket leg is over.

    Attributes:
        code: The peer's close code; 1005 if it gave none, 1006 without a close frame.
        reason: The peer's words, for debug logs only; may be empty.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"closed with code {code}")
        self.code = code
        self.reason = reason


class LegSilent(LegClosed):
    """The peer of a WebSocket leg is gone without a close: it answers nothing."""

    def __init__(self) -> None:
        super().__init__(1006, "no answer")


class ModelError(StsError):
    """The model's side failed.

    Attributes:
        code: The Realtime API's error code or ``http_<status>``; None if there was none.
        reason_for_caller: What went wrong, fit for the caller: without secrets.
    """

    def __init__(self, reason_for_caller: str, *, code: str | None = None) -> None:
        super().__init__(f"{reason_for_caller} ({code})" if code else reason_for_caller)
        self.reason_for_caller = reason_for_caller
        self.code = code


class ModelRefused(ModelError):
    """The model's side said no for good; asking again would not help."""


class ModelUnreachable(ModelError):
    """The model could not be reached, or not set up, within the budget."""


class StoreAway(StsError):
    """The database of calls does not do its work now; the text is for the operator."""


class ToolFault(StsError):
    """A tool's file or definition is wrong; the text is for the operator."""


class ToolError(StsError):
    """A tool could not do its work; the text is short and fit for the model."""
