"""The conversation: messages of both legs in, commands out.

One pass of the core is one call of a method here: the message changes the state, then
`upkeep` does whatever has become due, and the commands of both are returned in order.
"""

from collections.abc import Callable, Mapping
from typing import Any

from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import SessionInfo
from trio_sts.wire.realtime.requests import AppendAudio

from . import actions, answers, remote, turns
from .commands import Command, ToModel
from .history import Entry
from .outgoing import Outgoing
from .restore import lost, restore
from .rules import Rules
from .state import Greeting, State
from .tally import Tally
from .upkeep import (
    PROTECTION_S,
    ask_for_response,
    deadline,
    listen,
    tell_transcripts,
    upkeep,
)

_MOST_BAD_MESSAGES = 100
_MOST_BAD_EVENTS = 10
_MOST_UNKNOWN_TYPES = 100
_MOST_UUID_CHARS = 128
_SAY_EXACTLY = "Say exactly the following words, in their language, and nothing else: "

_FROM_MODEL: Mapping[type, Callable[[State, Any, float], None]] = {
    events.AudioDelta: answers.audio,
    events.AudioDone: answers.audio_done,
    events.TranscriptDelta: answers.transcript_delta,
    events.TranscriptDone: answers.transcript_done,
    events.ResponseCreated: answers.response_created,
    events.ResponseDone: answers.response_done,
    events.OutputItemAdded: actions.output_item_added,
    events.OutputItemDone: actions.output_item_done,
    events.ArgumentsDone: actions.arguments_done,
    events.SpeechStarted: turns.speech_started,
    events.SpeechStopped: turns.speech_stopped,
    events.InputTimeout: turns.input_timeout,
    events.InputCommitted: answers.caller_item,
    events.ItemAdded: answers.item_added,
    events.TranscriptionCompleted: answers.caller_words,
    events.TranscriptionFailed: answers.no_caller_words,
    events.ErrorEvent: answers.error,
    events.SessionUpdated: answers.session_updated,
    events.ItemDone: remote.item_done,
    events.McpProgress: remote.mcp_progress,
}


