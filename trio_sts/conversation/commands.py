"""What the conversation core asks the shell to do, in order."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, frozen

from trio_sts.wire import avr
from trio_sts.wire.realtime import requests


@frozen
class Begin:
    """AVR Core's ``init`` is here: dial the model for this call id."""

    uuid: str


@frozen
class Reconnect:
    """The model leg is gone: open another one; `model_ready` is told of it again."""


@frozen
class ToCaller:
    """Send one message on the caller leg."""

    message: avr.ToCore


# Not frozen: it is made for every 20 ms of audio, and freezing doubles its cost.
@define
class ToModel:
    """Send one event on the model leg."""

    event: requests.ClientEvent


@frozen
class RunTool:
    """Run a tool; its outcome comes back with ``tool_finished``.

    ``arguments`` is the model's raw JSON: parsing and checking it is the registry's work.
    """

    call_id: str
    name: str
    arguments: str = field(repr=False)


@frozen
class EndCall:
    """The call is over: close the caller leg with ``code`` after telling it ``failure``.

    ``outcome`` is one or two words for the summary line.
    """

    code: int
    outcome: str
    failure: str | None = None


@frozen
class Note:
    """A line for the call's log; nothing in ``fields`` is a caller's or model's words."""

    level: Literal["debug", "info", "warning"]
    event: str
    fields: Mapping[str, Any] = field(factory=dict[str, Any])


@frozen
class Record:
    """An entry for the call's transcript file, if one is kept."""

    kind: str
    fields: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)


Command = Begin | Reconnect | ToCaller | ToModel | RunTool | EndCall | Note | Record
