"""The pumps of a call, and the one place where the core is given its inputs.

A pump hands each message to the core and performs what comes back at once: posting to a
leg never waits, so reading one leg never waits for the other one's socket. What the core
was given, and what it asked for, goes to the call's record in the same place: `Relay.take`.
Whoever looks on is told there too, all but the audio.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NoReturn, Protocol

import structlog
import trio
from attrs import define, field
from structlog.typing import FilteringBoundLogger

from trio_sts.conversation.commands import (
    Begin,
    Command,
    EndCall,
    LeaveModel,
    Note,
    OpenSpare,
    Reconnect,
    Record,
    RunTool,
    ToCaller,
    ToModel,
    UseSpare,
)
from trio_sts.conversation.config import Permitted
from trio_sts.conversation.inputs import (
    BadEvent,
    Finish,
    Input,
    ModelFailed,
    ModelLost,
    ModelReady,
    SpareLost,
    SpareReady,
    Tick,
    ToolFinished,
)
from trio_sts.conversation.session import Conversation
from trio_sts.errors import BadMessage, LegClosed, LegSilent, ModelRefused, PeerFault
from trio_sts.legs.dial import hung_up
from trio_sts.legs.leg import CallerSide, ModelSide
from trio_sts.loop.alarms import Alarm
from trio_sts.observing.observer import NOBODY, Observer
from trio_sts.wire.realtime import events
from trio_sts.wire.realtime.items import SessionInfo
from trio_sts.wire.realtime.requests import UpdateSession


class CallActions(Protocol):
    """What the relay asks of the call that it is in."""

    def begin(self, uuid: str, provider_config: Mapping[str, Any] | None) -> None:
        """``init`` has come: open the model's side. Called once."""
        ...

    def reconnect(self, after_s: float) -> None:
        """The model leg is gone: open another one after a pause."""
        ...

    def open_spare(self) -> None:
        """Open a second session beside the one in use."""
        ...

    def use_spare(self) -> None:
        """The second session is the one in use: close the leg of the first one."""
        ...

    def transcription_failed(self, turn: int) -> dict[str, Any] | None:
        """What to ask of the session after it; None for nothing."""
        ...

    def leave_model(self) -> None:
        """The model is given up: close its leg, and open no other one."""
        ...

    def run_tool(self, command: RunTool) -> None:
        """Start a tool; its outcome comes back by `Relay.tool_finished`."""
        ...

    def end(self, ending: EndCall) -> None:
        """End the call; the first end wins."""
        ...


class Recorder(Protocol):
    """What keeps the call's record, as far as the relay knows it."""

    @property
    def took(self) -> Callable[[Input, float, list[Command]], None]:
        """Told that the core was given an input at a time, and asks for commands."""
        ...

    def crashed(self, input_: Input, now: float, error: Exception) -> None:
        """The core was given an input at this time, and has failed."""
        ...

    def entry(self, kind: str, fields: dict[str, Any]) -> None:
        """Keep one entry of the call's transcript."""
        ...

    def note(self, kind: str, **fields: Any) -> None:
        """Something happened that the core does not see."""
        ...


_TICK: Final = Tick()