class Conversation:
    """One call's conversation, without any I/O.

    Args:
        rules: How it is held.
        now: The time at which the caller leg opened, in seconds.
        fallback_uuid: The call id if ``init`` brings none that can be used.
    """

    def __init__(self, rules: Rules, *, now: float, fallback_uuid: str) -> None:
        self._state = State(rules, started_at=now, fallback_uuid=fallback_uuid)
        self._due = deadline(self._state)

    @property
    def deadline(self) -> float:
        """When `tick` is due, at the latest; infinity if never."""
        return self._due

    @property
    def tally(self) -> Tally:
        """The call in numbers."""
        return self._state.tally

    @property
    def history(self) -> tuple[Entry, ...]:
        """What was said and heard so far, oldest first, bounded."""
        return self._state.history.kept

    @property
    def parting(self) -> str | None:
        """Why the call is about to end, if call control has succeeded."""
        return self._state.parting

    def from_caller(
        self, message: avr.FromCore | BadMessage, now: float
    ) -> list[Command]:
        """One message of AVR Core, or what was wrong with it."""
        if isinstance(message, avr.CallerAudio) and now < self._due:
            return self._light_pass(message.pcm, now)
        state = self._state
        match message:
            case avr.CallerAudio(pcm=pcm):
                self._caller_audio(pcm, now)
            case avr.DtmfDigit(digit=digit):
                turns.key_pressed(state, digit, now)
            case avr.Init(uuid=uuid):
                self._init(uuid)
            case BadMessage():
                self._bad_message(message)
            case avr.UnknownFromCore(type=kind):
                self._unknown_type(kind)
        return self._finish_pass(now)

    def model_ready(
        self, info: SessionInfo, now: float, *, welcome_message: str | None = None
    ) -> list[Command]:
        """A session is set up: greet, then send the caller's audio that was kept.

        In the second one of a call the past is told instead.

        Args:
            info: What the model's side says of its session.
            now: The time.
            welcome_message: The greeting, word for word; None leaves it to the model.
        """
        state = self._state
        came_back = not state.ready and state.tally.reconnects > 0
        state.ready = state.intake.open = True
        state.out.note("info", "model ready", model=info.model)
        if came_back:
            restore(state, now)
        if state.rules.greeting and state.greeting is Greeting.NONE:
            state.greeting = Greeting.ASKED
            say = f"{_SAY_EXACTLY}“{welcome_message}”" if welcome_message else None
            state.sequencer.want(instructions=say)
            state.patience.owe()
            if state.rules.greeting_protected:
                state.intake.withheld = True
                state.protected_until = now + PROTECTION_S
            ask_for_response(state, now)
        return self._finish_pass(now)

    def from_model(
        self, event: events.ServerEvent | BadMessage, now: float
    ) -> list[Command]:
        """One event of the model, or what was wrong with it."""
        if isinstance(event, BadMessage):
            return self._bad_event(now)
        handler = _FROM_MODEL.get(type(event))
        if handler is not None:
            handler(self._state, event, now)
        return self._finish_pass(now)

    def model_lost(self, now: float) -> list[Command]:
        """The model leg is gone; a new one is announced by `model_ready`."""
        lost(self._state)
        return self._finish_pass(now)

    def tool_finished(
        self, call_id: str, output: str, now: float, *, ok: bool
    ) -> list[Command]:
        """A tool has answered: the text for the model, and whether it did its work."""
        actions.tool_finished(self._state, call_id, output, now, ok=ok)
        return self._finish_pass(now)

    def tick(self, now: float) -> list[Command]:
        """The deadline has come."""
        return self._finish_pass(now)

    def finish(self, now: float) -> list[Command]:
        """The call is over, whoever ended it: what is left for the record."""
        if self._state.out.ended:
            return []
        commands = [*self._state.out.take(), *self._last_words(now)]
        self._state.out = Outgoing(ended=True)
        return commands

    def _finish_pass(self, now: float) -> list[Command]:
        out = self._state.out
        if not out.ended:
            upkeep(self._state, now)
        commands = out.take()
        if out.ending is not None:
            commands += [*self._last_words(now), out.ending]
            self._state.out = Outgoing(ended=True)
        self._due = deadline(self._state)
        return commands

    def _light_pass(self, pcm: bytes, now: float) -> list[Command]:
        # The bulk of all messages, and nothing but itself can become due by it.
        state, intake = self._state, self._state.intake
        heard = None
        if not state.out.ended:
            heard = intake.pass_on(pcm, now, model_hears_speech=state.caller_speaking)
        if heard is None:
            self._caller_audio(pcm, now)
            listen(state, now)
        else:
            state.tally.caller_audio_ms += len(pcm) / 16
        self._due = min(self._due, intake.deadline)
        return [ToModel(AppendAudio(heard))] if heard else state.out.take()

    def _last_words(self, now: float) -> list[Command]:
        state = self._state
        state.out = Outgoing()
        turns.settle(state, now)
        for cut in state.playout.interrupt(now):
            state.history.cut(cut.item_id, cut.heard_ms, cut.received_ms)
        tell_transcripts(state, state.history.take_rest())
        return state.out.take()

    def _caller_audio(self, pcm: bytes, now: float) -> None:
        state = self._state
        state.tally.caller_audio_ms += len(pcm) / 16
        dropped_ms = state.intake.add(pcm, now)
        if dropped_ms:
            if not state.tally.dropped_audio_ms:
                state.out.note(
                    "warning", "caller audio dropped", why="too much at once"
                )
            state.tally.dropped_audio_ms += dropped_ms

    def _init(self, uuid: object) -> None:
        state = self._state
        if state.begun:
            # Once: a peer that repeats it must not fill the log.
            if not state.init_repeated:
                state.init_repeated = True
                state.out.note("info", "second init ignored")
            return
        state.begun = True
        if is_usable_uuid(uuid):
            state.out.begin(str(uuid))
            return
        state.out.caller(
            avr.Failure(
                "The uuid of the init message is not 1 to 128 printable ASCII characters "
                "without '/' and spaces; the call goes on under another id."
            )
        )
        state.out.begin(state.fallback_uuid)

    def _bad_message(self, fault: BadMessage) -> None:
        state = self._state
        state.tally.bad_messages += 1
        if state.tally.bad_messages >= _MOST_BAD_MESSAGES:
            state.out.end(1008, "too many bad messages", "Too many faulty messages.")
        else:
            state.out.caller(avr.Failure(str(fault)))

    def _bad_event(self, now: float) -> list[Command]:
        state = self._state
        state.tally.bad_events += 1
        state.out.note("warning", "malformed model event")
        if state.tally.bad_events % _MOST_BAD_EVENTS == 0:
            return self.model_lost(now)
        return self._finish_pass(now)

    def _unknown_type(self, kind: str) -> None:
        known = self._state.unknown_types
        if kind not in known and len(known) < _MOST_UNKNOWN_TYPES:
            known.add(kind)
            self._state.out.note("info", "unknown message type", type=kind[:60])


def is_usable_uuid(uuid: object) -> bool:
    """Whether a call id may become a header, a log field and a file name.

    1 to 128 printable ASCII characters without ``/`` and spaces.
    """
    return (
        isinstance(uuid, str)
        and 1 <= len(uuid) <= _MOST_UUID_CHARS
        and all("!" <= char <= "~" and char != "/" for char in uuid)
    )
