"""What came, in words: a sentence for each kind of input that somebody would ask for."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from trio_sts.conversation import inputs
from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime import events

from .timeline import Timeline


def tell_input(line: Timeline, given: inputs.Input) -> None:
    """Add what there is to be told of an input."""
    tell = _INPUTS.get(type(given))
    if tell is not None:
        tell(line, given)


def _ready(line: Timeline, given: inputs.ModelReady) -> None:
    dialled = line.since.dialled
    took = "" if dialled is None else f" after {line.now - dialled:.2f} s"
    line.add("model", f"is connected and set up{took}: {given.info.model}")


def _spare_ready(line: Timeline, _: inputs.SpareReady) -> None:
    line.add("model", "the session that is to follow is set up")


def _spare_lost(line: Timeline, _: inputs.SpareLost) -> None:
    line.add("model", "the session that was to follow is lost, or cannot be had")


def _lost(line: Timeline, _: inputs.ModelLost) -> None:
    line.add("model", "the connection is lost")


def _failed(line: Timeline, given: inputs.ModelFailed) -> None:
    line.add("model", f"cannot be had ({given.outcome})")


def _speech_started(line: Timeline, _: events.SpeechStarted) -> None:
    line.since.caller_speech = line.now
    line.add("caller", "begins to speak")


def _speech_stopped(line: Timeline, _: events.SpeechStopped) -> None:
    since, line.since.caller_speech = line.since.caller_speech, None
    took = "" if since is None else f", after {line.now - since:.2f} s"
    line.since.caller_stopped = line.now
    line.add("caller", f"has stopped speaking{took}")


def _words(line: Timeline, given: events.TranscriptionCompleted) -> None:
    if given.transcript.strip():
        line.add(
            "caller", f"said, as it was transcribed: {line.text(given.transcript)}"
        )


def _no_words(line: Timeline, given: events.TranscriptionFailed) -> None:
    line.add("caller", f"what was said could not be transcribed ({given.error.code})")


def _created(line: Timeline, given: events.ResponseCreated) -> None:
    line.add("model", f"begins an answer ({given.response.id})")


def _done(line: Timeline, given: events.ResponseDone) -> None:
    response = given.response
    why = f": {response.reason}" if response.reason else ""
    code = response.error.code or response.error.type if response.error else None
    failed = f": {code}" if code else ""
    told = f"has ended its answer ({response.id}), {response.status}{why}{failed}"
    line.add("model", told)


def _error(line: Timeline, given: events.ErrorEvent) -> None:
    error = given.error
    told = f"reports an error: {error.code or error.type or 'no code'}"
    line.add("model", f"{told}, {line.text(error.message)}" if error.message else told)


def _bad_event(line: Timeline, _: inputs.BadEvent) -> None:
    line.add("model", "sends what cannot be read")


def _bad_message(line: Timeline, _: BadMessage) -> None:
    line.add("call", "AVR Core sends what cannot be read")


def _key(line: Timeline, _: avr.DtmfDigit) -> None:
    line.add("caller", "presses a key", kind="key")


def _mcp(line: Timeline, given: events.McpProgress) -> None:
    if "arguments" not in given.type:
        line.add("tool", f"a remote one: {given.type}")


def _answered(line: Timeline, given: inputs.ToolFinished) -> None:
    at, name = line.since.tools.pop(given.key, (None, given.key))
    took = "" if at is None else f" after {line.now - at:.2f} s"
    how = "has answered" if given.ok else "has failed"
    line.add("tool", f"{name} {how}{took}: {line.text(given.output)}")


_Tell = Callable[[Timeline, Any], None]
_INPUTS: Final[Mapping[type, _Tell]] = {
    inputs.ModelReady: _ready,
    inputs.SpareReady: _spare_ready,
    inputs.SpareLost: _spare_lost,
    inputs.ModelLost: _lost,
    inputs.ModelFailed: _failed,
    inputs.ToolFinished: _answered,
    inputs.BadEvent: _bad_event,
    BadMessage: _bad_message,
    avr.DtmfDigit: _key,
    events.SpeechStarted: _speech_started,
    events.SpeechStopped: _speech_stopped,
    events.TranscriptionCompleted: _words,
    events.TranscriptionFailed: _no_words,
    events.ResponseCreated: _created,
    events.ResponseDone: _done,
    events.ErrorEvent: _error,
    events.McpProgress: _mcp,
}