@define(eq=False)
class Relay:
    """The conversation core between two legs; the model's comes later."""

    core: Conversation
    caller: CallerSide
    actions: CallActions
    record: Recorder
    alarm: Alarm
    observer: Observer = NOBODY
    model: ModelSide | None = None
    spare: ModelSide | None = None
    log: FilteringBoundLogger = field(factory=structlog.get_logger)

    async def pump_caller(self) -> None:
        """Caller leg to core, until the caller leg ends, which ends the call."""
        try:
            await self.caller.run(self.take)
        except LegClosed as closed:
            self._caller_left(closed)
        except PeerFault as fault:
            self.actions.end(
                EndCall(fault.code, "caller leg faulty", fault.reason_for_caller)
            )

    async def watch_caller(self) -> None:
        """See that the caller leg takes what is posted to it."""
        try:
            await self.caller.watch()
        except LegClosed as closed:
            self._caller_left(closed)
        except PeerFault as fault:
            self.actions.end(
                EndCall(fault.code, "caller does not read", fault.reason_for_caller)
            )

    def model_ready(
        self,
        model: ModelSide,
        info: SessionInfo,
        welcome_message: str | None,
        permitted: Permitted,
        ends_at: float,
    ) -> None:
        """The model leg is set up: from now on it is posted to."""
        self.model = model
        self.take(ModelReady(info, ends_at, welcome_message, permitted))

    def spare_ready(self, model: ModelSide, ends_at: float) -> None:
        """A second session is set up: it is posted to once the core uses it."""
        self.spare = model
        self.take(SpareReady(ends_at))

    def spare_lost(self) -> None:
        """There is no second session."""
        self.take(SpareLost())

    async def pump_model(self, model: ModelSide) -> None:
        """Model leg to core, until the model leg ends."""
        try:
            await model.run(partial(self._from_model, model))
        except LegClosed as exc:
            self._model_lost(model, exc)

    async def watch_model(self, model: ModelSide) -> None:
        """See that the model leg takes what is posted to it."""
        try:
            await model.watch()
        except LegClosed as exc:
            self._model_lost(model, exc)

    async def keep_time(self) -> NoReturn:
        """Wake the core whenever its deadline has come."""
        self.alarm.set(self.core.deadline)
        while True:
            await self.alarm.rung()
            self.take(_TICK)

    def model_failed(self, outcome: str, reason: str) -> None:
        """No session can be had: the caller hears so, and the call ends."""
        self.take(ModelFailed(outcome, reason))

    def tool_finished(
        self, call_id: str, output: str, *, ok: bool, silent: bool = False
    ) -> None:
        """A tool has answered; ``silent`` wants nothing said about it."""
        self.take(ToolFinished(call_id, output, ok, silent))

    def finish(self) -> None:
        """The call is over: what the core still has for the record."""
        self.take(Finish())

    def take(self, input_: Input) -> None:
        """Give the core an input, record the pass, and do what it asks for, in order."""
        now = trio.current_time()
        try:
            commands = self.core.take(input_, now)
        except Exception as exc:
            self.record.crashed(input_, now, exc)
            raise
        self.record.took(input_, now, commands)
        for command in commands:
            if isinstance(command, ToModel):
                if self.model is not None:
                    self.model.post(command.event)
            elif isinstance(command, ToCaller):
                self.caller.post(command.message)
            else:
                self._do(command)
                self.observer.asked(command, now)
        self.alarm.set(self.core.deadline)

    def _do(
        self,
        command: Begin
        | Reconnect
        | OpenSpare
        | UseSpare
        | LeaveModel
        | RunTool
        | EndCall
        | Note
        | Record,
    ) -> None:
        match command:
            case Note(level=level, event=event, fields=fields):
                getattr(self.log, level)(event, **fields)
            case Record(kind=kind, fields=fields):
                self.record.entry(kind, dict(fields))
            case RunTool():
                self.actions.run_tool(command)
            case Begin(uuid=uuid, provider_config=provider_config):
                self.actions.begin(uuid, provider_config)
            case EndCall():
                self.actions.end(command)
            case _:
                self._change_session(command)

    def _change_session(
        self, command: Reconnect | OpenSpare | UseSpare | LeaveModel
    ) -> None:
        match command:
            case Reconnect(after_s=after_s):
                self.model = self.spare = None
                self.actions.reconnect(after_s)
            case OpenSpare():
                self.actions.open_spare()
            case UseSpare():
                self.model, self.spare = self.spare, None
                self.actions.use_spare()
            case LeaveModel():
                self.model = self.spare = None
                self.actions.leave_model()

    def _caller_left(self, closed: LegClosed) -> None:
        how = "caller gone" if isinstance(closed, LegSilent) else "caller hung up"
        self.actions.end(EndCall(1000, self.core.end_reason or how))

    def _from_model(
        self, model: ModelSide, event: events.ServerEvent | BadMessage
    ) -> None:
        # One that is to follow has nothing to say yet, and one that was given up may
        # still send while it is being closed.
        if model is not self.model:
            return
        given = BadEvent(event) if isinstance(event, BadMessage) else event
        self.take(given)
        if not isinstance(given, events.AudioDelta):
            self.observer.came(given, trio.current_time())
        if isinstance(event, events.TranscriptionFailed):
            part = self.actions.transcription_failed(self.core.counters.turns)
            if part is not None:
                model.post(UpdateSession(part))

    def _model_lost(self, model: ModelSide, why: LegClosed) -> None:
        if model is self.spare:
            self.spare = None
            self.spare_lost()
        if model is not self.model:
            return
        self.model = None
        self.log.warning("model leg lost", why=str(why))
        meant = hung_up(why)
        if isinstance(meant, ModelRefused):
            # It would be the same with another leg.
            told = f"The assistant is not available: {meant.reason_for_caller}."
            self.model_failed("no model", told)
        else:
            self.take(ModelLost(model.unsent_audio()))
