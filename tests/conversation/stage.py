"""A conversation on a stage: the clock, the caller, the model and AVR Core are ours."""

from typing import Any, Self, TypeVar

from attrs import define, field

from trio_sts.audio.framing import FRAME_BYTES
from trio_sts.conversation import commands, inputs
from trio_sts.conversation.config import Permitted, Rules
from trio_sts.conversation.session import Conversation
from trio_sts.errors import BadMessage
from trio_sts.wire import avr
from trio_sts.wire.realtime import events, requests
from trio_sts.wire.realtime.items import (
    ContentPart,
    ErrorDetail,
    Item,
    Response,
    SessionInfo,
    Usage,
)

from .avr_core import AvrCore
from .recorded import Recorded

# What speaks up by itself, or waits for it, is tried where it is the subject.
QUIET: dict[str, Any] = {
    "idle_s": 1e6,
    "silence_prompt_s": 0,
    "farewell": False,
    "hangup_grace_ms": 0,
}
VOICE = b"\x01\x02" * (FRAME_BYTES // 2)
_FRAME_S = 0.02
_T = TypeVar("_T")


def spoken(item: str, words: str = "", *, status: str = "completed") -> Item:
    """A message of the agent's, as a response lists it."""
    part = ContentPart("output_audio", transcript=words or None)
    return Item(item, "message", "assistant", status, (part,))


def called(
    call_id: str, name: str | None = "look_up", *, status: str = "completed"
) -> Item:
    """A function call, as a response lists it."""
    return Item(
        f"item_{call_id}",
        "function_call",
        status=status,
        call_id=call_id,
        name=name,
        arguments="{}",
    )


@define
class Stage:
    """Owns a conversation and its clock, and remembers every command with its time.

    What is remembered is what a command carries: messages to the caller, events to the
    model, and the other commands themselves.
    """

    rules: Rules = field(factory=lambda: Rules(greeting=False, **QUIET))
    now: float = 1000.0
    grid_s: float = 1000.0
    conversation: Conversation = field(init=False)
    core: AvrCore = field(init=False)
    recorded: Recorded = field(init=False)
    log: list[tuple[float, Any]] = field(factory=list[tuple[float, Any]])
    ticks: int = 0
    _marked: int = 0

    def __attrs_post_init__(self) -> None:
        self.recorded = Recorded(self.rules, self.now)
        self.conversation = Conversation(
            self.rules,
            now=self.now,
            fallback_uuid="fallback",
            detector=self.recorded.detector,
        )
        self.recorded.core = self.conversation
        self.core = AvrCore(self.rules.audio_format, grid_s=self.grid_s)

    @classmethod
    def ready(cls, **rules: Any) -> Self:
        """A call whose model is ready; nothing is remembered of how it got there."""
        given: dict[str, Any] = {"greeting": False, **QUIET, **rules}
        stage = cls(Rules(**given))
        stage.init()
        stage.model_ready()
        stage.mark()
        return stage

    # What was commanded.

    def all(self, kind: type[_T]) -> list[_T]:
        """Everything of a kind since the last `mark`."""
        return [what for _, what in self.log[self._marked :] if isinstance(what, kind)]

    def times(self, kind: type) -> list[float]:
        """When it was commanded, in seconds since now (so zero or less)."""
        seen = self.log[self._marked :]
        return [round(at - self.now, 6) for at, what in seen if isinstance(what, kind)]

    def kinds(self) -> list[str]:
        """What was commanded since the last `mark`, by class name, what is for the record left out."""
        seen = [what for _, what in self.log[self._marked :]]
        return [
            type(w).__name__
            for w in seen
            if not isinstance(w, commands.Note | commands.Record)
        ]

    def mark(self) -> None:
        """Forget what was commanded so far."""
        self._marked = len(self.log)

    @property
    def creates(self) -> int:
        """How often a response was asked for since the last `mark`."""
        return len(self.all(requests.CreateResponse))

    @property
    def truncated(self) -> list[tuple[str, int]]:
        """Items and milliseconds of the truncates since the last `mark`."""
        cuts = self.all(requests.TruncateItem)
        return [(cut.item_id, cut.audio_end_ms) for cut in cuts]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Transcripts that AVR Core was told since the last `mark`."""
        return [(told.role, told.text) for told in self.all(avr.Transcript)]

    @property
    def end(self) -> commands.EndCall | None:
        """How the call was ended, if it was."""
        last = self.log[-1][1] if self.log else None
        return last if isinstance(last, commands.EndCall) else None

    def over(self) -> bool:
        """Whether the call was ended."""
        return self.end is not None

    # Time.

    def advance(self, seconds: float) -> None:
        """Let time pass, with a tick at each deadline."""
        until = self.now + seconds
        while True:
            at = min(self.conversation.deadline, self.core.report_at)
            if at > until + 1e-12:
                break
            self.now = max(self.now, at)
            for mark in self.core.take_marks(self.now):
                self.take(avr.MarkPlayed(mark))
            if self.conversation.deadline <= self.now:
                self.tick()
                assert self.conversation.deadline > self.now, "a busy loop"
        # A deadline may be the later one, by the last digit of a float: time never goes back.
        self.now = max(self.now, until)
        self.core.play_until(until)

    def stall(self, seconds: float) -> None:
        """Let time pass, and nobody looks at the deadline."""
        self.now += seconds
        self.core.play_until(self.now)

    def tick(self) -> None:
        self.ticks += 1
        self.take(inputs.Tick())

    # AVR Core.

    def init(self, uuid: object = "call-1") -> None:
        self.caller(avr.Init(uuid))

    def caller(self, message: avr.FromCore | BadMessage) -> None:
        self.take(message)

    def talk(self, seconds: float = _FRAME_S) -> None:
        """The caller's frames for some time, one at each 20 ms."""
        for _ in range(round(seconds / _FRAME_S)):
            self.caller(avr.CallerAudio(VOICE))
            self.advance(_FRAME_S)

    def caller_frame(self) -> None:
        """One frame, and no time passes."""
        self.caller(avr.CallerAudio(VOICE))

    def keys(self, digits: str) -> None:
        for digit in digits:
            self.caller(avr.DtmfDigit(digit))

    def finish(self) -> None:
        """The caller hung up."""
        self.take(inputs.Finish())

    # The model.

    def model_ready(
        self,
        welcome_message: str | None = None,
        *,
        permitted: Permitted | None = None,
        lasts_s: float = float("inf"),
    ) -> None:
        self.take(
            inputs.ModelReady(
                SessionInfo(model="a-model"),
                self.now + lasts_s,
                welcome_message,
                permitted or Permitted(),
            )
        )

    def spare_ready(self, lasts_s: float = float("inf")) -> None:
        """The session that is to follow is set up."""
        self.take(inputs.SpareReady(self.now + lasts_s))

    def spare_lost(self) -> None:
        self.take(inputs.SpareLost())

    def model(self, event: events.ServerEvent | BadMessage) -> None:
        if isinstance(event, BadMessage):
            self.take(inputs.BadEvent(event))
        else:
            self.take(event)

    def model_lost(self, *, unsent: bytes = b"") -> None:
        self.take(inputs.ModelLost(unsent))

    def model_failed(
        self, outcome: str = "no model", reason: str = "It is away."
    ) -> None:
        self.take(inputs.ModelFailed(outcome, reason))

    def speech_started(self) -> None:
        self.model(events.SpeechStarted())

    def speech_stopped(self) -> None:
        self.model(events.SpeechStopped())

    def created(self, response: str = "r1") -> None:
        self.model(events.ResponseCreated(Response(response)))

    def delta(
        self, ms: float, item: str = "i1", response: str = "r1", *, part: int = 0
    ) -> None:
        audio = self.core.audio_of(item, ms)
        self.model(events.AudioDelta(response, item, audio, part))

    def announce(self, item: str = "i1", response: str = "r1") -> None:
        """``response.output_item.added`` of a message."""
        self.model(events.OutputItemAdded(spoken(item, status="in_progress"), response))

    def audio_done(self, item: str = "i1", response: str = "r1") -> None:
        self.model(events.AudioDone(response, item))

    def words(self, text: str, item: str = "i1", response: str = "r1") -> None:
        self.model(events.TranscriptDone(response, item, text))

    def done(
        self,
        response: str = "r1",
        status: str = "completed",
        *output: Item,
        error: ErrorDetail | None = None,
        usage: Usage | None = None,
    ) -> None:
        whole = Response(response, status, error=error, output=output, usage=usage)
        self.model(events.ResponseDone(whole))

    def failed(
        self,
        response: str = "r1",
        *,
        code: str | None = "server_error",
        message: str = "",
    ) -> None:
        self.done(response, "failed", error=ErrorDetail(code=code, message=message))

    def error(
        self,
        code: str | None = None,
        *,
        message: str = "",
        kind: str | None = None,
        event_id: str | None = None,
    ) -> None:
        error = ErrorDetail(kind, code, message, event_id=event_id)
        self.model(events.ErrorEvent(error))

    def function_call(
        self,
        call_id: str = "c1",
        name: str | None = "look_up",
        response: str = "r1",
        arguments: str = "{}",
    ) -> None:
        """``response.function_call_arguments.done``."""
        self.model(
            events.ArgumentsDone(response, f"item_{call_id}", call_id, name, arguments)
        )

    def tool_finished(
        self,
        call_id: str = "c1",
        output: str = '"found"',
        *,
        ok: bool = True,
        silent: bool = False,
    ) -> None:
        self.take(inputs.ToolFinished(call_id, output, ok, silent))

    def answer(self, ms: float, item: str = "i1", response: str = "r1") -> None:
        """A whole response that says something, as fast as the model sends it."""
        self.created(response)
        self.announce(item, response)
        self.delta(ms, item, response)
        self.audio_done(item, response)
        self.done(response, "completed", spoken(item))

    def call_tool(
        self, call_id: str = "c1", name: str = "look_up", response: str = "r1"
    ) -> None:
        """A whole response that is one function call."""
        self.created(response)
        self.function_call(call_id, name, response)
        self.done(response, "completed", called(call_id, name))

    def caller_said(self, item: str, text: str) -> None:
        self.model(events.TranscriptionCompleted(item, text))

    def committed(self, item: str) -> None:
        self.model(events.InputCommitted(item))

    def take(self, input_: inputs.Input) -> None:
        """One pass of the core; what the peer has reported before comes first."""
        if not isinstance(input_, avr.MarkPlayed):
            for mark in self.core.take_marks(self.now):
                self.take(avr.MarkPlayed(mark))
        done = self.conversation.take(input_, self.now)
        self.recorded.took(input_, self.now, done)
        self._perform(done)

    def _perform(self, done: list[commands.Command]) -> None:
        for command in done:
            match command:
                case commands.ToCaller(message=message):
                    self._to_caller(message)
                case commands.ToModel(event=event):
                    self.log.append((self.now, event))
                case _:
                    self.log.append((self.now, command))

    def _to_caller(self, message: avr.ToCore) -> None:
        self.log.append((self.now, message))
        if isinstance(message, avr.AgentAudio):
            self.core.receive(message.pcm, self.now, message.mark)
        elif isinstance(message, avr.Interruption):
            self.core.flush(self.now)
