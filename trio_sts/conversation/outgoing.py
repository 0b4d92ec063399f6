"""Where the parts of the core put their commands, in order, until the end."""

from typing import Any, Literal

from attrs import define, field

from trio_sts.wire import avr
from trio_sts.wire.realtime import requests

from .commands import (
    Begin,
    Command,
    EndCall,
    Note,
    Reconnect,
    Record,
    RunTool,
    ToCaller,
    ToModel,
)


@define
class Outgoing:
    """The commands of one pass. After ``end`` nothing more is taken.

    ``ending`` is the end that was asked for in this pass; it goes out last.
    """

    ended: bool = False
    ending: EndCall | None = None
    _commands: list[Command] = field(factory=list[Command])

    def begin(self, uuid: str) -> None:
        """Open the model's side for this call."""
        self._put(Begin(uuid))

    def reconnect(self) -> None:
        """Open another model leg for this call."""
        self._put(Reconnect())

    def caller(self, message: avr.ToCore) -> None:
        """Send a message to AVR Core."""
        self._put(ToCaller(message))

    def model(self, event: requests.ClientEvent) -> None:
        """Send an event to the model."""
        self._put(ToModel(event))

    def run_tool(self, call_id: str, name: str, arguments: str) -> None:
        """Run a tool."""
        self._put(RunTool(call_id, name, arguments))

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
