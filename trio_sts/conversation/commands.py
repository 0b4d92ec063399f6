"""What the conversation core asks the shell to do, and the list that collects it."""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import define, field, frozen

from trio_sts.wire import avr
from trio_sts.wire.realtime import requests


@frozen
class Begin:
    """AVR Core's ``init`` is here: dial the model for this call id.

    ``provider_config`` is what AVR Core says of the call, unchecked.
    """

    uuid: str
    provider_config: Mapping[str, Any] | None = field(default=None, repr=False)


@frozen
class Reconnect:
    """The model leg is gone: open another one; `model_ready` follows.

    ``after_s`` is how long to wait before that, more or less.
    """

    after_s: float = 0.0


@frozen
class OpenSpare:
    """Open a second session beside the one in use; `spare_ready` or `spare_lost` follows."""


@frozen
class UseSpare:
    """What follows is for the second session; close the leg of the first one."""


@frozen
class LeaveModel:
    """The model is given up: close its leg, and open no other one."""


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
    """Run a tool; its outcome comes back with ``tool_finished``, by the call's id.

    ``call_id`` is the model's, unless it was used before in this conversation.
    ``own`` says that the core wants it and not the model, so that what the model may
    do does not matter. ``arguments`` is the model's raw JSON: parsing and checking it is the registry's work.
    """

    call_id: str
    name: str
    arguments: str = field(repr=False)
    own: bool = False


@frozen
class EndCall:
    """The call is over: send ``failure``, close the caller leg with ``code``.

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


Command = (
    Begin
    | Reconnect
    | OpenSpare
    | UseSpare
    | LeaveModel
    | ToCaller
    | ToModel
    | RunTool
    | EndCall
    | Note
    | Record
)


@define
class Outgoing:
    """The commands of one pass, in order. After ``end`` nothing more is taken.

    ``ending`` is the end that was asked for in this pass; it goes out last.
    """

    ended: bool = False
    ending: EndCall | None = None
    _commands: list[Command] = field(factory=list[Command])

    def begin(
        self, uuid: str, provider_config: Mapping[str, Any] | None = None
    ) -> None:
        """Open the model's side for this call."""
        self._put(Begin(uuid, provider_config))

    def reconnect(self, after_s: float) -> None:
        """Open another model leg for this call, after a pause."""
        self._put(Reconnect(after_s))

    def open_spare(self) -> None:
        """Open the session that is to follow the one in use."""
        self._put(OpenSpare())

    def use_spare(self) -> None:
        """From now on events go to the session that was to follow."""
        self._put(UseSpare())

    def leave_model(self) -> None:
        """Close the model's side for good."""
        self._put(LeaveModel())

    def caller(self, message: avr.ToCore) -> None:
        """Send a message to AVR Core."""
        self._put(ToCaller(message))

    def model(self, event: requests.ClientEvent) -> None:
        """Send an event to the model."""
        self._put(ToModel(event))

    def run_tool(
        self, call_id: str, name: str, arguments: str, *, own: bool = False
    ) -> None:
        """Run a tool; ``own`` if the core wants it and not the model."""
        self._put(RunTool(call_id, name, arguments, own))

    def note(
        self, level: Literal["debug", "info", "warning"], event: str, **fields: Any
    ) -> None:
        """Write a line in the call's log."""
        self._put(Note(level, event, fields))

    def record(self, kind: str, **fields: Any) -> None:
        """Write an entry in the call's transcript file."""
        self._put(Record(kind, fields))

    def end(self, code: int, outcome: str, failure: str | None = None) -> None:
        """End the call; the first end wins."""
        if not self.ended:
            self.ending = EndCall(code, outcome, failure)
            self.ended = True

    def take(self) -> list[Command]:
        """What has been put since the last time."""
        commands, self._commands = self._commands, []
        return commands

    def _put(self, command: Command) -> None:
        if not self.ended:
            self._commands.append(command)
