"""What was asked for, in words: a sentence for each command that somebody would ask for."""

from collections.abc import Mapping
from typing import Any, Final

from trio_sts.conversation import commands
from trio_sts.wire import avr
from trio_sts.wire.realtime import requests

from .timeline import Timeline

# Notes of the core that another entry tells of.
_TOLD_ELSEWHERE: Final = frozenset(
    {"barge-in", "model ready", "keys pressed", "response not completed"}
)


def tell_command(line: Timeline, command: commands.Command) -> None:
    """Add what there is to be told of a command."""
    match command:
        case commands.ToCaller(message=message):
            _to_caller(line, message)
        case commands.ToModel(event=event):
            _to_model(line, event)
        case commands.Note(level=level, event=event, fields=fields):
            _core_notes(line, level, event, fields)
        case commands.Record(kind="utterance", fields=fields):
            _utterance(line, fields)
        case commands.RunTool(call_id=key, name=name, arguments=arguments):
            line.since.tools[key] = line.now, name
            line.add("tool", f"{name} runs with {line.text(arguments)}")
        case commands.EndCall(code=code, outcome=outcome):
            line.ended = True
            line.add("call", f"is ended: {outcome} (close code {code})")
        case _:
            _session(line, command)


def _session(line: Timeline, command: commands.Command) -> None:
    match command:
        case commands.Begin(uuid=uuid):
            line.since.dialled = line.now
            line.add("call", f"begins ({uuid}); the model is dialled")
        case commands.Reconnect():
            line.since.dialled = line.now
            line.add("model", "another connection is dialled")
        case commands.OpenSpare():
            line.add("model", "the session that is to follow is opened")
        case commands.UseSpare():
            line.add("model", "the session that was to follow takes over")
        case commands.LeaveModel():
            line.add("model", "is given up")
        case _:
            pass


def _to_caller(line: Timeline, message: avr.ToCore) -> None:
    match message:
        case avr.AgentAudio():
            line.audio()
        case avr.Interruption():
            line.is_heard = False
        case avr.Answer():
            line.add("call", "is answered: the caller has heard ringing so far")
        case avr.Failure(message=text):
            line.add("call", f"AVR Core is told: {line.text(text)}")
        case _:
            pass


def _to_model(line: Timeline, event: requests.ClientEvent) -> None:
    match event:
        case requests.CreateResponse(instructions=words):
            line.since.asked = line.now
            told = f", with {line.text(words)}" if words else ""
            line.add("model", f"is asked for an answer{told}")
        case requests.CancelResponse(response_id=response):
            line.add("model", f"is told to stop its answer ({response})")
        case requests.TruncateItem(item_id=item, audio_end_ms=heard_ms):
            line.add("agent", f"was heard to {heard_ms} ms of {item}, and no further")
        case requests.CreateMessage(private=True):
            line.add("caller", "the keys are with the model, as one message")
        case requests.CreateFunctionOutput(item_id=None, call_id=call):
            line.add("tool", f"the model has the output of {call}")
        case _:
            pass


def _core_notes(
    line: Timeline, level: str, event: str, fields: Mapping[str, Any]
) -> None:
    if event == "barge-in":
        by = fields.get("by")
        told = f"interrupts the agent, who falls silent (by: {by})"
        line.add("caller", told, kind="barge-in")
    elif event not in _TOLD_ELSEWHERE and level != "debug":
        line.note(event, fields)


def _utterance(line: Timeline, fields: Mapping[str, Any]) -> None:
    if fields.get("role") != "agent":
        return
    heard_ms = fields.get("heard_ms")
    heard = f" ({heard_ms / 1000:.1f} s)" if heard_ms is not None else ""
    line.add("agent", f"was heard saying{heard}: {line.text(str(fields['text']))}")
