"""One call, on one screen.

::

    caller socket ─┐
    model socket  ─┤                 any of these ends or fails
    caller pump   ─┼─ one nursery ─  → its scope is cancelled with a reason
    model pump    ─┤                 → both sockets get their close code, shielded, 2 s
    clock         ─┤                 → the transcript is closed, one line is logged
    tool tasks    ─┤
    watchdogs     ─┘

The sockets' own tasks live in a nursery around that one: they have to outlive the call
by its closing handshakes. The first who ends a call picks the close code.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import structlog
import trio
from attrs import define, evolve, field, frozen

from trio_sts import plan
from trio_sts.brief import Brief, brief
from trio_sts.conversation.commands import EndCall, RunTool
from trio_sts.conversation.rules.opening import is_usable_uuid
from trio_sts.conversation.session import Conversation
from trio_sts.dialling import open_session
from trio_sts.errors import LegClosed, ModelError
from trio_sts.instructions import resolve
from trio_sts.legs.caller import CallerLeg
from trio_sts.legs.endpoint import Endpoint, with_safety_id
from trio_sts.legs.leg import CallerSide
from trio_sts.legs.model import ModelLeg, open_model
from trio_sts.legs.optional_fields import RefusedFields
from trio_sts.loop.alarms import Alarm, Alarms
from trio_sts.record.summary import summary
from trio_sts.record.transcript import TranscriptFile
from trio_sts.relay import Relay
from trio_sts.settings import Settings, transcriber
from trio_sts.tools.registry import Registry
from trio_sts.tools.tool import CallContext
from trio_sts.transcribing import Transcribing
from trio_sts.wire import avr
from trio_sts.wire.metadata import clean_metadata

# Both closing handshakes together.
CLOSE_S = 2.0
_SERVICE_STOPS = 1001
_TOOL_NAME_CHARS = 64
_STOPPING = EndCall(_SERVICE_STOPS, "service stopping", "This service is stopping.")
_CRASHED = EndCall(1011, "crashed", "An internal error has ended the call.")

_log = structlog.get_logger()


@frozen
class Services:
    """All that calls share: settings, tools, the alarms, and what endpoints refuse."""

    settings: Settings
    endpoint: Endpoint
    refused_fields: RefusedFields
    registry: Registry
    http: httpx.AsyncClient
    alarms: Alarms


@define(eq=False)
class Call:
    """One call; it ends once, by whoever is first.

    Attributes:
        services: What it shares with other calls.
        free_place: Called when it is over, before its closing handshakes.
        uuid: The call id: AVR Core's, or one of ours where that cannot be used.
        ending: How it ended; None while it lives.
    """

    services: Services
    free_place: Callable[["Call"], None]
    uuid: str = field(factory=lambda: str(uuid4()))
    ending: EndCall | None = None
    _scope: trio.CancelScope = field(factory=trio.CancelScope)
    _started_at: float = field(factory=trio.current_time)
    _caller: CallerSide = field(init=False)
    _model: ModelLeg | None = None
    _alarm: Alarm = field(init=False)
    _metadata: Mapping[str, str] = field(init=False, repr=False)
    _relay: Relay = field(init=False)
    _tool_context: CallContext = field(init=False, repr=False)
    _sockets: trio.Nursery = field(init=False)
    _tasks: trio.Nursery = field(init=False)
    _provider_config: Mapping[str, Any] | None = field(default=None, repr=False)
    _brief: Brief | None = field(default=None, repr=False)
    _transcribing: Transcribing = field(factory=Transcribing)
    _transcript: TranscriptFile = field(factory=TranscriptFile)
    _begun: trio.Event = field(factory=trio.Event)
    _model_over: trio.Event = field(factory=trio.Event)

    async def run(self, stream: trio.abc.Stream) -> None:
        """Run the call over a socket, from the WebSocket handshake to the last frame.

        Nothing outlives it, and nothing is raised but a cancellation.
        """
        with self.services.alarms.alarm() as self._alarm:
            async with trio.open_nursery() as self._sockets:
                if await self._accept(stream):
                    try:
                        await self._hold()
                    finally:
                        self.free_place(self)
                        with trio.move_on_after(CLOSE_S, shield=True):
                            await self._close()
                        self._over()
                self._sockets.cancel_scope.cancel(reason="the call is over")

    async def _hold(self) -> None:
        """The life of the call: it is over when its scope is cancelled."""
        try:
            with self._scope:
                async with trio.open_nursery() as self._tasks:
                    start = self._tasks.start_soon
                    start(self._relay.pump_caller)
                    start(self._relay.watch_caller)
                    start(self._relay.keep_time)
                    await self._begun.wait()
                    await self._open_model()
        # The guard of the call: it ends with its code, and the server lives on.
        except* Exception:  # noqa: BLE001
            _log.exception("call crashed")
            self.end(_CRASHED)

    def end(self, ending: EndCall) -> None:
        """End the call, unless it is ending already."""
        if self.ending is None:
            self.ending = ending
            self._scope.cancel(reason=ending.outcome)

    def stop(self) -> None:
        """End the call because the service stops."""
        self.end(_STOPPING)

    async def _close(self) -> None:
        """Both legs get their close code at the same time."""
        ending = self.ending or _STOPPING
        self._relay.finish()
        if ending.failure is not None:
            self._caller.post(avr.Failure(ending.failure))
        async with trio.open_nursery() as closing:
            closing.start_soon(self._caller.aclose, ending.code, ending.outcome)
            if self._model is not None:
                stopping = ending.code == _SERVICE_STOPS
                code = _SERVICE_STOPS if stopping else 1000
                closing.start_soon(self._model.aclose, code)

    async def _accept(self, stream: trio.abc.Stream) -> bool:
        settings = self.services.settings
        try:
            caller = await CallerLeg.accept(
                self._sockets,
                stream,
                stall_s=settings.caller_stall_s,
                fast=settings.fast_path,
            )
        except LegClosed:
            return False
        if caller.uuid is not None and is_usable_uuid(caller.uuid):
            self.uuid = caller.uuid
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        core = Conversation(
            plan.rules(settings, self.services.registry.call_control()),
            now=self._started_at,
            fallback_uuid=self.uuid,
        )
        self._metadata = clean_metadata(caller.query)
        self._caller = caller
        self._relay = Relay(core, caller, self, self._alarm)
        return True

    def begin(self, uuid: str, provider_config: Mapping[str, Any] | None) -> None:
        """``init`` has come: the model may be dialled for this call id."""
        self.uuid = uuid
        self._provider_config = provider_config
        self._relay.log = _log.bind(call_id=uuid)
        self._relay.log.info("call begun")
        self._transcript = TranscriptFile.open(
            self.services.settings.transcript_dir, uuid
        )
        self._transcript.write("begun", {"call_id": uuid})
        self._tool_context = self.services.registry.context(uuid, self._metadata, _log)
        self._begun.set()

    async def _open_model(self, budget_s: float | None = None) -> None:
        """Open a session; the core hears of it, or that there is none to be had."""
        try:
            await self._dial(budget_s)
        except* ModelError as group:
            self._relay.model_failed("no model", _reason_for_caller(group))

    async def _dial(self, budget_s: float | None) -> None:
        """Dial while the instructions are being found, then set the session up."""
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        opened = await open_session(
            self,
            self._get_briefed,
            partial(self._endpoint, budget_s),
            self.services.refused_fields,
        )
        self._brief = brief = opened.brief
        model, info = opened.model, opened.info
        permitted = brief.tools.permitted()
        self._relay.model_ready(model, info, brief.welcome_message, permitted)
        self._tasks.start_soon(self._relay.pump_model, model)
        self._tasks.start_soon(self._relay.watch_model, model)

    async def connect(self, endpoint: Endpoint) -> ModelLeg:
        """Dial a model; its leg is closed when another one is dialled, or with the call."""
        # Kept at once: a call that ends meanwhile closes it with the caller leg.
        model: ModelLeg = await self._sockets.start(self._keep_model, endpoint)
        self._model = model
        return model

    def _endpoint(self, budget_s: float | None, brief: Brief | None) -> Endpoint:
        """Where this call's model is, as far as that is known, and who calls."""
        services, brief = self.services, brief or self._brief
        endpoint = services.endpoint if brief is None else brief.endpoint
        caller = self._metadata.get("from", "")
        endpoint = with_safety_id(endpoint, services.settings, caller)
        if budget_s is None:
            return endpoint
        return evolve(endpoint, connect_budget_s=budget_s)

    async def _keep_model(
        self, endpoint: Endpoint, *, task_status: trio.TaskStatus[ModelLeg]
    ) -> None:
        # Beside the call and not under it: the leg outlives it by its closing handshake.
        over = self._model_over = trio.Event()
        async with open_model(endpoint) as model:
            task_status.started(model)
            await over.wait()

    async def _get_briefed(self) -> Brief:
        """What is this call's own, found once."""
        if self._brief is None:
            services = self.services
            found = await resolve(
                services.settings,
                self.uuid,
                self._metadata,
                services.http,
                provider_config=self._provider_config,
            )
            self._brief = brief(
                services.settings, services.endpoint, services.registry, found
            )
            if found.config.record is False:
                self._transcript.discard()
        return self._brief

    def reconnect(self) -> None:
        """The model leg is gone: open another one, within a budget of its own."""
        self._model_over.set()
        budget_s = self.services.settings.reconnect_budget_s
        self._tasks.start_soon(self._open_model, budget_s)

    def leave_model(self) -> None:
        """The model is given up: its leg is closed, the call goes on without it."""
        self._model_over.set()

    def run_tool(self, command: RunTool) -> None:
        """Start a tool; it is cancelled with the call."""
        self._tasks.start_soon(self._run_tool, command)

    async def _run_tool(self, command: RunTool) -> None:
        structlog.contextvars.bind_contextvars(call_id=self.uuid)
        started_at = trio.current_time()
        run = self.services.registry.run
        if not command.own:
            run = (await self._get_briefed()).tools.run
        try:
            outcome = await run(command.name, command.arguments, self._tool_context)
        except trio.Cancelled:
            age_s = round(trio.current_time() - started_at, 1)
            name = command.name[:_TOOL_NAME_CHARS]
            _log.info("tool cancelled", tool=name, age_s=age_s)
            raise
        self._relay.tool_finished(
            command.call_id, outcome.output, ok=outcome.ok, silent=outcome.silent
        )

    def transcription_failed(self, turn: int) -> dict[str, Any] | None:
        """A default transcription model that fails early gives way to the next."""
        if self._brief is None:
            return None
        fields = self.services.refused_fields
        return self._transcribing.after_failure(self._brief, fields, turn)

    def record(self, kind: str, fields: dict[str, Any]) -> None:
        """Keep one entry of the transcript, if one is kept."""
        self._transcript.write(kind, fields)

    def _over(self) -> None:
        """Let the model's socket be closed, and write one line to the log."""
        self._model_over.set()
        ending = self.ending or _STOPPING
        own = self.services.settings if self._brief is None else self._brief.settings
        fields = summary(
            self._relay.core.counters,
            outcome=ending.outcome,
            code=ending.code,
            duration_s=trio.current_time() - self._started_at,
            model=own.model,
            transcriber=transcriber(own),
        )
        self._transcript.write(
            "ended", {"outcome": ending.outcome, "code": ending.code}
        )
        self._transcript.close()
        self._relay.log.info("call ended", **fields)


def _reason_for_caller(group: BaseExceptionGroup[ModelError]) -> str:
    """Why there is no model, in words for the caller's side."""
    error: ModelError | BaseExceptionGroup[ModelError] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    _log.warning("no model", why=str(error))
    return f"The assistant is not available: {error.reason_for_caller}."
