"""The spans of one call: call, turn, response, tool.

::

    invoke_agent trio-sts
      turn                    from what the caller says, or the greeting, to the next turn
        chat gpt-realtime     a response, from its creation to its end
          execute_tool NAME   a tool that it has asked for

A turn ends with the last that was done in it. All times are Trio's clock, told as the
time of day that it was when the call began and so much later.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, field
from opentelemetry.propagate import inject
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue
from typing_extensions import override

from trio_sts import __version__
from trio_sts.conversation.commands import (
    Begin,
    Command,
    EndCall,
    Note,
    Record,
    RunTool,
)
from trio_sts.conversation.inputs import BadEvent
from trio_sts.observing.observer import Observed, Observer
from trio_sts.record.finished_call import FinishedCall
from trio_sts.record.outcomes import is_failure
from trio_sts.settings import Settings, is_azure
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import Response, Usage
from trio_sts.wire.realtime.session import SessionConfig

from . import names
from .messages import Messages

_AGENT: Final = "trio-sts"
_NAME_CHARS: Final = 64
# A model with more open responses than this never ends any.
_MOST_RESPONSES: Final = 16


@define
class _Turn:
    """What the caller has said, or the greeting, and all that comes of it."""

    span: Span
    last_at: float


@define(eq=False)
class CallTrace(Observer):
    """Makes the spans of one call, and ends all of them with it."""

    tracer: Tracer
    call: Observed
    content: bool = field(default=False, kw_only=True)
    _begun: bool = field(default=False, init=False)
    _epoch_ns: int = field(init=False)
    _root: Span = field(init=False)
    _turn: _Turn | None = field(default=None, init=False)
    _turns: int = field(default=0, init=False)
    _responses: dict[str, Span] = field(factory=dict[str, Span], init=False)
    _latest: Span | None = field(default=None, init=False)
    _latest_at: float = field(default=0.0, init=False)
    _tools: dict[str, Span] = field(factory=dict[str, Span], init=False)
    _messages: Messages = field(factory=Messages, init=False)
    _model: str = field(default="", init=False)
    # Of the model's side; they belong to every span that asks it for something.
    _of_model: dict[str, AttributeValue] = field(
        factory=dict[str, AttributeValue], init=False
    )

    def __attrs_post_init__(self) -> None:
        wall_ns = int(datetime.now(UTC).timestamp() * 1e9)
        # The caller leg may have opened some moments ago; that is not noticed here.
        self._epoch_ns = wall_ns - int(self.call.started_at * 1e9)
        self._root = self.tracer.start_span(
            f"{names.INVOKE_AGENT} {_AGENT}",
            kind=SpanKind.SERVER,
            attributes={
                names.OPERATION: names.INVOKE_AGENT,
                names.AGENT: _AGENT,
                names.AGENT_VERSION: __version__,
                names.CONVERSATION: self.call.fallback_uuid,
                names.OUTPUT_TYPE: names.SPEECH,
            },
            start_time=self._ns(self.call.started_at),
        )

    @override
    def headers(self, tool: str | None = None) -> Mapping[str, str]:
        """``traceparent`` of a tool's span, or of the call's."""
        span = self._tools.get(tool, self._root) if tool is not None else self._root
        carrier: dict[str, str] = {}
        inject(carrier, set_span_in_context(span))
        return carrier

    @override
    def settled(self, settings: Settings, session: SessionConfig, now: float) -> None:
        """What the model is."""
        self._model = settings.model
        provider = "azure.ai.openai" if is_azure(settings) else "openai"
        self._of_model = {
            names.PROVIDER: "trio_sts.embedded" if settings.embedded else provider,
            names.MODEL: settings.model,
        }
        self._root.set_attributes(self._of_model)
        host = urlsplit(settings.base_url).hostname
        if host and not settings.embedded:
            self._of_model[names.SERVER_ADDRESS] = host
        self.content = self.content and settings.record_text

    @override
    def came(self, event: events.ServerEvent | BadEvent, now: float) -> None:
        read = _EVENTS.get(type(event))
        if read is not None:
            read(self, event, now)

    @override
    def asked(self, command: Command, now: float) -> None:
        match command:
            case Begin(uuid=uuid):
                self._begun = True
                self._root.set_attribute(names.CONVERSATION, uuid)
            case Note():
                self._note(command, now)
            case RunTool():
                self._tool_begins(command, now)
            case Record() if self.content:
                self._messages.add(command)
            case _:
                pass

    @override
    def noted(self, kind: str, fields: Mapping[str, Any], now: float) -> None:
        match kind:
            case "tool":
                self._tool_ends(fields, now)
            case "dial":
                attributes = {"result": fields["result"], "took_s": fields["took_s"]}
                self._root.add_event("dial", attributes, self._ns(now))
            case _:
                pass

    @override
    def ended(self, finished: FinishedCall | None, ending: EndCall, now: float) -> None:
        for span in (*self._tools.values(), *self._responses.values()):
            span.set_status(Status(StatusCode.ERROR, "the call is over"))
            span.end(self._ns(now))
        self._end_turn()
        root = self._root
        root.set_attributes(
            {names.OUTCOME: ending.outcome, names.CLOSE_CODE: ending.code}
        )
        if finished is not None:
            root.set_attributes(_usage_of_call(finished))
        if self.content:
            root.set_attributes(self._messages.attributes())
        if self._begun and is_failure(ending.outcome, ending.code):
            root.set_attribute(names.ERROR_TYPE, ending.outcome)
            root.set_status(Status(StatusCode.ERROR, ending.outcome))
        root.end(self._ns(now))

    def _ns(self, at: float) -> int:
        return self._epoch_ns + int(at * 1e9)

    def turn_begins(self, _: object, now: float) -> None:
        """The caller says something: what comes from now on belongs to it."""
        self._end_turn()
        self._begin_turn(now, "turn")

    def response_created(self, event: events.ResponseCreated, now: float) -> None:
        """A response begins."""
        if len(self._responses) < _MOST_RESPONSES:
            self._response(event.response.id, now)

    def response_done(self, event: events.ResponseDone, now: float) -> None:
        """A response has ended; its creation may not have been told."""
        response = event.response
        span = self._responses.pop(response.id, None)
        if span is None:
            span = self._response(response.id, now)
            self._responses.pop(response.id, None)
        span.set_attributes(_end_of(response, event.usage or response.usage))
        if response.status in {"failed", "incomplete"}:
            code = response.error.code if response.error is not None else None
            why = code or response.reason or response.status
            span.set_attribute(names.ERROR_TYPE, why[:_NAME_CHARS])
            span.set_status(Status(StatusCode.ERROR))
        span.end(self._ns(now))
        self._touch(now)

    def _response(self, response_id: str, now: float) -> Span:
        turn = self._turn or self._begin_turn(self.call.started_at, "greeting")
        span = self.tracer.start_span(
            f"{names.CHAT} {self._model}".strip(),
            set_span_in_context(turn.span),
            kind=SpanKind.CLIENT,
            attributes={
                names.OPERATION: names.CHAT,
                names.OUTPUT_TYPE: names.SPEECH,
                names.RESPONSE_ID: response_id[:_NAME_CHARS],
                **self._of_model,
            },
            start_time=self._ns(now),
        )
        self._responses[response_id] = span
        self._latest, self._latest_at = span, now
        self._touch(now)
        return span

    def _begin_turn(self, now: float, kind: str) -> _Turn:
        span = self.tracer.start_span(
            "turn",
            set_span_in_context(self._root),
            attributes={names.TURN: self._turns, names.KIND: kind},
            start_time=self._ns(now),
        )
        self._turns += 1
        self._turn = _Turn(span, now)
        return self._turn

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.span.end(self._ns(turn.last_at))

    def _touch(self, now: float) -> None:
        if self._turn is not None:
            self._turn.last_at = now

    def _note(self, note: Note, now: float) -> None:
        turn = self._turn
        if turn is None:
            turn = self._begin_turn(self.call.started_at, "greeting")
        if note.event == "agent begins":
            turn.span.set_attribute(names.FIRST_AUDIO_S, note.fields["after_s"])
            if self._latest is not None:
                first_s = max(now - self._latest_at, 0.0)
                self._latest.set_attribute(names.FIRST_CHUNK_S, first_s)
        elif note.event in _TOLD:
            turn.span.add_event(note.event, _plain(note.fields), self._ns(now))
        self._touch(now)

    def _tool_begins(self, command: RunTool, now: float) -> None:
        name = command.name[:_NAME_CHARS]
        attributes: dict[str, AttributeValue] = {
            names.OPERATION: names.EXECUTE_TOOL,
            names.TOOL_NAME: name,
            names.TOOL_CALL_ID: command.call_id[:_NAME_CHARS],
            names.TOOL_TYPE: names.FUNCTION,
        }
        if self.content:
            attributes[names.TOOL_ARGUMENTS] = command.arguments
        parent = self._latest or self._root
        self._tools[command.call_id] = self.tracer.start_span(
            f"{names.EXECUTE_TOOL} {name}",
            set_span_in_context(parent),
            attributes=attributes,
            start_time=self._ns(now),
        )
        self._touch(now)

    def _tool_ends(self, fields: Mapping[str, Any], now: float) -> None:
        span = self._tools.pop(fields["key"], None)
        if span is None:
            return
        outcome: str = fields["outcome"]
        span.set_attribute(names.TOOL_OUTCOME, outcome)
        if outcome != "ok":
            span.set_attribute(names.ERROR_TYPE, outcome)
            span.set_status(Status(StatusCode.ERROR, outcome))
        span.end(self._ns(now))
        self._touch(now)


# What else happens in a turn, as the core names it.
_TOLD: Final = frozenset(
    {
        "barge-in",
        "dead air",
        "answers came to nothing",
        "answer cut",
        "model error",
        "model refused",
        "model given up",
        "model restored",
        "session renewed",
        "response failed",
        "caller silent",
        "call control",
        "caller audio dropped",
    }
)
_EVENTS: Final[Mapping[type, Callable[[CallTrace, Any, float], None]]] = {
    events.SpeechStarted: CallTrace.turn_begins,
    events.ResponseCreated: CallTrace.response_created,
    events.ResponseDone: CallTrace.response_done,
}


def _plain(fields: Mapping[str, Any]) -> dict[str, AttributeValue]:
    return {
        name: value
        for name, value in fields.items()
        if isinstance(value, str | int | float)
    }


def _end_of(response: Response, usage: Usage | None) -> dict[str, AttributeValue]:
    told: dict[str, AttributeValue] = {
        names.FINISH_REASONS: [(response.reason or response.status)[:_NAME_CHARS]]
    }
    if usage is not None:
        told |= {
            names.INPUT_TOKENS: usage.input_audio_tokens + usage.input_text_tokens,
            names.OUTPUT_TOKENS: usage.output_audio_tokens + usage.output_text_tokens,
            names.CACHED_TOKENS: usage.cached_audio_tokens + usage.cached_text_tokens,
        }
    return told


def _usage_of_call(finished: FinishedCall) -> dict[str, AttributeValue]:
    tokens = finished.tokens
    told: dict[str, AttributeValue] = {
        names.INPUT_TOKENS: tokens.input_audio + tokens.input_text,
        names.OUTPUT_TOKENS: tokens.output_audio + tokens.output_text,
        names.CACHED_TOKENS: tokens.cached_audio + tokens.cached_text,
    }
    if finished.cost.usd is not None:
        told[names.COST_USD] = finished.cost.usd
    return told
